import type { EngineCheckpoint } from '../../matlm/checkpoint';
import { bytesPerToken } from '../../matlm/submodel';
import type { NativeMemory } from '../addon';
import { type GenerateEvent, type GenerateRequest, PREFILL_CHUNK } from '../engine';
import { LogitsEngine } from '../logitsEngine';
import { OnnxModel } from './model';
import { loadRuntime } from './runtime';

/** The checkpoint in ONNX Runtime on the processor: the last resort, if the addon does not load. It decodes without drafts. */
export class OnnxEngine extends LogitsEngine {
  /**
   * @param root the folder that holds ONNX Runtime, see `loadRuntime`
   * @throws {RuntimeError} if it does not load
   */
  constructor(root: string, checkpoint: EngineCheckpoint, threads: number) {
    const { weightsFile, tensors, config } = checkpoint;
    const model = new OnnxModel(loadRuntime(root), { config: config.model, weightsFile, tensors }, threads);
    super(checkpoint, {
      name: 'ONNX Runtime',
      chunkLimits: { least: PREFILL_CHUNK, most: PREFILL_CHUNK },
      read: (...request) => model.read(...request),
      describe: () =>
        Promise.resolve({
          backend: 'onnx-cpu' as const,
          isa: 'onnx',
          threads,
          weightBytes: bytesPerToken(config.model, config.granularities.XL ?? []),
          kvCacheBytes: model.cacheBytes,
        }),
      dispose: () => model.dispose(),
    });
  }

  override generate(
    request: GenerateRequest,
    signal: AbortSignal,
    listener: (event: GenerateEvent) => void,
    memory?: NativeMemory,
  ): void {
    // A draft by another submodel would load its weights and drop these.
    super.generate({ ...request, speculation: { widths: [], maxTokens: 0 } }, signal, listener, memory);
  }
}
