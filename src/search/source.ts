import { createHash } from 'node:crypto';
import type { ProjectFile, Unquotable } from '../workspace/filePolicy';
import { detached } from '../matlm/detached';
import type { Item } from './table';

/** A piece of a file and its content. */
export interface Piece<Row, Content> extends Item<Row> {
  /** What is embedded; undefined if it cannot be read after all. It may take a while, so that it is asked for late. */
  readonly content: () => Promise<Content | undefined>;
}

/** The pieces of a file, or why it has none. */
export type Pieces<Row, Content> =
  { readonly pieces: readonly Piece<Row, Content>[] } | { readonly reason: Unquotable | 'unfit' };

/** What an index is made of: which files, and how they are taken apart. */
export interface Source<Row, Content> {
  readonly kind: 'code' | 'pictures';
  /** Grows if files are taken apart in another way, so that an index of before is made again. */
  readonly version: number;
  /** Larger files are not read. */
  readonly maxFileBytes: number;
  isRow(value: unknown): value is Row;
  /** Whether a file of this name may have pieces. */
  wants(path: string): boolean;
  /** Whether the rules let a file be embedded. */
  mayEmbed(file: ProjectFile): Promise<boolean>;
  /** Only what the rules allow at the time of the answer. */
  pieces(file: ProjectFile): Promise<Pieces<Row, Content>>;
  /** Files below the folder that its walk does not come to, from the folder. */
  others(root: string): Promise<readonly string[]>;
}

/** A name for a content that is the same on every machine. */
export function hashOf(...parts: readonly (string | Uint8Array)[]): string {
  const hash = createHash('sha256');
  for (const part of parts) hash.update(part).update('\0');
  return detached(hash.digest('base64url').slice(0, 22));
}
