import { Random } from './random';
import type { Task } from './typist';

/** Shorter files have nothing to show. */
const MIN_CHARS = 50;

/**
 * What is to be typed of a file: all of it, or about so many characters of whole lines from a place that the seed
 * chooses, the rest standing there already.
 * @returns undefined where the file is too short
 */
export function taskOf(path: string, text: string, maxChars: number, seed: number): Task | undefined {
  const whole = text.replaceAll('\r\n', '\n').trimEnd();
  if (whole.length < MIN_CHARS) return undefined;
  if (whole.length <= maxChars) return { path, before: '', stretch: whole, after: '\n' };
  const somewhere = Math.floor(new Random(seed, path).next() * (whole.length - maxChars));
  const start = somewhere === 0 ? 0 : whole.indexOf('\n', somewhere) + 1;
  const lineEnd = whole.indexOf('\n', start + maxChars);
  const end = lineEnd < 0 ? whole.length : lineEnd;
  const stretch = whole.slice(start, end).trimEnd();
  if (stretch.length < Math.min(MIN_CHARS, maxChars / 2)) return undefined;
  return { path, before: whole.slice(0, start), stretch, after: `${whole.slice(end)}\n` };
}
