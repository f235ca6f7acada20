import { availableParallelism } from 'node:os';
import type { EngineCheckpoint } from '../matlm/checkpoint';
import { AddonError, loadAddon, type NativeEngine, type NativeMemory, type NativeRequest, numbersOf } from './addon';
import {
  type EngineInfo,
  FinalError,
  type GenerateEvent,
  type GenerateRequest,
  type LocalBackend,
  type ScoreBound,
} from './engine';
import { measureCosts } from './measure';

/** Half of the hardware threads, at most four: a decode step is too short to share among more. */
export function defaultThreads(): number {
  return Math.max(1, Math.min(4, Math.floor(availableParallelism() / 2)));
}

/** The native engine in this process: the reference for every other backend. */
export class LocalEngine implements LocalBackend {
  private readonly native: NativeEngine;

  /**
   * @param root the folder that holds the addon
   * @param threads 0 for the default
   * @param memory from `openMemory`
   * @throws {AddonError} if the addon does not load
   * @throws {FinalError} if the addon loads but refuses the model
   */
  constructor(
    root: string,
    private readonly checkpoint: EngineCheckpoint,
    threads = 0,
    private readonly memory?: NativeMemory,
  ) {
    const addon = loadAddon(root);
    try {
      this.native = new addon.Engine({
        weightsPath: checkpoint.weightsFile,
        tensors: checkpoint.tensors,
        config: checkpoint.config.model,
        tokenBytes: checkpoint.tokenizer.tokenBytes,
        threads: threads > 0 ? threads : defaultThreads(),
        memory,
      });
    } catch (error) {
      throw new FinalError((error as Error).message);
    }
  }

  generate(request: GenerateRequest, signal: AbortSignal, listener: (event: GenerateEvent) => void): void {
    const onAbort = () => {
      handle.abort();
    };
    const handle = this.native.generate(packed(request, this.memory !== undefined), (event) => {
      if (event.type === 'logits') return;
      if (event.type === 'end') signal.removeEventListener('abort', onAbort);
      // It fails if weights overflow or memory is short, and no other backend needs less memory.
      const isFault = event.type === 'end' && event.reason === 'failed';
      listener(isFault ? { ...event, isFinal: true } : event);
    });
    if (signal.aborted) onAbort();
    else signal.addEventListener('abort', onAbort, { once: true });
  }

  /** Logits after each token from `first` on, [tokens - first, vocabulary]; discards the cache. */
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

/**
 * A memory for a checkpoint, which several engines may share; undefined if the addon does not load or the checkpoint has
 * no gate.
 * @param root the folder that holds the addon
 * @throws {FinalError} if the addon refuses the gate or the vocabulary
 */
export function openMemory(root: string, { config, tokenizer }: EngineCheckpoint): NativeMemory | undefined {
  const { gate } = config;
  if (!gate) return undefined;
  const weights = (rows: readonly (readonly number[])[]) => Float32Array.from(rows.flat());
  try {
    const { Memory } = loadAddon(root);
    return new Memory({
      tokenBytes: tokenizer.tokenBytes,
      gate: { hidden: weights(gate.hidden), output: weights(gate.output) },
    });
  } catch (error) {
    if (error instanceof AddonError) return undefined;
    throw new FinalError((error as Error).message);
  }
}

const encoder = new TextEncoder();

/** A request in the form that the addon reads: numbers in typed arrays, and every option present. */
function packed(request: GenerateRequest, hasMemory: boolean): Required<NativeRequest> {
  const { prompt, widths, maxTokens, stopTokens, bannedFirstTokens, memory, expected, speculation } = request;
  const [document, firstHiddenLine, lastHiddenLine] = numbersOf(memory ?? {});
  return {
    tokens: Int32Array.from(prompt),
    widths: Int32Array.from(widths),
    maxTokens,
    stopTokens: Int32Array.from(stopTokens),
    bannedFirstTokens: Int32Array.from(bannedFirstTokens ?? []),
    usesMemory: hasMemory && memory !== undefined,
    document,
    firstHiddenLine,
    lastHiddenLine,
    healingPrefix: encoder.encode(request.healingPrefix ?? ''),
    expected: Int32Array.from(expected ?? []),
    endsWithLine: request.endsWithLine ?? false,
    scoreBound: Float32Array.from(request.scoreBound ? weightsOf(request.scoreBound) : []),
    draftTokens: speculation?.maxTokens ?? 0,
    draftWidths: Int32Array.from(speculation?.widths ?? []),
    draftAlways: speculation?.always ?? false,
  };
}

/** In the order in which the addon reads them. */
function weightsOf({ constant, ofSum, ofMean, ofLeast, ofLogCount, ofMemorySum }: ScoreBound): number[] {
  return [constant, ofSum, ofMean, ofLeast, ofLogCount, ofMemorySum];
}
