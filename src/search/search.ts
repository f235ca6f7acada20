/**
 * Search by meaning as the window and the command line see it. The index is kept by another process, which may be absent, busy
 * or restarting: every call is answered, if need be by a `SearchFault`.
 */
import type { Scores } from './fusion';

/** A piece of code. Lines count from 0. */
export interface CodeHit extends Scores {
  /** The workspace folder: an absolute path of this system. */
  readonly root: string;
  /** From the folder, with forward slashes. */
  readonly path: string;
  readonly firstLine: number;
  /** The last one that belongs to it. */
  readonly lastLine: number;
  /** Of the function, method, class or heading; of a method with its class, as `Cache.get`. */
  readonly name?: string;
}

/** A picture file, or an icon of a set that is one file. */
export interface PictureHit extends Scores {
  readonly root: string;
  /** Of the picture's file, or of the set's, from the folder, with forward slashes. */
  readonly path: string;
  /** Of the file without its ending, or of the icon in its set. */
  readonly name: string;
  /** The set's prefix, such as `mdi`, if the file is a set. */
  readonly set?: string;
}

export interface SearchOptions {
  /** Whether the last word of the query may go on, because it is being typed. */
  readonly isUnfinished?: boolean;
  /** S, M, L or XL; S if absent. It applies to the query only: the index is embedded by the largest. */
  readonly submodel?: string;
  /** At most so many hits, best first. 20 if absent. */
  readonly limit?: number;
  /** Stops it within milliseconds; the call then rejects with the signal's reason. */
  readonly signal?: AbortSignal;
}

export interface SearchAnswer<Hit> {
  /** Best first. From what is indexed by now. */
  readonly hits: readonly Hit[];
  /** That has embedded the query. */
  readonly submodel: string;
  /** Spent in the search process: to embed the query, and to compare it with the index. */
  readonly embedMs: number;
  readonly compareMs: number;
  /** The index at the time of the answer. */
  readonly progress: SearchProgress;
}

/** What a picture is compared with. */
export type PictureQuery =
  | { readonly words: string }
  /** The bytes of an SVG, PNG or JPEG file. @property name of the file, whose ending tells the kind */
  | { readonly bytes: Uint8Array; readonly name: string };

/** A picture as a page may show it. An SVG is for an `img` element alone, because it may hold scripts. */
export interface PictureContent {
  /** `image/svg+xml`, `image/png` or `image/jpeg`. */
  readonly mediaType: string;
  readonly bytes: Uint8Array;
}

/** Why the index is not being built at the moment. */
export type WaitingFor =
  | 'typing' // a key within the last seconds
  | 'completion' // the engine writes a suggestion
  | 'mains' // on battery, or the system saves power
  | 'cooling' // the processor is throttled, or close to it
  | 'processor' // other programs need it
  | 'another window'; // which builds the index of this workspace

export type SearchState =
  | { readonly state: 'off' } // nothing has been asked for yet, or the setting is off
  | { readonly state: 'starting' }
  | { readonly state: 'indexing' }
  | { readonly state: 'waiting'; readonly for: WaitingFor }
  | { readonly state: 'ready' } // all files are in the index
  /** @property fault what happened and what to do, in English, as in the log */
  | { readonly state: 'unavailable'; readonly fault: string };

/** How far the index is. */
export interface SearchProgress {
  readonly now: SearchState;
  /** Found by their words; by meaning too; and all that are known of, which grow while the folders are being listed. */
  readonly filesRead: number;
  readonly filesDone: number;
  readonly filesFound: number;
  /** Whether all folders were listed, and all files read. */
  readonly isWalked: boolean;
  /** Embedded. More are found by their words. */
  readonly chunks: number;
  readonly pictures: number;
  /** That the index takes in memory. */
  readonly bytes: number;
  /** Whether there are more files or pieces than the index takes. */
  readonly isTruncated: boolean;
  /** Something that the user should know, and that does not stop the search: the disk is full, for example. In English. */
  readonly notice?: string;
}

export const NO_PROGRESS: SearchProgress = {
  now: { state: 'off' },
  filesRead: 0,
  filesDone: 0,
  filesFound: 0,
  isWalked: false,
  chunks: 0,
  pictures: 0,
  bytes: 0,
  isTruncated: false,
};

/** The share of the files that are found by meaning too, in whole percent; 100 only if it is all of them. */
export function percentDone({ filesDone, filesFound }: Pick<SearchProgress, 'filesDone' | 'filesFound'>): number {
  return Math.floor((100 * filesDone) / Math.max(1, filesFound));
}

/** The sizes of an encoder, by the time that one query of a few words takes on this machine. */
export interface QueryCost {
  readonly submodel: string;
  /** Undefined until it was measured. */
  readonly embedMs?: number;
}

/** There is no answer. The message says what happened and what to do. */
export class SearchFault extends Error {
  override readonly name = 'SearchFault';
}

export interface Search {
  /**
   * Code by its words and its meaning. The first call starts the process and the index.
   * @throws {SearchFault} or the signal's reason
   */
  code(query: string, options?: SearchOptions): Promise<SearchAnswer<CodeHit>>;
  /** Pictures and icons by words or by another picture. @throws {SearchFault} or the signal's reason */
  pictures(query: PictureQuery, options?: SearchOptions): Promise<SearchAnswer<PictureHit>>;
  /** The picture of a hit, to be shown; undefined if it has gone or cannot be drawn. */
  content(hit: PictureHit, signal?: AbortSignal): Promise<PictureContent | undefined>;
  /** From the smallest size to the largest; empty until the process has opened the encoder. */
  costs(kind: 'code' | 'pictures'): readonly QueryCost[];
  readonly progress: SearchProgress;
  /** @returns stops the calls */
  onProgress(listener: (progress: SearchProgress) => void): () => void;
}
