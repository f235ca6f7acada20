import { findSecret } from '../../workspace/secrets';
import { endsInPrivateKey } from '../../workspace/secretFormats';
import type { Cursor } from '../cursor';
import { cutAt, cutBeforeLine, type Draft, type Filter } from './filter';

/** A secret and the name that promises it are not longer. */
const LOOK_BACK = 320;
/** A value before the cursor has ended if one of these follows. */
const VALUE_END = /[\s"'`;,)]/;

/**
 * Nothing that a training corpus leaked, or that merely looks like it, is shown, and in data and shell no literal at all
 * after a name that promises a secret: a variable, a call or nothing may stand there.
 */
export const secrets: Filter = (cursor) => {
  const { before, isWithinSecret } = textBefore(cursor);
  // A decode only appends, so only the new end is searched, and as much before it as a secret may take.
  let [seen, found]: [string, number | undefined] = ['', undefined];
  return (draft) => {
    if (isWithinSecret) return cutAt(draft, 0);
    const head = draft.text.slice(0, seen.length);
    if (head !== seen) [seen, found] = ['', undefined];
    found ??= findIn(draft, before, seen.length, cursor);
    seen = draft.text;
    return found === undefined ? draft : cutAtSecret(draft, found);
  };
};

/** The text before the cursor that a secret may begin in, without the secrets that are there already. */
function textBefore({ prefix, textKind }: Cursor): { before: string; isWithinSecret: boolean } {
  let before = prefix.slice(-LOOK_BACK);
  for (let at = findSecret(before, { kind: textKind }); at !== undefined;) {
    before = before.slice(at + 1);
    const next = findSecret(before, { kind: textKind });
    if (next === undefined && !VALUE_END.test(before)) return { before, isWithinSecret: true };
    at = next;
  }
  return { before, isWithinSecret: endsInPrivateKey(prefix) };
}

/** Where a secret begins in a draft, negative if before it. @param seen characters in which there was none */
function findIn(draft: Draft, before: string, seen: number, { textKind }: Cursor): number | undefined {
  const from = Math.max(0, seen - LOOK_BACK);
  const head = from === 0 ? before : '';
  const at = findSecret(head + draft.text.slice(from), { kind: textKind, open: draft.open, anyLiteral: true });
  return at === undefined ? undefined : at - head.length + from;
}

/** The lines before the secret: none if it begins in the cursor's. */
function cutAtSecret(draft: Draft, at: number): Draft {
  return cutBeforeLine(draft, Math.max(0, draft.text.slice(0, Math.max(0, at)).split('\n').length - 1));
}
