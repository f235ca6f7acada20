import type { Clock } from '../machine/clock';
import type { FilePolicy } from '../workspace/filePolicy';
import type { CodeRow } from './code';
import type { Embedder, VectorIndex } from './embedder';
import type { PictureRow } from './pictures';
import type { PictureContent } from './search';
import type { Source } from './source';

/** One kind of pieces, and how they and the queries for them are embedded. */
export interface SearchKind<Row, Content> {
  readonly embedder: Embedder<Content>;
  /** An empty index of its vectors. */
  readonly vectors: () => VectorIndex;
  source(policy: FilePolicy): Source<Row, Content>;
}

/** Pictures are found by the meaning of words too, if an encoder of words shares their space. */
export interface PictureKind<Row, Content> extends SearchKind<Row, Content> {
  readonly words: Embedder<string> | undefined;
  /** What a picture's bytes are embedded as; undefined if they are no picture. */
  contentOf(bytes: Uint8Array, name: string): Promise<Content | undefined>;
  /** Where the picture of a row comes from. @param path absolute */
  read(path: string, row: Row): Promise<PictureContent | undefined>;
}

export interface LocalSearchParts {
  readonly code: SearchKind<CodeRow, string>;
  readonly pictures?: PictureKind<PictureRow, Uint8Array> | undefined;
  /** The folder of all indexes. */
  readonly storage: string;
  readonly clock: Clock;
  /** For the log. */
  readonly say: (line: string) => void;
}
