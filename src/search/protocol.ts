import type { Machine } from '../governor/machine';
import type { Surroundings } from '../workspace/memory/nearness';
import type {
  CodeHit,
  PictureContent,
  PictureHit,
  PictureQuery,
  QueryCost,
  SearchAnswer,
  SearchOptions,
  SearchProgress,
} from './search';
import type { SearchRoot } from './root';

/** A question to the search process. */
export type Question =
  | { readonly kind: 'code'; readonly query: string; readonly options: AskedOptions }
  | { readonly kind: 'pictures'; readonly query: PictureQuery; readonly options: AskedOptions }
  | { readonly kind: 'content'; readonly hit: PictureHit };

/** `SearchOptions` without the signal, which `abort` stands for. */
export type AskedOptions = Omit<SearchOptions, 'signal'>;

export type Reply = SearchAnswer<CodeHit> | SearchAnswer<PictureHit> | PictureContent | undefined;

/** What happens in the window. Each has the latest value of its kind, and the last two add up. */
export interface Circumstances {
  readonly roots: readonly SearchRoot[];
  readonly isOn: boolean;
  readonly machine: Machine;
  readonly isCompleting: boolean;
  readonly surroundings: Surroundings;
}

export type ToSearch =
  | { readonly type: 'open'; readonly root: string; readonly storage: string; readonly now: Circumstances }
  | { readonly type: 'now'; readonly now: Partial<Circumstances> }
  | { readonly type: 'key' }
  | { readonly type: 'changed' | 'deleted'; readonly paths: readonly string[] }
  | { readonly type: 'rules' }
  | { readonly type: 'index' }
  | { readonly type: 'ask'; readonly id: number; readonly question: Question }
  | { readonly type: 'abort'; readonly id: number };

export type FromSearch =
  | {
      readonly type: 'progress';
      readonly progress: SearchProgress;
      readonly costs: Readonly<Record<'code' | 'pictures', readonly QueryCost[]>>;
      /** Share of all cores that the process has used since the last message, 0 to 1. */
      readonly cpuShare: number;
    }
  | { readonly type: 'say'; readonly line: string }
  /** The process can do nothing: an encoder or the addon is missing or damaged. */
  | { readonly type: 'unusable'; readonly fault: string }
  | { readonly type: 'reply'; readonly id: number; readonly reply: Reply }
  | { readonly type: 'refused'; readonly id: number; readonly fault: string };
