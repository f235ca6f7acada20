import { LocalEngine } from '../engine/native';
import { type Checkpoint, openCheckpoint } from '../matlm/checkpoint';
import type { PromptFormat } from '../matlm/promptFormat';
import { fimCandidates } from './fim';
import type { Measured, Task } from './importProtocol';
import { bitsPerByte } from './likelihood';
import { measureModel, type ModelOnTexts, speakerOf, storeMeasured } from './measureModel';
import { speedOf } from './speedOf';

/** Of the work, what comes before the measurement on the user's files, and after it. */
const SHARES = { speed: 0.1, own: 0.8 };

type MeasureTask = Extract<Task, { type: 'measure' }>;

/**
 * Measure an imported model on this machine and on the user's files, next to the model that ships. Its prompt and the gate of its
 * memory are stored with it.
 * @throws if it cannot be opened
 */
export async function measureTask(task: MeasureTask, onProgress: (share: number) => void): Promise<Measured> {
  const { root, folder, shipped, texts, threads, typical } = task;
  const own = await openCheckpoint(folder);
  const speed = await speedOf(root, own, threads, typical);
  onProgress(SHARES.speed);

  const other = await openCheckpoint(shipped);
  const found = await measureModel(own, other.config.gate, candidatesOf(own), texts, {
    root,
    threads,
    onProgress: (share) => {
      onProgress(SHARES.speed + SHARES.own * share);
    },
  });
  if (!found) return speed;
  await storeMeasured(folder, found);
  const { withMemory, textBytes } = found;
  return {
    ...speed,
    bitsPerByte: {
      own: found.own,
      shipped: await bitsOfShipped(other, found, root, threads),
      ...(withMemory !== undefined && { withMemory }),
      textBytes,
    },
  };
}

/** Of the same middles. */
async function bitsOfShipped(
  checkpoint: Checkpoint,
  { places }: ModelOnTexts,
  root: string,
  threads: number,
): Promise<number> {
  const engine = new LocalEngine(root, checkpoint, threads);
  try {
    return (await bitsPerByte(speakerOf(checkpoint, engine), places)).perByte;
  } finally {
    engine.dispose();
  }
}

/** The prompts that a model may want: by its tokens, and by what its import has learned from the source. */
function candidatesOf({ tokenizer, prompt }: Checkpoint): readonly PromptFormat[] {
  const { begin, ...fim } = prompt.tokens;
  return fimCandidates({ idOf: (token) => tokenizer.idOf(token) }, { fim, begin, end: prompt.stop });
}
