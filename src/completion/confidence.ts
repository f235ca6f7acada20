/** A decoded piece of text with the model's probability for it. */
export interface Piece {
  readonly text: string;
  readonly probability: number;
}

/** Below this the model is guessing, and a wrong guess costs the user more than none. */
export const MIN_PROBABILITY = 0.12;

/** The pieces up to the first that the model merely guessed; a word cut in two by that goes whole. */
export function confident(pieces: readonly Piece[], minProbability: number): string {
  const guess = pieces.findIndex((piece) => piece.probability < minProbability);
  if (guess < 0) return join(pieces);
  const kept = join(pieces.slice(0, guess));
  const next = pieces[guess]?.text ?? '';
  return /^\w/.test(next) ? kept.replace(/[\w$]+$/, '') : kept;
}

function join(pieces: readonly Piece[]): string {
  return pieces.map((piece) => piece.text).join('');
}
