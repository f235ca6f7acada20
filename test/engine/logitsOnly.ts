import type { NativeMemory } from '../../src/engine/addon';
import { LogitsEngine } from '../../src/engine/logitsEngine';
import { LocalEngine } from '../../src/engine/native';
import type { EngineCheckpoint } from '../../src/matlm/checkpoint';
import { ROOT } from './harness';

/** The engine of a model that computes logits only, as a GPU does. These are the native engine's, so texts can be compared exactly. */
export function logitsOnly(checkpoint: EngineCheckpoint, memory?: NativeMemory, chunkTokens = 16): LogitsEngine {
  const native = new LocalEngine(ROOT, checkpoint, 1);
  const { vocabularySize } = checkpoint.config.model;
  let text: number[] = [];
  return new LogitsEngine(
    checkpoint,
    {
      name: 'the model',
      chunkLimits: { least: chunkTokens, most: chunkTokens },
      read: async (tokens, position, widths, rows) => {
        text = [...text.slice(0, position), ...tokens];
        const found = await native.logits(text, widths, 0, position);
        const first = found.length / vocabularySize - tokens.length;
        const row = (i: number) => [...found.subarray((first + i) * vocabularySize, (first + i + 1) * vocabularySize)];
        return Float32Array.from(rows.flatMap(row));
      },
      describe: () =>
        Promise.resolve({ backend: 'gpu' as const, isa: 'native', threads: 1, weightBytes: 0, kvCacheBytes: 0 }),
      dispose: () => {
        native.dispose();
      },
    },
    memory,
  );
}
