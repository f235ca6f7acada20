import { availableParallelism } from 'node:os';
import type { Checkpoint } from '../matlm/checkpoint';
import { type Cost, SIZES, submodelOf } from '../matlm/submodel';
import type { Engine, EngineInfo, GenerateEvent, GenerateRequest } from './engine';
import { loadAddon, type NativeEngine } from './native';

/** Half of the hardware threads, at most four: a decode step is too short to share among more. */
export function defaultThreads(): number {
  return Math.max(1, Math.min(4, Math.floor(availableParallelism() / 2)));
}

/** The native engine in this process. */
export class LocalEngine implements Engine {
  private readonly native: NativeEngine;

  /**
   * @param root the folder that holds the addon
   * @param threads 0 for the default
   */
  constructor(
    root: string,
    private readonly checkpoint: Checkpoint,
    threads = 0,
  ) {
    const addon = loadAddon(root);
    this.native = new addon.Engine({
      weightsPath: checkpoint.weightsFile,
      tensors: checkpoint.tensors,
      config: checkpoint.config.model,
      spellings: checkpoint.tokenizer.spellings,
      threads: threads > 0 ? threads : defaultThreads(),
    });
  }

  generate(request: GenerateRequest, signal: AbortSignal, listener: (event: GenerateEvent) => void): void {
    const onAbort = () => {
      handle.abort();
    };
    const handle = this.native.generate(
      {
        tokens: Int32Array.from(request.prompt),
        widths: Int32Array.from(request.widths),
        maxTokens: request.maxTokens,
        stopTokens: Int32Array.from(request.stopTokens),
        notFirst: Int32Array.from(request.notFirst ?? []),
        copyWeights: Float32Array.from(request.copyWeights ?? []),
        givenBack: new TextEncoder().encode(request.givenBack ?? ''),
        draftTokens: request.speculation?.maxTokens ?? 0,
        draftWidths: Int32Array.from(request.speculation?.widths ?? []),
      },
      (event) => {
        if (event.type === 'end') signal.removeEventListener('abort', onAbort);
        if (event.type !== 'logits') listener(event);
      },
    );
    if (signal.aborted) onAbort();
    else signal.addEventListener('abort', onAbort, { once: true });
  }

  /** Logits after every token, [tokens, vocabulary]; forgets the cache. */
  logits(tokens: readonly number[], widths: readonly number[]): Promise<Float32Array> {
    return new Promise((resolve, reject) => {
      let found: Float32Array | undefined;
      this.native.logits(Int32Array.from(tokens), Int32Array.from(widths), (event) => {
        if (event.type === 'logits') found = event.logits;
        if (event.type !== 'end') return;
        if (found) resolve(found);
        else reject(new Error(event.message ?? event.reason));
      });
    });
  }

  /** What each size costs here, by a prompt of 64 tokens and a few decoded ones: some tens of milliseconds in all. */
  async measure(): Promise<EngineInfo> {
    const costs: Record<string, Cost> = {};
    const vocabulary = this.checkpoint.config.model.vocabularySize;
    for (const [round, size] of [...SIZES, ...SIZES].entries()) {
      const prompt = Array.from({ length: 64 }, (_, i) => 10 + ((i * 37 + round) % (vocabulary - 10)));
      const cost = await this.cost(prompt, submodelOf(this.checkpoint.config, size).widths);
      const before = costs[size];
      // The second round finds caches and clock warm; the quicker of the two is the machine, the rest is noise.
      costs[size] = before
        ? {
            prefillMsPerToken: Math.min(before.prefillMsPerToken, cost.prefillMsPerToken),
            decodeMsPerToken: Math.min(before.decodeMsPerToken, cost.decodeMsPerToken),
          }
        : cost;
    }
    const { isa, threads, weightBytes, kvCacheBytes } = this.native;
    return { pid: process.pid, isa, threads, weightBytes, kvCacheBytes, costs };
  }

  private cost(prompt: readonly number[], widths: readonly number[]): Promise<Cost> {
    return new Promise((resolve, reject) => {
      let prefillMsPerToken = 0;
      this.generate({ prompt, widths, maxTokens: 8, stopTokens: [] }, new AbortController().signal, (event) => {
        if (event.type === 'prefill') prefillMsPerToken = event.prefillMs / event.prefilledTokens;
        if (event.type !== 'end') return;
        if (event.reason === 'failed') reject(new Error(event.message));
        // The first token costs nothing: its logits come from prefill.
        else resolve({ prefillMsPerToken, decodeMsPerToken: event.decodeMs / Math.max(1, event.decodedTokens - 1) });
      });
    });
  }

  dispose(): void {
    this.native.dispose();
  }
}
