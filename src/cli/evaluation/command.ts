import { resolve } from 'node:path';
import { FILTER_NAMES, type FilterName } from '../../completion/filters';
import { packagesOf, readHeldout } from '../heldout';
import { readSource, UsageError } from '../place';
import { pathFrom, readWorkspace, switchesOf } from '../workspaceFolder';
import { evaluate, evaluationTables } from './places';
import { completionTables } from './report';
import { calibrate, evaluateCompletion, type EvaluationOptions } from './run';
import type { Source } from './visits';

/** The arguments of `matcoder eval`. */
export interface EvaluationArguments {
  readonly files: readonly string[];
  readonly places?: string | undefined;
  readonly heldout?: string | undefined;
  /** The number of held-out files. */
  readonly count: number;
  /** Only held-out files of this language, as the corpus names it. */
  readonly language?: string | undefined;
  /** The sizes of the checkpoint by default. */
  readonly submodels?: string | undefined;
  readonly each: number;
  readonly seed: number;
  /** Names of filters, or `each`. */
  readonly without?: string | undefined;
  readonly calibrate: boolean;
  /** The workspace of the files. */
  readonly workspace?: string | undefined;
  /** Each package of the corpus is the workspace of its files. */
  readonly packages: boolean;
  /** Off, on or both, if there is a workspace. */
  readonly memory: string;
  readonly newFiles: boolean;
  readonly json: boolean;
}

/** @returns the text to print */
export async function evaluationCommand(root: string, model: string, args: EvaluationArguments): Promise<string> {
  if (args.places !== undefined) {
    if (args.files.length > 0 || args.heldout !== undefined || args.calibrate || args.workspace !== undefined)
      throw new UsageError(
        '--places has its own places: it takes no files, no --heldout, no --workspace and no --calibrate',
      );
    const rows = await evaluate(root, model, resolve(args.places));
    return args.json ? JSON.stringify(rows, null, 2) : evaluationTables(rows);
  }
  const hasWorkspace = args.workspace !== undefined || args.packages;
  if (!hasWorkspace && (args.newFiles || args.memory !== 'on'))
    throw new UsageError('--memory and --new-files go with --workspace DIR or --packages');
  const options: EvaluationOptions = {
    submodels: args.submodels?.split(',').map((name) => name.trim()),
    each: args.each,
    seed: args.seed,
    without: filtersOf(args.without),
    memory: switchesOf(args.memory),
    isNewFile: args.newFiles,
  };
  const sources = await sourcesOf(args);
  if (sources.length === 0) throw new UsageError('eval takes files, --heldout FILE or --places FILE');
  if (args.calibrate && (args.heldout === undefined || args.files.length > 0)) {
    throw new UsageError(
      '--calibrate overwrites the score of the model: it takes the held-out files of a corpus alone, --heldout FILE',
    );
  }
  if (args.calibrate) return `wrote ${await calibrate(root, model, sources, options)}`;
  const evaluation = await evaluateCompletion(root, model, sources, options);
  return args.json ? JSON.stringify(evaluation, null, 2) : completionTables(evaluation);
}

function filtersOf(names: string | undefined): FilterName[] {
  if (names === undefined) return [];
  if (names === 'each') return FILTER_NAMES;
  return names.split(',').map((name) => {
    const found = FILTER_NAMES.find((filter) => filter === name.trim());
    if (!found) throw new UsageError(`--without ${name}: expected each or one of ${FILTER_NAMES.join(', ')}`);
    return found;
  });
}

async function sourcesOf(args: EvaluationArguments): Promise<Source[]> {
  const { files, heldout, count, language, seed, workspace: folder } = args;
  if (folder !== undefined && files.length === 0) throw new UsageError('--workspace goes with files in it');
  const named = await namedSources(files, folder);
  if (heldout === undefined) {
    if (args.packages) throw new UsageError('--packages goes with --heldout FILE');
    return named;
  }
  const rows = await readHeldout(resolve(heldout), seed, args.calibrate ? 'fit' : 'figures');
  const wanted = rows.filter((row) => language === undefined || row.language === language);
  if (wanted.length === 0) {
    const kind = language === undefined ? '' : ` in ${language}`;
    throw new UsageError(`${heldout}: it holds no places${kind} for this half of its packages`);
  }
  const packages = packagesOf(rows);
  const chosen = wanted.slice(0, count).map(({ package: name, path, text, language: of }): Source => {
    const workspace = args.packages ? packages.get(name) : undefined;
    return { path, text, language: of, ...(workspace && { workspace }) };
  });
  return [...named, ...chosen];
}

async function namedSources(files: readonly string[], folder: string | undefined): Promise<Source[]> {
  const workspace = folder === undefined ? undefined : await readWorkspace(folder);
  return Promise.all(
    files.map(async (file) => ({
      path: pathFrom(folder, file),
      text: await readSource(file),
      ...(workspace && { workspace }),
    })),
  );
}
