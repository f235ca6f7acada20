import { readFile, stat } from 'node:fs/promises';
import { basename, extname } from 'node:path';
import { isObject } from '../matlm/json';
import { formatOf, PICTURE_ENDINGS } from '../pictures/format';
import { IconSet, MAX_SET_BYTES } from '../pictures/iconSet';
import { isSetPath, packageFiles, packageOf } from '../pictures/packages';
import { MAX_RASTER_BYTES } from '../pictures/picture';
import type { PictureReader } from '../pictures/reader';
import type { FilePolicy, ProjectFile } from '../workspace/filePolicy';
import type { PictureContent } from './search';
import { hashOf, type Pieces, type Source } from './source';

/** Which picture of its file it is. */
export interface PictureRow {
  /** Of the file without its ending, or of the icon in its set. */
  readonly name: string;
  /** The prefix of the set if the file is one. */
  readonly set?: string;
}

/** Sets that were asked for last are likely to be asked for again: a page of results shows many icons of one. */
const KEPT_SETS = 4;

/** Pictures of the workspace as far as the policy lets them be quoted, and icons of installed packages. */
export class PictureSource implements Source<PictureRow, Uint8Array> {
  readonly kind = 'pictures';
  readonly version = 1;
  readonly maxFileBytes = MAX_SET_BYTES;

  constructor(
    private readonly policy: Pick<FilePolicy, 'closed' | 'mayQuote'>,
    private readonly reader: Pick<PictureReader, 'pixels'>,
  ) {}

  isRow(value: unknown): value is PictureRow {
    return isObject(value) && typeof value.name === 'string' && ['string', 'undefined'].includes(typeof value.set);
  }

  wants(path: string): boolean {
    const isPicture = PICTURE_ENDINGS.includes(extname(path).toLowerCase());
    return isSetPath(path) || (isPicture && (packageOf(path) !== undefined || !path.startsWith('node_modules/')));
  }

  /** Git ignores packages, but the user has chosen them. */
  async mayEmbed(file: ProjectFile): Promise<boolean> {
    if (packageOf(file.path) === undefined) return this.policy.mayQuote(file);
    return (await this.policy.closed(`${file.folder.path}/${file.path}`, file)) === undefined;
  }

  async pieces(file: ProjectFile): Promise<Pieces<PictureRow, Uint8Array>> {
    if (!(await this.mayEmbed(file))) return { reason: 'ignored' };
    const isSet = isSetPath(file.path);
    const bytes = await file.folder.read(`${file.folder.path}/${file.path}`, isSet ? MAX_SET_BYTES : MAX_RASTER_BYTES);
    if (bytes === undefined) return { reason: 'missing' };
    if (bytes === 'too large') return { reason: bytes };
    const piece = (row: PictureRow, picture: Uint8Array) => ({
      hash: hashOf(row.name, picture),
      row,
      wording: { name: row.name },
      content: () => pixelsOrNone(this.reader, picture),
    });
    if (!isSet) return isPicture(bytes) ? { pieces: [piece({ name: nameOf(file.path) }, bytes)] } : { reason: 'unfit' };
    const set = parsed(bytes);
    if (!set) return { reason: 'unfit' };
    return {
      pieces: set.names.flatMap((name) => {
        const svg = set.svg(name);
        return svg === undefined ? [] : [piece({ name, set: set.prefix }, Buffer.from(svg))];
      }),
    };
  }

  async others(root: string): Promise<readonly string[]> {
    return (await packageFiles(root)).paths;
  }
}

/** A picture as it is embedded; undefined if it cannot be drawn. */
export function pixelsOrNone(
  reader: Pick<PictureReader, 'pixels'>,
  bytes: Uint8Array,
): Promise<Uint8Array | undefined> {
  return reader.pixels(bytes).then(
    ({ rgb }) => rgb,
    () => undefined,
  );
}

/** Reads the pictures of rows, to be shown. */
export class PictureFiles {
  private readonly sets = new Map<string, { readonly stamp: string; readonly set: IconSet | undefined }>();

  /** @param path absolute @returns undefined if it has gone, or is none */
  async read(path: string, { name, set }: PictureRow): Promise<PictureContent | undefined> {
    try {
      if (set === undefined) return pictureOf(await readFile(path));
      const svg = (await this.setIn(path))?.svg(name);
      return svg === undefined ? undefined : pictureOf(Buffer.from(svg));
    } catch {
      return undefined;
    }
  }

  private async setIn(path: string): Promise<IconSet | undefined> {
    const { size, mtimeMs } = await stat(path);
    if (size > MAX_SET_BYTES) return undefined;
    const stamp = `${size} ${mtimeMs}`;
    const before = this.sets.get(path);
    const kept = before?.stamp === stamp ? before : { stamp, set: parsed(await readFile(path)) };
    this.sets.delete(path);
    this.sets.set(path, kept); // the last one
    const [oldest] = this.sets.keys();
    if (this.sets.size > KEPT_SETS && oldest !== undefined) this.sets.delete(oldest);
    return kept.set;
  }
}

/** @throws {PictureFault} if it is none */
function pictureOf(bytes: Uint8Array): PictureContent {
  return { mediaType: formatOf(bytes).mediaType, bytes };
}

function isPicture(bytes: Uint8Array): boolean {
  try {
    formatOf(bytes);
    return true;
  } catch {
    return false;
  }
}

function parsed(bytes: Uint8Array): IconSet | undefined {
  try {
    return IconSet.parse(new TextDecoder().decode(bytes));
  } catch {
    return undefined;
  }
}

function nameOf(path: string): string {
  return basename(path, extname(path));
}
