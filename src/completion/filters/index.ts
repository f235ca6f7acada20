import type { Cursor } from '../cursor';
import type { Suggestion } from '../outcome';
import { balance } from './balance';
import { blanks } from './blanks';
import { comma } from './comma';
import { fileHead } from './fileHead';
import type { Draft, Filter } from './filter';
import { indent } from './indent';
import { length } from './length';
import { lineSuffix } from './lineSuffix';
import { loops } from './loops';
import { midLine } from './midLine';
import { nextLines } from './nextLines';
import { oneLine } from './oneLine';
import { scope } from './scope';
import { secrets } from './secrets';
import { unclosed } from './unclosed';
import { unfinished } from './unfinished';

/** All filters in their order: first those that end the text, then those that fit it to the place. */
export const FILTERS = {
  secrets,
  oneLine,
  midLine,
  fileHead,
  loops,
  indent,
  scope,
  length,
  nextLines,
  unfinished,
  blanks,
  lineSuffix,
  balance,
  unclosed,
  comma,
} satisfies Record<string, Filter>;

export type FilterName = keyof typeof FILTERS;

export const FILTER_NAMES = Object.keys(FILTERS) as FilterName[];

/** The result of trimming a text. */
export interface Trimmed {
  /** Undefined if nothing is left. */
  readonly suggestion: Suggestion | undefined;
  /** The filter that removed the rest of the text. */
  readonly emptiedBy?: FilterName;
  /** No further text could be shown, so the decode may stop. */
  readonly isComplete: boolean;
}

/**
 * Trims the text that was decoded so far.
 * @param open more text may be decoded
 * @param isCut the decode ran out of tokens, so the end of the text is no end that the model chose
 */
export type Trim = (text: string, open: boolean, isCut?: boolean) => Trimmed;

/** All filters at a cursor, one after the other. @param without filters to leave out, to measure their effect */
export function trimAt(cursor: Cursor, without: readonly FilterName[] = []): Trim {
  const filters = FILTER_NAMES.filter((name) => !without.includes(name)).map((name) => ({
    name,
    apply: FILTERS[name](cursor),
  }));
  return (text, open, isCut = false) => {
    let draft: Draft = { text, replaces: 0, open, isCut };
    for (const { name, apply } of filters) {
      const isEmpty = draft.text.trim() === '';
      draft = apply(draft);
      if (!isEmpty && draft.text.trim() === '')
        return { suggestion: undefined, emptiedBy: name, isComplete: !draft.open };
    }
    const { text: left, replaces } = draft;
    return { suggestion: left.trim() === '' ? undefined : { text: left, replaces }, isComplete: !draft.open };
  };
}
