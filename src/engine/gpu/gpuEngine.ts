import type { EngineCheckpoint } from '../../matlm/checkpoint';
import type { NativeMemory } from '../addon';
import { LogitsEngine } from '../logitsEngine';
import { type GpuOptions, GpuModel } from './model';
import { CHUNK_TOKENS, TILE_TOKENS } from './scratch';

/**
 * The checkpoint on the graphics card. It is opened by the first request, which fails if no card runs it; the reason is the same
 * for every further request.
 */
export class GpuEngine extends LogitsEngine {
  /**
   * @param root the folder that holds `dist/kernels`, and `prebuilds/` or `node_modules/`
   * @param memory from `openMemory`
   */
  constructor(root: string, checkpoint: EngineCheckpoint, memory?: NativeMemory, options: GpuOptions = {}) {
    const { weightsFile, tensors, config, tokenizer } = checkpoint;
    let opened: Promise<GpuModel> | undefined;
    const model = () => {
      opened ??= GpuModel.open(
        root,
        { config: config.model, weightsFile, tensors },
        // No token has the rows after those of the tokenizer.
        { tokens: tokenizer.tokenBytes.length || config.model.vocabularySize, ...options },
      );
      return opened;
    };
    super(
      checkpoint,
      {
        name: 'the graphics card',
        chunkLimits: { least: TILE_TOKENS, most: CHUNK_TOKENS },
        read: async (...request) => (await model()).read(...request),
        decodeSteps: async (...request) => (await model()).decode(...request),
        keysAndValues: async (...span) => (await model()).keysAndValues(...span),
        useDocument: async (document) => (await model()).useDocument(document),
        forget: async (documents) => {
          const open = await opened?.catch(() => undefined);
          open?.forget(documents);
        },
        describe: async () => {
          const { bytes, cacheBytes } = await model();
          return { backend: 'gpu', isa: 'webgpu', threads: 1, weightBytes: bytes, kvCacheBytes: cacheBytes };
        },
        dispose: async () => {
          const open = await opened?.catch(() => undefined);
          open?.dispose();
        },
      },
      memory,
    );
  }
}
