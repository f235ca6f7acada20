/** The models that the command line has imported, and what stands for them on it. */
import { stat } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { type LibraryModel, ModelLibrary } from '../models/library';
import { isId } from '../models/modelIds';
import { modelsFolder } from '../models/place';
import { UsageError } from './place';
import { layOut } from './table';

/**
 * The folder of a model that a command line names: the id or the name of an imported one, or else a folder. What looks like a path
 * is one, as `./smol` is. A name comes before a folder of the current one, because advice names models so, wherever it is
 * followed.
 * @returns a folder or file without a model as it is, because whoever opens it names its fault
 * @throws {UsageError} if there is neither
 */
export async function modelNamed(text: string): Promise<string> {
  const isPath = /[/\\]/.test(text);
  if (isPath && (await exists(join(text, 'config.json')))) return resolve(text);
  const models = await new ModelLibrary(modelsFolder()).list();
  const own = models.find(({ id }) => id === text);
  const [named, ...more] = own ? [own] : models.filter(({ name }) => name === text);
  if (named && more.length > 0) {
    const ids = [named, ...more].map(({ id }) => id).join(', ');
    throw new UsageError(`${text}: several imported models have this name; give one of ${ids}`);
  }
  if (named) return named.folder;
  if (await exists(text)) return resolve(text);
  const ids = models.map(({ id }) => id).join(', ');
  throw new UsageError(
    `${text}: there is no such folder, and no imported model of this name${ids && `; there are ${ids}`}`,
  );
}

/** Whether something is there, also if it cannot be looked at. */
function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    (error: unknown) => !['ENOENT', 'ENOTDIR'].includes(String((error as NodeJS.ErrnoException).code)),
  );
}

/** What stands for a model after `--model`: its id if the command line has imported it, or else its folder. */
export function modelArgument(folder: string): string {
  const id = basename(folder);
  if (dirname(folder) === modelsFolder() && isId(id)) return id;
  return quoted(folder);
}

/** As one argument of the shells of a system. In quotes, they take a path literally. */
export function quoted(path: string, platform = process.platform): string {
  if (/^[\w./:\\-][\w./:\\~-]*$/.test(path)) return path;
  return platform === 'win32' ? `"${path}"` : `'${path.replaceAll("'", `'\\''`)}'`;
}

/** One row of `matcoder models`. */
export interface ModelRow {
  /** What `--model` takes, as it takes the name. */
  readonly id: string;
  readonly name: string;
  readonly sizes: readonly string[];
  readonly bits: number | undefined;
  readonly parameters: number | undefined;
  readonly licence: string | undefined;
  readonly diskBytes: number;
  readonly folder: string;
  /** The file that is missing or unusable. */
  readonly broken: string | undefined;
}

/** The models of the library of the command line, the latest first. */
export async function listModels(): Promise<ModelRow[]> {
  return (await new ModelLibrary(modelsFolder()).list()).map(rowOf);
}

function rowOf({ id, name, sizes, bits, parameters, licence, diskBytes, folder, broken }: LibraryModel): ModelRow {
  const names = sizes.length === 0 ? ['XL'] : sizes.map((size) => size.name);
  return { id, name, sizes: names, bits, parameters, licence, diskBytes, folder, broken };
}

/** The rows for a terminal. */
export function modelsTable(rows: readonly ModelRow[]): string {
  if (rows.length === 0) return 'No model is imported. `matcoder import PATH` imports one.';
  const body = rows.map(({ id, name, sizes, bits, diskBytes, broken }) => [
    id,
    name,
    broken === undefined ? sizes.join(', ') : `damaged: ${broken}`,
    bits === undefined ? '-' : String(bits),
    `${(diskBytes / 1e6).toFixed(1)} MB`,
  ]);
  const table = layOut([['model', 'name', 'sizes', 'bits', 'on the disk'], ...body], [1, 2]);
  return `${table}\n\nThey are in ${modelsFolder()}. Use one with --model and its name in the first or the second column.`;
}
