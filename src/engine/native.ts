import { availableParallelism } from 'node:os';
import type { EngineCheckpoint } from '../matlm/checkpoint';
import type { EngineInfo, GenerateEvent, GenerateRequest } from './engine';
import { type Measurable, measureCosts } from './measure';
import { loadAddon, type NativeEngine } from './addon';

/** Half of the hardware threads, at most four: a decode step is too short to share among more. */
export function defaultThreads(): number {
  return Math.max(1, Math.min(4, Math.floor(availableParallelism() / 2)));
}

const encoder = new TextEncoder();

function oddsOf({ scoreBound }: GenerateRequest): Float32Array {
  return Float32Array.from(
    scoreBound
      ? [scoreBound.constant, scoreBound.ofSum, scoreBound.ofMean, scoreBound.ofLeast, scoreBound.ofLogCount]
      : [],
  );
}

/** The native engine in this process. */
export class LocalEngine implements Measurable {
  private readonly native: NativeEngine;

  /**
   * @param root the folder that holds the addon
   * @param threads 0 for the default
   */
  constructor(
    root: string,
    private readonly checkpoint: EngineCheckpoint,
    threads = 0,
  ) {
    const addon = loadAddon(root);
    this.native = new addon.Engine({
      weightsPath: checkpoint.weightsFile,
      tensors: checkpoint.tensors,
      config: checkpoint.config.model,
      tokenBytes: checkpoint.tokenizer.tokenBytes,
      threads: threads > 0 ? threads : defaultThreads(),
    });
  }

  generate(request: GenerateRequest, signal: AbortSignal, listener: (event: GenerateEvent) => void): void {
    const onAbort = () => {
      handle.abort();
    };
    const handle = this.native.generate(
      {
        tokens: new Int32Array(request.prompt),
        widths: new Int32Array(request.widths),
        maxTokens: request.maxTokens,
        stopTokens: new Int32Array(request.stopTokens),
        bannedFirstTokens: new Int32Array(request.bannedFirstTokens ?? []),
        copyWeights: new Float32Array(request.copyWeights ?? []),
        healingPrefix: encoder.encode(request.healingPrefix ?? ''),
        expected: new Int32Array(request.expected ?? []),
        endsWithLine: request.endsWithLine ?? false,
        scoreBound: oddsOf(request),
        draftTokens: request.speculation?.maxTokens ?? 0,
        draftWidths: new Int32Array(request.speculation?.widths ?? []),
        draftAlways: request.speculation?.always ?? false,
      },
      (event) => {
        if (event.type === 'end') signal.removeEventListener('abort', onAbort);
        if (event.type !== 'logits') listener(event);
      },
    );
    if (signal.aborted) onAbort();
    else signal.addEventListener('abort', onAbort, { once: true });
  }

  /** Logits after the tokens from `first` on, [tokens - first, vocabulary]; forgets the cache. */
  logits(tokens: readonly number[], widths: readonly number[], first = 0): Promise<Float32Array> {
    return new Promise((resolve, reject) => {
      let found: Float32Array | undefined;
      this.native.logits(Int32Array.from(tokens), Int32Array.from(widths), (event) => {
        if (event.type === 'logits') found = event.logits;
        if (event.type !== 'end') return;
        if (found) resolve(found.subarray(first * this.checkpoint.config.model.vocabularySize));
        else reject(new Error(event.message ?? event.reason));
      });
    });
  }

  async measure(): Promise<EngineInfo> {
    const { isa, threads, weightBytes, kvCacheBytes } = this.native;
    const costs = await measureCosts(this, this.checkpoint.config);
    return { pid: process.pid, backend: 'native', rejected: [], isa, threads, weightBytes, kvCacheBytes, costs };
  }

  dispose(): void {
    this.native.dispose();
  }
}
