/** What may not be in a text that the user passes on. */
export interface Private {
  /** Folders and files of this machine, in any form; they are recognised even if their names hold blanks. */
  readonly paths: readonly string[];
  /** Names of the user and of the machine. */
  readonly names: readonly string[];
}

const PATH = '<path>';
const NAME = '<name>';
/** More is not a message. */
const MAX_CHARS = 1000;
/** So many are looked at, because a path that is cut in its middle is not recognised. */
const MAX_READ_CHARS = 4 * MAX_CHARS;

/** Characters that no path of a message goes on after, apart from blanks. */
const INSIDE = String.raw`[^\s'"\x60<>|,;()\[\]{}]`;
/** The begin of a path: a URL, a drive, a word before a path (`cwd:/…`), a UNC share, a home folder, a relative path, or the root. */
const ROOT = String.raw`(?:[A-Za-z][A-Za-z0-9+.-]*:[\\/]|[A-Za-z]%3A|\\\\|~[\\/]|\.{1,2}[\\/]|\/(?!\s|$))`;
/** Words that follow a path in a sentence, so that they do not belong to its last name. */
const SENTENCE = String.raw`(?:is|are|was|has|have|does|do|did|could|cannot|can|not|and|or|to|from|in|on|of|at|by|with|for|because|holds|lacks|needs|failed|fails|missing)\b`;
/** Blanks inside a path: a later word has another separator, or ends with the extension of a file. */
const INNER_BLANKS = String.raw`(?:(?: (?!${SENTENCE})${INSIDE}*(?<!:)){1,6}?(?:[\\/]${INSIDE}*|\.[A-Za-z][A-Za-z0-9]{0,11}(?=$|[\s:,;.)'"])))*`;
/** Blanks in its last name: a few words to the end of the message, or to the colon before a fault. */
const LAST_BLANKS = String.raw`(?:(?<![:.])(?: (?!${SENTENCE})[^\s'"\x60<>|,;:()\[\]{}]+){1,3}(?=:\s|:?$))?`;
const BLANKS = INNER_BLANKS + LAST_BLANKS;

/** An apostrophe in a name is followed by a letter, a closing one is not. */
const QUOTED_PATH = new RegExp(String.raw`(['"\x60])(?:${ROOT})(?:[^'"\x60\n]|(?!\1)['"\x60]|'(?=\p{L}))*\1`, 'gu');
const MAIL = /[^\s@<>"'(),;:]+@[^\s@<>"'(),;:]+\.\p{L}{2,}/gu;
const BARE_PATH = new RegExp(String.raw`(?<![A-Za-z0-9_<.\-/\\:])${ROOT}${INSIDE}*${BLANKS}`, 'g');

/**
 * A message without paths, addresses and names. A word too many is taken rather than one too few: what is left may be passed
 * on to anyone.
 */
export function withoutPrivate(text: string, { paths, names }: Private): string {
  const known = paths
    .flatMap(formsOf)
    .sort((a, b) => b.length - a.length)
    .map(
      (path) =>
        new RegExp(
          `(?:[A-Za-z][A-Za-z0-9+.-]*:/+)?${escaped(path)}(?![A-Za-z0-9_-])(?:[\\\\/]${INSIDE}*${BLANKS})?`,
          'gi',
        ),
    );
  const withoutKnown = known.reduce((rest, path) => rest.replace(path, replaced), text.slice(0, MAX_READ_CHARS));
  const withoutPaths = withoutKnown
    .replace(QUOTED_PATH, (_match, quote: string) => `${quote}${PATH}${quote}`)
    .replace(BARE_PATH, replaced)
    .replace(MAIL, NAME);
  const longEnough = names.filter((name) => name.length > 1).sort((a, b) => b.length - a.length);
  const left = longEnough.reduce(
    (rest, name) => rest.replace(new RegExp(`(?<![\\p{L}\\p{N}_])${escaped(name)}(?![\\p{L}\\p{N}_])`, 'giu'), NAME),
    withoutPaths,
  );
  return left.slice(0, MAX_CHARS);
}

/**
 * The names of the user and of the machine, and their parts: a first name alone, a machine without its domain.
 * @param host with or without its domain
 */
export function namesOf(users: readonly string[], host: string): string[] {
  const parts = users.flatMap((name) => [name, ...name.split(/\s+/)]);
  // The name of a system's account says nothing about a person.
  return [...new Set([...parts, host, host.split('.')[0] ?? ''])].filter(
    (name) => !['', 'root', 'user', 'localhost'].includes(name),
  );
}

/** The punctuation after a path is of the sentence. */
function replaced(path: string): string {
  return `${PATH}${/[:.]+$/.exec(path)?.[0] ?? ''}`;
}

/** A path as it may stand in a message: with either slash, escaped in JSON, and as in a URL. */
function formsOf(path: string): string[] {
  const bare = path.replace(/[\\/]+$/, '');
  if (bare.length < 3) return [];
  const slashes = bare.replaceAll('\\', '/');
  const encoded = encodeURI(slashes);
  return [
    ...new Set([bare, slashes, bare.replaceAll('\\', '\\\\'), encoded, encoded.replace(/^([A-Za-z]):/, '$1%3A')]),
  ];
}

function escaped(text: string): string {
  return text.replaceAll(/[\\^$.*+?()[\]{}|/]/g, '\\$&');
}
