import { findSecret } from '../../workspace/secrets';
import { endsInPrivateKey } from '../../workspace/secretFormats';
import type { Cursor } from '../cursor';
import { cutAt, cutBeforeLine, type Draft, type Filter } from './filter';

/** The longest secret together with its name. */
const LOOK_BACK = 320;
/** A value before the cursor has ended if one of these follows. */
const VALUE_END = /[\s"'`;,)]/;

/**
 * Cuts before secrets, which a training corpus may have leaked, and before texts that look like them. In data and shell,
 * it cuts before every literal after a name of a secret: only a variable or a call may follow.
 */
export const secrets: Filter = (cursor) => {
  const { before, isWithinSecret } = textBefore(cursor);
  // A decode only appends, so the search begins one secret's length before the new end.
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

/** The text before the cursor in which a new secret may begin, without complete secrets. */
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

/** The offset of a secret in a draft, negative if it begins before the draft. @param seen number of searched characters */
function findIn(draft: Draft, before: string, seen: number, { textKind }: Cursor): number | undefined {
  const from = Math.max(0, seen - LOOK_BACK);
  const head = from === 0 ? before : '';
  const at = findSecret(head + draft.text.slice(from), { kind: textKind, open: draft.open, anyLiteral: true });
  return at === undefined ? undefined : at - head.length + from;
}

/** The lines before the secret; none if it begins on the cursor's line. */
function cutAtSecret(draft: Draft, at: number): Draft {
  return cutBeforeLine(draft, Math.max(0, draft.text.slice(0, Math.max(0, at)).split('\n').length - 1));
}
