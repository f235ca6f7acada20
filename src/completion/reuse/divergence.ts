import { textOf } from '../decode/confidence';
import type { Generation } from './generation';
import type { TypedSince } from './typedSince';

/** Whether the text typed since on the line of a generation differs from the model's output there, shown or not. */
export function hasDiverged({ position, pieces }: Generation, since: TypedSince): boolean {
  const typed = since.at(position);
  if (typed === undefined || typed.includes('\n')) return false;
  const written = textOf(pieces);
  return !written.startsWith(typed) && !typed.startsWith(written);
}
