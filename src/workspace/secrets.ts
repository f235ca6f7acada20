import { findFormat } from './secretFormats';
import { bindingAt, literalAfter } from './secretBindings';
import { kindOfKey, type SecretKind } from './secretKeys';
import { isAnyLiteral, isSecretValue } from './secretValues';
import type { TextKind } from './textKinds';

export interface SecretSearch {
  /** Decides which values are literals; `code` by default. */
  readonly kind?: TextKind;
  /** More text may follow, so a value at the end of the text is not judged yet. */
  readonly open?: boolean;
  /** In data and shell, every literal after the name of a secret counts as one. */
  readonly anyLiteral?: boolean;
}

/**
 * The offset of the first key, token or password in a text; undefined if there is none. It judges by forms and names only,
 * so it misses some secrets and takes some harmless texts for secrets. The time is linear in the length of any text.
 */
export function findSecret(text: string, search: SecretSearch = {}): number | undefined {
  const found = [findFormat(text), findManifest(text), findAssigned(text, search)];
  return found.reduce((first, at) => (first === undefined || (at !== undefined && at < first) ? at : first));
}

/** The values in a Kubernetes Secret, whatever their names are. */
function findManifest(text: string): number | undefined {
  if (!/^kind: *["']?Secret["']?\s*$/m.test(text)) return undefined;
  return /^(?:data|stringData):/m.exec(text)?.index;
}

/** Parts of names of secrets. */
const CORE = /pass|pwd|secret|token|key|credential|mnemonic|jwt|auth|_pw\b/gi;
const MAX_KEY_CHARS = 80;
/** Number of examined characters after a name, before it, and of its value. */
const MAX_REST_CHARS = 200;
const MAX_BEFORE_CHARS = 60;
const MAX_VALUE_CHARS = 80;

function findAssigned(text: string, search: SecretSearch): number | undefined {
  const core = new RegExp(CORE);
  // Names are often repeated in a file.
  const kinds = new Map<string, SecretKind | undefined>();
  const kindOf = (name: string) => {
    if (!kinds.has(name)) kinds.set(name, kindOfKey(name));
    return kinds.get(name);
  };
  for (let match = core.exec(text); match; match = core.exec(text)) {
    let [start, end] = [match.index, match.index + match[0].length];
    while (end < text.length && isOfName(text.charCodeAt(end))) end++;
    // Continue after this name, so that no long name is scanned twice.
    core.lastIndex = end;
    const earliest = Math.max(0, end - MAX_KEY_CHARS);
    while (start > earliest && isOfName(text.charCodeAt(start - 1))) start--;
    if (end - start >= MAX_KEY_CHARS) continue;
    const at = valueAfter(text, start, end, kindOf, search);
    if (at !== undefined) return at;
  }
  return undefined;
}

/** Whether a character is a letter, a digit or one of _ $ . - as in `db.password` and `my-secret-key`. */
function isOfName(code: number): boolean {
  return (
    (code >= 97 && code <= 122) ||
    (code >= 65 && code <= 90) ||
    (code >= 48 && code <= 57) ||
    code === 95 ||
    code === 36 ||
    code === 46 ||
    code === 45
  );
}

/** The offset of the secret that is bound to a name; undefined if there is none. */
function valueAfter(
  text: string,
  start: number,
  nameEnd: number,
  kindOf: (name: string) => SecretKind | undefined,
  search: SecretSearch,
): number | undefined {
  let end = nameEnd;
  while (end > start && /[.-]/.test(text.charAt(end - 1))) end--;
  const name = text.slice(start, end);
  const kind = kindOf(name);
  if (!kind) return undefined;
  const rest = text.slice(end, end + MAX_REST_CHARS);
  const before = text.slice(Math.max(0, start - MAX_BEFORE_CHARS), start);
  const binding = bindingAt({ name, before, rest, textKind: search.kind ?? 'code' });
  const literal = binding && literalAfter(rest, binding);
  if (!literal) return undefined;
  if (search.open && literal.reachesEnd && end + rest.length === text.length) return undefined;
  // Several words without quotes are prose.
  if (literal.hasMoreWords && kind !== 'phrase') return undefined;
  const value = { ...literal, text: literal.text.slice(0, MAX_VALUE_CHARS), kind, place: binding.place };
  const isSecret = search.anyLiteral && binding.place === 'data' ? isAnyLiteral(value) : isSecretValue(value);
  return isSecret ? end + literal.at : undefined;
}
