import { Random } from './random';
import type { Task } from './typist';

/** Shorter files are skipped. */
const MIN_CHARS = 50;

/**
 * The part of a file that is to be typed: all of it, or whole lines of about `maxChars` characters from an offset that the
 * seed chooses. The rest is in the document already.
 * @returns undefined if the file is too short
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
