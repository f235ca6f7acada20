/** One piece of work in a process of its own, which may crash or be ended: `task.mjs NAME ARGUMENTS`, and a message at the end. */
import { GpuEngine } from '../../src/engine/gpu/gpuEngine';
import { LocalEngine } from '../../src/engine/native';
import { openCheckpoint } from '../../src/matlm/checkpoint';
import { type DrawnKind, type Shape, writeDrawn } from './drawn.mts';
import { cardFacts } from './machine.mts';

export const TASKS = {
  facts: cardFacts,
  draw: (file: string, shape: Shape, kind: DrawnKind, tokenizerFile: string) => {
    writeDrawn(file, shape, kind, tokenizerFile);
    return Promise.resolve(true);
  },
  parity,
};

/** By submodel, the root mean square of the difference to the processor's logits, relative to their standard deviation. */
async function parity(
  root: string,
  folder: string,
  sizes: readonly string[],
  count: number,
): Promise<Record<string, number>> {
  const checkpoint = await openCheckpoint(folder);
  const { model, granularities } = checkpoint.config;
  const tokens = Array.from({ length: count }, (_, i) => (i * 37 + 11) % model.vocabularySize);
  const [card, processor] = [new GpuEngine(root, checkpoint), new LocalEngine(root, checkpoint)];
  const errors: Record<string, number> = {};
  for (const size of sizes) {
    const widths = granularities[size] ?? Array<number>(model.layers).fill(model.ffnSize);
    const [found, expected] = [
      await card.logits(tokens, widths, count - 3),
      await processor.logits(tokens, widths, count - 3),
    ];
    const mean = expected.reduce((sum, x) => sum + x, 0) / expected.length;
    const [error, spread] = [
      found.reduce((sum, x, i) => sum + (x - (expected[i] ?? 0)) ** 2, 0),
      expected.reduce((sum, x) => sum + (x - mean) ** 2, 0),
    ];
    errors[size] = Math.sqrt(error / spread);
  }
  return errors;
}

const [name, args] = process.argv.slice(2) as [keyof typeof TASKS, string];
const task = TASKS[name] as (...args: never[]) => Promise<unknown>;
task(...(JSON.parse(args) as never[])).then(
  (result) => process.send?.({ result }, () => process.exit(0)),
  (error: unknown) => process.send?.({ fault: (error as Error).message }, () => process.exit(1)),
);
