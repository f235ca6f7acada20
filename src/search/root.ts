import { join, resolve } from 'node:path';
import { LockFile } from '../engine/lockFile';
import { diskFolder } from '../workspace/disk';
import type { FilePolicy } from '../workspace/filePolicy';
import type { Surroundings } from '../workspace/memory/nearness';
import type { CodeRow } from './code';
import { MEANING_WEIGHTS } from './fusion';
import type { LocalSearchParts, SearchKind } from './kinds';
import type { PictureRow } from './pictures';
import { RootIndex } from './rootIndex';
import { INDEX_ENDING, noteUse, storeFolder } from './storage';

/** A workspace folder, and the setting files.exclude there. */
export interface SearchRoot {
  readonly path: string;
  readonly excludes?: Readonly<Record<string, unknown>>;
}

/** A workspace folder with its indexes. */
export interface Root {
  readonly path: string;
  /** The folder in which its indexes are stored. */
  readonly store: string;
  /** The setting files.exclude. */
  excludes: Readonly<Record<string, unknown>>;
  /** All of them. */
  readonly indexes: readonly Built[];
  readonly code: RootIndex<CodeRow, string>;
  readonly pictures: RootIndex<PictureRow, Uint8Array> | undefined;
  readonly lock: LockFile;
  /** Whether this process builds them. */
  isMine: boolean;
  /** When the lock was tried last. */
  lookedMs: number;
}

/** An index, whatever its rows are. */
export type Built = Pick<
  RootIndex<unknown, unknown>,
  | 'readNext'
  | 'embedNext'
  | 'settle'
  | 'load'
  | 'changed'
  | 'deleted'
  | 'rulesChanged'
  | 'setSurroundings'
  | 'progress'
  | 'isRead'
  | 'isComplete'
  | 'embedded'
>;

export interface OpenRootOptions {
  readonly parts: LocalSearchParts;
  readonly policy: FilePolicy;
  readonly surroundings: Surroundings;
  /** Of each kind. */
  readonly maxRows: number;
  /** For the log. */
  readonly say: (line: string) => void;
}

/** Reads what is stored of a workspace folder. */
export async function openRoot({ path, excludes = {} }: SearchRoot, options: OpenRootOptions): Promise<Root> {
  const { parts, policy, surroundings, maxRows, say } = options;
  const full = resolve(path);
  const folder = diskFolder(full, () => root.excludes);
  const store = storeFolder(parts.storage, full);
  const indexOf = <Row, Content>(kind: SearchKind<Row, Content>, meaningWeight: number) => {
    const source = kind.source(policy);
    const file = join(store, `${source.kind}${INDEX_ENDING}`);
    const { embedder, vectors } = kind;
    return new RootIndex<Row, Content>({
      ...{ folder, policy, source, embedder, vectors, file, maxRows, meaningWeight, say },
    });
  };
  const code = indexOf(parts.code, MEANING_WEIGHTS.code);
  const pictures = parts.pictures && indexOf(parts.pictures, MEANING_WEIGHTS.pictures);
  const indexes = [code, ...(pictures ? [pictures] : [])];
  const lock = new LockFile(join(store, 'lock'));
  const root: Root = { path: full, store, excludes, indexes, code, pictures, lock, isMine: false, lookedMs: -Infinity };
  await noteUse(store, full);
  for (const index of indexes) {
    index.setSurroundings(surroundings);
    const how = await index.load();
    if (how === 'damaged' || how === 'another encoder or version')
      say(`the index of ${full} is built again: what is stored is ${how === 'damaged' ? how : `of ${how}`}`);
  }
  return root;
}

export function release({ isMine, lock }: Root): void {
  if (isMine) lock.release();
}
