import type { ScoreBound } from '../../engine/engine';
import { mayReachScore, NO_TOKENS, withToken } from '../../engine/scoreBound';

/** A decoded piece of text with the model's probability for it. */
export interface Piece {
  readonly text: string;
  readonly probability: number;
  /** Of the probability, the part that came from earlier matches, 0 to 1; undefined if the model decided alone. */
  readonly memoryShare?: number | undefined;
  /** Tokens of the longest earlier match of the text before it. */
  readonly matchLength?: number | undefined;
}

/** The score that a suggestion needs to be shown. */
export const EAGERNESS = { careful: 0.7, balanced: 0.5, eager: 0.3 } as const;
export type Eagerness = keyof typeof EAGERNESS;

export function isEagerness(value: unknown): value is Eagerness {
  return typeof value === 'string' && Object.hasOwn(EAGERNESS, value);
}

/** The part of the place that the score depends on. */
export interface PlaceOfHead {
  /** The line before the cursor. */
  readonly linePrefix: string;
  /** The rest of the line after the cursor. */
  readonly lineSuffix: string;
}

/** The names of the score's features, in the order of `featuresOf`. */
export const FEATURES = [
  'constant',
  'sum of log probabilities',
  'mean log probability',
  'least log probability',
  'log of tokens',
  'at the head of a line',
  'within a word',
  'before more on the line',
  'of several lines',
  'sum of log probabilities from earlier matches',
] as const;
const LINES = FEATURES.indexOf('of several lines');
const MEMORY_SUM = FEATURES.indexOf('sum of log probabilities from earlier matches');

/** A shorter part of a line is typed sooner than read. */
const MIN_HEAD_CHARS = 4;

/** Words of any script: accents and vowel marks are part of them. */
const BEGINS_WITHIN_WORD = /^[\w\p{L}\p{M}\p{N}]/u;
const ENDS_WITHIN_WORD = /(?<![\w$\p{L}\p{M}\p{N}])[\w$\p{L}\p{M}\p{N}]+$/u;

/** The features of every head of the output: of its first piece, its first two, and so on. [pieces, features] */
export function featuresOf(pieces: readonly Piece[], { linePrefix, lineSuffix }: PlaceOfHead): number[][] {
  let [tally, text] = [NO_TOKENS, ''];
  return pieces.map((piece, i) => {
    tally = withToken(tally, piece);
    const { sum, least, memorySum } = tally;
    text += piece.text;
    return [
      1,
      sum,
      sum / (i + 1),
      least,
      Math.log(i + 1),
      Number(linePrefix.trim() === ''),
      Number(/\w$/.test(linePrefix)),
      Number(lineSuffix.trim() !== ''),
      Number(text.trimEnd().includes('\n')),
      memorySum,
    ];
  });
}

/** The features of the shortest head that has so many characters, or of all pieces. */
export function featuresOfHead(pieces: readonly Piece[], place: PlaceOfHead, characters: number): readonly number[] {
  let length = 0;
  const last = pieces.findIndex(({ text }) => (length += text.length) >= characters);
  return featuresOf(pieces, place).at(last) ?? [];
}

/** The estimated probability that the user accepts a head. */
export function score(features: readonly number[], weights: readonly number[] | undefined): number {
  // Without calibration, it is the product of the probabilities.
  if (!weights) return Math.exp(features[1] ?? 0);
  return 1 / (1 + Math.exp(-logit(features, weights)));
}

function logit(features: readonly number[], weights: readonly number[]): number {
  return features.reduce((sum, feature, i) => sum + feature * (weights[i] ?? 0), 0);
}

/**
 * The score at a place as log odds relative to the required ones. It is undefined if the score has no bound, because
 * everything is shown or because more certain tokens would lower it.
 */
export function scoreBoundAt(
  place: PlaceOfHead,
  weights: readonly number[] | undefined,
  minScore: number,
): ScoreBound | undefined {
  if (minScore <= 0) return undefined;
  if (!weights)
    return { constant: -Math.log(minScore), ofSum: 1, ofMean: 0, ofLeast: 0, ofLogCount: 0, ofMemorySum: 0 };
  const [, ofSum = 0, ofMean = 0, ofLeast = 0, ofLogCount = 0] = weights;
  const ofMemorySum = weights[MEMORY_SUM] ?? 0;
  // Each token adds to the sum, wholly or partly to that of the memory, and the least falls by no more than the sum.
  const ofToken = ofSum + Math.min(0, ofMemorySum);
  if (Math.min(ofToken, ofMean, ofToken + ofLeast) < 0) return undefined;
  const [nothing = []] = featuresOf([{ text: '', probability: 1 }], place);
  // A line end may follow, which may raise the score.
  const ofLines = Math.max(0, weights[LINES] ?? 0);
  const constant = logit(nothing, weights) + ofLines - logitOf(minScore);
  return { constant, ofSum, ofMean, ofLeast, ofLogCount, ofMemorySum };
}

/**
 * Whether further decoding could show more text: the last head reaches the required score if its line ends there, or a
 * longer one does if all further tokens are certain. Stopping early never changes the shown text.
 * @param scoreBound at the place, from `scoreBoundAt`
 */
export function mayShowMore(pieces: readonly Piece[], scoreBound: ScoreBound | undefined): boolean {
  if (!scoreBound || pieces.length === 0) return true;
  return mayReachScore(scoreBound, pieces.reduce(withToken, NO_TOKENS));
}

function logitOf(share: number): number {
  return Math.log(share / (1 - share));
}

/**
 * The longest head that reaches the required score. A word that would be cut is dropped entirely. A head that leaves its
 * line unfinished may be wrong only half as often.
 * @param weights of the submodel's score, from the checkpoint's calibration
 */
export function confidentHead(
  pieces: readonly Piece[],
  place: PlaceOfHead,
  weights: readonly number[] | undefined,
  minScore: number,
): string {
  const last = featuresOf(pieces, place).findLastIndex((features, i) => {
    const isWhole = i === pieces.length - 1 || /^\s*\n/.test(pieces[i + 1]?.text ?? '');
    return score(features, weights) >= (isWhole ? minScore : (1 + minScore) / 2);
  });
  const head = textOf(pieces.slice(0, last + 1));
  const rest = pieces.slice(last + 1);
  // A character that is split over tokens has no text before its last part. Most likely it is a letter.
  const next = rest.find(({ text }) => text !== '')?.text ?? 'é';
  if (rest.length === 0 || /^\s*\n/.test(next)) return head;
  const words = BEGINS_WITHIN_WORD.test(next) ? head.replace(ENDS_WITHIN_WORD, '') : head;
  return words.replace(/\s/g, '').length >= MIN_HEAD_CHARS ? words : '';
}

/** The text of all pieces. */
export function textOf(pieces: readonly Piece[]): string {
  return pieces.map((piece) => piece.text).join('');
}
