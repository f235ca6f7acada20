import { PREFILL_CHUNK } from '../engine/engine';
import type { CostModel } from '../governor/costs';
import type { Submodel } from '../matlm/submodel';
import { isAborted } from './abort';
import { inBackground, type OnFault } from './background';
import type { WatchedEngine } from './decode/watchedEngine';
import type { Planner, Unread } from './plan';

export interface ReadAheadParts {
  readonly engine: WatchedEngine;
  readonly costs: CostModel;
  readonly planner: Planner;
  readonly onFault: OnFault;
}

const DECODE_BEGINS = 'a decode begins';

/**
 * Prefills the prompt while the user types, if the first answer in a pause would have to wait for it. The submodels share
 * the engine's cache.
 */
export class ReadAhead {
  private wanted: Unread | undefined;
  private reading: AbortController | undefined;

  constructor(private readonly parts: ReadAheadParts) {}

  /** Read this prompt from now on. Usually it begins like the earlier one, whose current chunk is finished first. */
  begin(unread: Unread): void {
    this.wanted = unread;
    if (!this.reading) this.start();
  }

  stop(): void {
    this.wanted = undefined;
    this.reading?.abort(DECODE_BEGINS);
  }

  private start(): void {
    const { signal } = (this.reading = new AbortController());
    const reading = this.read(signal).finally(() => {
      this.reading = undefined;
      // Another prompt may have come since it was stopped.
      if (signal.aborted && this.wanted) this.start();
    });
    inBackground(reading, this.parts.onFault);
  }

  private async read(signal: AbortSignal): Promise<void> {
    const { engine, planner } = this.parts;
    while (this.wanted && !signal.aborted) {
      // How much of the prompt the cache holds is not known before, and a prompt that ends earlier would shorten the cache.
      if (!engine.isIdle) await engine.idle();
      if (isAborted(signal)) break;
      const { tokens, submodel } = this.wanted;
      const readTokens = tokens.length - planner.unreadOf(tokens);
      // The last token is computed with the decode, because its logits are wanted.
      if (readTokens >= tokens.length - 1) break;
      // A request waits at most for the rest of a chunk, and finished chunks stay in the cache.
      const chunk = tokens.slice(0, readTokens + PREFILL_CHUNK);
      if (!(await this.readChunk(chunk, submodel, signal))) break;
    }
  }

  /** Resolves to whether the chunk was prefilled completely. */
  private readChunk(prompt: readonly number[], submodel: Submodel, signal: AbortSignal): Promise<boolean> {
    const { engine, costs } = this.parts;
    const { widths } = submodel;
    return new Promise((resolve) => {
      engine.generate({ prompt, widths, maxTokens: 0, stopTokens: [] }, signal, (event) => {
        if (event.type === 'prefill') costs.observe(submodel, event.prefilledTokens, event.prefillMs, 0, 0);
        if (event.type === 'end') resolve(event.reason !== 'aborted' && event.reason !== 'failed');
      });
    });
  }
}
