import { makeElastic, type MadeElastic } from '../models/elastic/makeElastic';
import type { Stage } from '../models/elastic/stages';
import { messageOf } from '../matlm/errors';
import { systemMessage } from '../matlm/systemFault';
import { importThreads } from '../models/inspect';
import { modelArgument } from './models';
import { UsageError } from './place';
import type { Sample } from './sample';
import { layOut } from './table';

export interface ElasticArguments {
  /** Of the model: see `modelNamed`. */
  readonly folder: string;
  readonly sample: Sample;
  /** From `budgetOf`. */
  readonly budgetMs: number | undefined;
  readonly onProgress: (share: number, stage: Stage) => void;
  readonly signal: AbortSignal;
}

/** What `matcoder elastic --json` prints. */
export interface ElasticReport extends MadeElastic {
  readonly seconds: number;
  /** What --minutes asked for, if it was given. */
  readonly budgetSeconds?: number;
}

/** Give an imported model narrower sizes. */
export async function elasticCommand(root: string, options: ElasticArguments): Promise<ElasticReport> {
  const { folder, sample, budgetMs, signal, onProgress } = options;
  const begin = performance.now();
  const made = await makeElastic(folder, sample.files, {
    ...{ root, sample: sample.kind, sampleFrom: sample.from, threads: importThreads(), signal, onProgress },
    ...(budgetMs !== undefined && { budgetMs }),
  });
  const seconds = (performance.now() - begin) / 1000;
  return { ...made, seconds, ...(budgetMs !== undefined && { budgetSeconds: budgetMs / 1000 }) };
}

/** @throws {UsageError} if it is no time; checked before an import that comes first */
export function budgetOf(minutes: string | undefined): number | undefined {
  if (minutes === undefined) return undefined;
  const value = /^\d{1,4}(\.\d+)?$/.test(minutes) ? Number(minutes) : 0;
  if (value <= 0) throw new UsageError(`--minutes ${minutes}: expected a number of minutes above 0 and below 10000`);
  return 60_000 * value;
}

/** Why an imported model was not made elastic, with where it is. */
export function importedOnly(folder: string, error: unknown): UsageError {
  const fault = systemMessage(error) ?? messageOf(error);
  const stop = fault.endsWith('.') ? '' : '.';
  return new UsageError(
    `${fault}${stop} The import is in ${folder}; \`matcoder elastic ${modelArgument(folder)}\` makes it elastic`,
  );
}

const STAGES: Readonly<Record<Stage, string>> = {
  calibrate: 'reading the sample',
  sort: 'sorting the weights',
  search: 'searching widths',
  draft: 'measuring drafters',
};

/** One line for each piece of the work, and for each tenth of all of it. */
export function progressLines(write: (line: string) => void): (share: number, stage: Stage) => void {
  let last = '';
  return (share, stage) => {
    const line = `${Math.floor(10 * share) * 10} %, ${STAGES[stage]}`;
    if (line !== last) write(line);
    last = line;
  };
}

/** Figures from less text say little. */
const LEAST_MEASURED_BYTES = 8000;
/**
 * Shares of the text that were measured. Of text that was read to its end, short ends of files and the first token of each window
 * are not measured, so that a share between these does not tell whether the time was over.
 */
const TIME_WAS_OVER = 0.5;
const WAS_READ = 0.9;

/** Times the time that was asked for. */
const MUCH_LONGER = 1.1;

/** The sizes, and what to do with them. */
export function elasticText({
  folder,
  frontier,
  sizes,
  unchanged,
  weightBytes,
  heldOutTextBytes,
  record,
  seconds,
  budgetSeconds = Infinity,
}: ElasticReport): string {
  const minutes = seconds < 100 ? `${seconds.toFixed(0)} s` : `${(seconds / 60).toFixed(1)} minutes`;
  const over =
    seconds > MUCH_LONGER * budgetSeconds ? ', longer than --minutes says, because some text is read in any case' : '';
  const { before, after } = weightBytes;
  const hasGrown = after > 1.02 * before;
  if (unchanged) {
    const isTooLarge = unchanged === 'growth';
    const why = isTooLarge
      ? 'No narrower size saves more than sorting costs, because weights of 4 bits have 8 once they are sorted'
      : 'No narrower size is good enough';
    const advice = isTooLarge
      ? 'So keep it. Imported with --bits 8 it would have sizes, but most of them read more than it does now.'
      : 'A sample of your own code may help: --sample DIR.';
    const kept =
      Object.keys(sizes).length > 1 ? ` It keeps the sizes that it has: ${Object.keys(sizes).join(', ')}.` : '';
    return `${folder}\n${why}. So nothing was changed (${minutes}${over}).${kept} ${advice}`;
  }
  const full = frontier.find(({ name }) => name === 'XL');
  const rows = frontier
    .filter(({ name }) => Object.hasOwn(sizes, name))
    .map((row) => [
      row.name,
      full ? `${((100 * row.bytesPerToken) / full.bytesPerToken).toFixed(0)} %` : '-',
      row.bitsPerByte.toFixed(3),
      full && row !== full ? `${signed((100 * row.bitsPerByte) / full.bitsPerByte - 100)} %` : '',
      `${(100 * row.agreementWithXL).toFixed(1)} %`,
    ]);
  const table = layOut([['size', 'weights read', 'bits per byte', 'more than XL', 'same token as XL'], ...rows]);
  const grew = hasGrown
    ? [
        `The weights take ${megabytes(after)} instead of ${megabytes(before)}, because some of 4 bits have 8 once they are sorted.`,
      ]
    : [];
  const few =
    record.heldOutBytes < LEAST_MEASURED_BYTES
      ? `. That is little: ${remedy(record.heldOutBytes / heldOutTextBytes)}`
      : '';
  return [
    folder,
    table,
    ...(sizes.XS ? ['XS drafts for the others, which makes them faster and changes no answer.'] : []),
    `Measured on ${record.heldOutBytes.toLocaleString('en')} bytes of the sample that nothing else read${few}.`,
    ...grew,
    `Made in ${minutes}${over}.`,
    howToUse(folder, Object.keys(sizes)),
  ].join('\n');
}

/** @param share of the text that was measured */
function remedy(share: number): string {
  if (share < TIME_WAS_OVER) return 'more --minutes measure more';
  return share < WAS_READ
    ? 'a larger --sample or more --minutes measure more'
    : 'the sample has no more for it, and a larger --sample has';
}

/** What to do with the sizes; XS is none that answers. */
function howToUse(folder: string, sizes: readonly string[]): string {
  const model = modelArgument(folder);
  const smallest = ['S', 'M', 'L'].find((name) => sizes.includes(name)) ?? 'XL';
  return `Use it with --model ${model}, and one size of it with --submodel ${smallest}. \`matcoder inspect --model ${model}\` lists them.`;
}

function megabytes(bytes: number): string {
  return `${(bytes / 1e6).toFixed(1)} MB`;
}

function signed(percent: number): string {
  return `${percent < 0 ? '' : '+'}${percent.toFixed(1)}`;
}
