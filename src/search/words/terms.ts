/** The words of code and prose: identifiers are split, case and common English endings do not count. */
import { detached } from '../../matlm/detached';

/** Grows if the same text gives other terms, so that a stored index is made again. */
export const TERMS_VERSION = 1;

/** They are in most queries and say nothing. */
const STOP_WORDS = new Set('the a an of to and is in for that this it or be by with as if are on'.split(' '));
/** A question begins with one of these. */
const QUESTIONS = new Set('how what which where when why who whose does do did'.split(' ').map(folded));
/** Code seldom says these words of a question, so that they would count more than what is asked for. */
const QUESTION_WORDS = new Set([
  ...QUESTIONS,
  ...'can could should would will have has had many much i my me we our you your there'.split(' ').map(folded),
]);
const IDENTIFIER = /[\p{L}\p{M}\p{N}_$]+/gu;
/** `parseHTTPHeader2` → parse, HTTP, Header, 2. Scripts without case are one part. */
const PART = /\p{Lu}+(?![\p{Ll}\p{M}])|\p{Lu}?[\p{Ll}\p{M}]+|\p{N}+|[\p{Lo}\p{Lm}\p{Lt}\p{M}]+/gu;
/** Scripts that write words without blanks between them: each two letters are a term. */
const UNSPACED = /^[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Thai}\p{Lm}]{3,}$/u;
/** Longer ones are data. */
const MAX_LENGTH = 40;
/** Endings that `folded` takes away, for a word that is not typed to its end. */
const ENDINGS = ['ings', 'ies', 'ing', 'es', 'ed', 'e', 's', 'y'];
/** With fewer letters, a beginning says nothing. The vocabulary relies on two. */
const MIN_START = 2;
/** Of each of the two caches. */
const MAX_KNOWN = 20_000;

/** A word of a text. */
export interface Term {
  readonly word: string;
  /** Whether it is the whole of an identifier of which the terms before are parts. */
  readonly isCompound: boolean;
}

/** The terms of identifiers. Once the first cache is full, it is the second one, so that what is used often stays. */
let known = new Map<string, readonly Term[]>();
let knownBefore = new Map<string, readonly Term[]>();

/** The terms of a text, in their order; repeated ones are repeated. */
export function termsOf(text: string): Term[] {
  const found: Term[] = [];
  for (const identifier of text.match(IDENTIFIER) ?? []) {
    for (const term of known.get(identifier) ?? remembered(identifier)) found.push(term);
  }
  return found;
}

function remembered(identifier: string): readonly Term[] {
  const terms = knownBefore.get(identifier) ?? termsIn(identifier);
  if (known.size >= MAX_KNOWN) {
    knownBefore = known;
    known = new Map();
  }
  known.set(detached(identifier), terms);
  return terms;
}

/** The terms of a query; of a question, without the words that only make it one. */
export function termsOfQuery(query: string): Term[] {
  const terms = termsOf(query);
  if (!QUESTIONS.has(terms[0]?.word ?? '')) return terms;
  const asked = terms.filter(({ word }) => !QUESTION_WORDS.has(word));
  return asked.length > 0 ? asked : terms;
}

function termsIn(identifier: string): readonly Term[] {
  if (identifier.length > 2 * MAX_LENGTH) return [];
  const parts = Array.from(identifier.matchAll(PART), ([part]) => part.toLowerCase());
  const terms = parts
    .flatMap((part) => (UNSPACED.test(part) ? pairsOf(part) : [part]))
    .filter((part) => part.length <= MAX_LENGTH && !STOP_WORDS.has(part))
    .map((part) => ({ word: detached(folded(part)), isCompound: false }));
  const whole = parts.join('');
  const isCompound = parts.length > 1 && whole.length <= MAX_LENGTH;
  return isCompound ? [...terms, { word: folded(whole), isCompound }] : terms;
}

function pairsOf(text: string): string[] {
  const letters = Array.from(text);
  return letters.slice(1).map((letter, i) => `${letters[i]}${letter}`);
}

/** A word without its ending: parse, parses, parsed and parsing are one term. */
export function folded(word: string): string {
  if (word.length < 4 || !/^[a-z]+$/.test(word)) return word;
  const single = word.replace(/(?<![sui])s$/, '');
  const stem = single.replace(/(?<=[aeiouy].*[^aeiou]|[aeiouy].*[aeiou]{2})(?:ing|ed)$/, '');
  if (stem.length >= 3 && stem !== single) return stem.replace(/([bdfgmnprt])\1$/, '$1').replace(/(?<=.{3})[ey]$/, '');
  return single.replace(/(?<=.{3})(?:ie|e|y)$/, '');
}

/** What stands at the end of a text and may go on: the last part of its identifier, and the whole of it; in lower case. */
export function unfinishedIn(text: string): readonly string[] {
  const last = /[\p{L}\p{M}\p{N}_$]+$/u.exec(text)?.[0] ?? '';
  const parts = Array.from(last.matchAll(PART), ([part]) => part.toLowerCase());
  return [...new Set([parts.at(-1) ?? '', parts.join('')])].filter((start) => start.length >= MIN_START);
}

/** Whether a term may be what a word becomes that is not typed to its end. @param start the word so far, in lower case */
export function mayBecome(term: string, start: string): boolean {
  if (term.startsWith(start)) return true;
  if (term.length < 3 || !start.startsWith(term)) return false;
  const rest = start.slice(term.length);
  return ENDINGS.some((ending) => ending.startsWith(rest));
}
