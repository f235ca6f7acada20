import { t } from '@vscode/l10n';
import { english, type Phrase, phrase, verbatim } from '../../localisation/phrase';
import { messageOf } from '../../matlm/errors';
import { removeLeftOvers } from '../../models/elastic/elasticFolder';
import type { Stage } from '../../models/elastic/stages';
import type { Choice, Results, Task, Typical, UserText } from '../../models/importProtocol';
import type { ModelLibrary } from '../../models/library';
import { readMeasured, writeMeasured } from '../../models/measured';
import type { TaskOptions } from '../../models/taskProcess';

export interface BringInParts {
  readonly library: ModelLibrary;
  /** The folder that holds the addon. */
  readonly root: string;
  /** The folder of the model that ships, which is measured next to an imported one. */
  readonly shippedFolder: string;
  /** 0 for the engine's own choice. */
  readonly threads: () => number;
  /** The tokens of a typical completion. */
  readonly typical: Typical;
  readonly userTexts: (signal: AbortSignal) => Promise<readonly UserText[]>;
  readonly run: <T extends Task>(
    task: T,
    options: Pick<TaskOptions, 'signal' | 'onProgress'>,
  ) => Promise<Results[T['type']]>;
  /** Smaller sizes of a model were looked for. @param fault why there are none; undefined if there are */
  readonly onSizes: (id: string, fault: Phrase | undefined) => void;
  readonly log: { info(text: string): void; warn(text: string): void };
}

/** Shows how much is done, 0 to 1, and what is done now. */
export type Report = (share: number, message?: string) => void;

/** When each step begins, as a share of the time of all: the import itself, the measurement, and the search for smaller sizes. */
const BEGINS = { import: 0, measure: 0.1, sizes: 0.35, end: 1 };

/**
 * Import a model into the library, measure it, and find smaller sizes of it. If it is cancelled or fails while it is imported,
 * nothing is left behind; if later, the model stays as it is by then.
 * @returns the id of the model
 */
export async function bringIn(
  parts: BringInParts,
  { path, name, choice }: { readonly path: string; readonly name: string; readonly choice: Choice },
  signal: AbortSignal,
  report: Report,
): Promise<string> {
  const { library, log, root } = parts;
  const reservation = await library.reserve(name);
  const { id, folder } = reservation;
  try {
    const onProgress = (share: number) => {
      report(within('import', 'measure', share));
    };
    await parts.run({ type: 'import', root, path, folder, name, bits: choice.bits }, { signal, onProgress });
  } catch (error) {
    // Its process may have ended between the last step and its answer.
    if (reservation.isHeld()) await library.delete(id).catch(() => undefined);
    throw error;
  } finally {
    await reservation.release();
  }
  log.info(`imported a model as ${id}, ${choice.bits} bits`);
  try {
    report(BEGINS.measure, t('measuring it on your files; Cancel keeps the model'));
    await measure(parts, id, signal, (share) => {
      report(within('measure', 'sizes', share));
    });
  } catch (error) {
    // The model works without the figures, and they can be taken later.
    if (!signal.aborted) log.warn(`the imported model could not be measured: ${messageOf(error)}`);
  }
  if (!signal.aborted) {
    await findSizes(parts, id, signal, (share, message) => {
      report(within('sizes', 'end', share), message);
    }).catch(() => undefined); // it was told why, and the model works without them
  }
  return id;
}

function within(from: keyof typeof BEGINS, to: keyof typeof BEGINS, share: number): number {
  return BEGINS[from] + (BEGINS[to] - BEGINS[from]) * share;
}

/** Measure a model of the library on the user's files, and keep the figures. */
export async function measure(parts: BringInParts, id: string, signal: AbortSignal, report: Report): Promise<void> {
  const { library, root, shippedFolder, threads, typical, log } = parts;
  const texts = await parts.userTexts(signal);
  signal.throwIfAborted();
  log.info(`measuring ${id} on ${texts.length} files`);
  const folder = library.folderOf(id);
  const measured = await parts.run(
    { type: 'measure', root, folder, shipped: shippedFolder, texts, threads: threads(), typical },
    { signal, onProgress: report },
  );
  await writeMeasured(folder, measured);
}

/** Of the search for smaller sizes, the share after which they are there and only their speed is measured. */
const SIZES_ARE_THERE = 0.98;

/**
 * Find smaller sizes of a model of the library on the user's files, and measure how fast they are. If there are none, or it fails,
 * the model stays as it is, and the log and `onSizes` say why. Once the model has them, they are kept, whatever else happens.
 * @throws the fault, if the model stays as it is because of it; if it was cancelled before, the signal's reason
 */
export async function findSizes(parts: BringInParts, id: string, signal: AbortSignal, report: Report): Promise<void> {
  if (!(await searchSizes(parts, id, signal, report))) return;
  report(SIZES_ARE_THERE, t('measuring how fast its sizes are; Cancel keeps them'));
  await measureSizes(parts, id, signal);
}

/** @returns whether the model has new sizes @throws as `findSizes` */
async function searchSizes(parts: BringInParts, id: string, signal: AbortSignal, report: Report): Promise<boolean> {
  const { library, root, threads, log, onSizes } = parts;
  const folder = library.folderOf(id);
  let shown: Stage | undefined;
  const onProgress = (share: number, stage: Stage = 'calibrate') => {
    report(SIZES_ARE_THERE * share, stage === shown ? undefined : describeStage(stage));
    shown = stage;
  };
  onProgress(0);
  const madeBefore = (await library.find(id))?.elasticity?.createdAt;
  try {
    const texts = await parts.userTexts(signal);
    signal.throwIfAborted();
    log.info(`finding smaller sizes of ${id} on ${texts.length} files`);
    const { sizes, unchanged, sample } = await parts.run(
      { type: 'elastic', root, folder, texts, threads: threads() },
      { signal, onProgress },
    );
    const isFound = sizes.some((size) => size !== 'XL' && size !== 'XS');
    const noneNew = unchanged === 'growth' ? NONE_SAVES_ENOUGH : NONE_GOOD_ENOUGH;
    const fault = isFound && unchanged === undefined ? undefined : noneNew;
    const why = `sample: ${sample}${fault ? `; ${english(fault)}` : ''}`;
    log.info(unchanged ? `${id} stays as it was, ${why}` : `${id} has the sizes ${sizes.join(', ')}, ${why}`);
    onSizes(id, fault);
    return unchanged === undefined;
  } catch (error) {
    await removeLeftOvers(folder);
    // The process may have ended between the exchange of the model and its answer, so the model is asked.
    const model = await library.find(id);
    const madeNow = model?.elasticity?.createdAt;
    if (model && madeNow !== undefined && madeNow !== madeBefore) {
      const names = model.sizes.map(({ name }) => name).join(', ');
      log.info(`${id} has the sizes ${names}, which were there before the search ended: ${messageOf(error)}`);
      onSizes(id, undefined);
      return true;
    }
    if (!signal.aborted) {
      log.warn(`no smaller sizes of ${id} were found: ${messageOf(error)}`);
      onSizes(id, verbatim(messageOf(error)));
    }
    throw error;
  }
}

/** The figures of the sizes that a model had before are dropped in any case. It works without new ones. */
async function measureSizes(parts: BringInParts, id: string, signal: AbortSignal): Promise<void> {
  const { library, root, threads, typical, log } = parts;
  const folder = library.folderOf(id);
  try {
    const { bitsPerByte } = await readMeasured(folder);
    const kept = bitsPerByte === undefined ? {} : { bitsPerByte };
    await writeMeasured(folder, kept);
    const speed = await parts.run({ type: 'speed', root, folder, threads: threads(), typical }, { signal });
    await writeMeasured(folder, { ...kept, ...speed });
  } catch (error) {
    if (!signal.aborted) log.warn(`the speed of the sizes of ${id} could not be measured: ${messageOf(error)}`);
  }
}

const NONE_GOOD_ENOUGH = phrase('every smaller size predicts your files too badly');
const NONE_SAVES_ENOUGH = phrase('no smaller size saves enough, because some of its weights of 4 bits would need 8');

function describeStage(stage: Stage): string {
  switch (stage) {
    case 'calibrate':
      return t('finding smaller sizes: reading your files; Cancel keeps the model as it is');
    case 'sort':
      return t('finding smaller sizes: sorting its weights; Cancel keeps the model as it is');
    case 'search':
      return t('finding smaller sizes: comparing them; Cancel keeps the model as it is');
    case 'draft':
      return t('finding smaller sizes: choosing one that drafts for the others; Cancel keeps the model as it is');
  }
}
