import { type Engine, PREFILL_CHUNK } from '../engine/engine';
import type { CostModel } from '../governor/costs';
import type { Submodel } from '../matlm/submodel';
import type { Planner, Unread } from './plan';

export interface ReadAheadParts {
  readonly engine: Engine;
  readonly costs: CostModel;
  readonly planner: Planner;
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
    if (!this.reading) void this.read();
  }

  stop(): void {
    this.wanted = undefined;
    this.reading?.abort(DECODE_BEGINS);
  }

  private async read(): Promise<void> {
    const { planner } = this.parts;
    const { signal } = (this.reading = new AbortController());
    while (this.wanted && !signal.aborted) {
      const { tokens, submodel } = this.wanted;
      const readTokens = tokens.length - planner.unreadOf(tokens);
      // The last token is computed with the decode, because its logits are wanted.
      if (readTokens >= tokens.length - 1) break;
      // A request waits at most for the rest of a chunk, and finished chunks stay in the cache.
      const chunk = tokens.slice(0, readTokens + PREFILL_CHUNK);
      if (!(await this.readChunk(chunk, submodel, signal))) break;
      planner.wasRead(chunk, submodel.widths);
    }
    this.reading = undefined;
    // Another prompt may have come since it was stopped.
    if (signal.aborted && this.wanted) void this.read();
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
