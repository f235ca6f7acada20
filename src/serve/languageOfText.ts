/**
 * Lines that are common in a language and rare in the others. None matches across a line end: at each of many blank lines it would
 * look through all that follow.
 */
const SIGNS: readonly (readonly [languageId: string, sign: RegExp])[] = [
  [
    'python',
    /^[ \t]*(?:def \w+\(.*|class \w+.*|(?:el)?if .+|for .+ in .+|with .+|try|else|async def .+):[ \t]*(?:#.*)?$/gm,
  ],
  ['python', /^(?:from [\w.]+ import |import [\w.]+(?: as \w+)?[ \t]*$)/gm],
  [
    'typescript',
    /^[ \t]*(?:export )?(?:interface|type|enum) \w+|\)?: (?:string|number|boolean|void|Promise<.*>)[ ,;)=]/gm,
  ],
  ['typescript', /^import (?:type )?\{.*\} from '/gm],
  ['javascript', /\brequire\(['"]|^[ \t]*(?:module\.)?exports[.=]|^[ \t]*(?:var|let) \w+ = |=> \{$/gm],
  ['go', /^(?:package \w+|func (?:\(.*\) )?\w+\(|import \()|:= |^[ \t]*if err != nil \{/gm],
  [
    'rust',
    /^[ \t]*(?:pub )?(?:fn \w+|impl[ <]|use \w+::|mod \w+|struct \w+|enum \w+)|\blet mut |&mut |-> (?:Result|Option)</gm,
  ],
  [
    'java',
    /^[ \t]*(?:import java|package [\w.]+;|public (?:static |final |abstract )*(?:class|interface|void|enum|\w+ \w+\())|@Override/gm,
  ],
  ['cpp', /^[ \t]*#[ \t]*(?:include|define|ifn?def|pragma)\b|\bstd::|^[ \t]*(?:namespace|template) ?|\w+ ?::\w+\(/gm],
  ['shellscript', /^#!.*\b(?:ba|z)?sh\b|^[ \t]*(?:fi|done|esac)[ \t]*$|^[ \t]*if \[{1,2} |\$\{?\w+\}?/gm],
  ['html', /<\/?(?:div|html|body|head|span|script|p|a|ul|li)[ >]|<!doctype html>/gim],
  ['css', /^[ \t]*[.#]?[\w-]+(?:[ ,:>.#][\w-]+)* \{$|^[ \t]*[\w-]+: [^;{\n]+;$/gm],
  ['markdown', /^#{1,6} \S|^```|\]\(https?:/gm],
];
/** Only the text around the cursor is looked at. */
const MAX_CHARS = 6000;
/** A longer line is data, and to look for its signs takes long. */
const MAX_LINE_CHARS = 200;
const MIN_SIGNS = 2;

/** Texts whose languages are kept: one for each document in use. */
const MAX_KEPT = 32;

/** Languages of texts without a name. While the user types in a line the answer stays the same, and costs nothing. */
export class LanguagesOfTexts {
  private readonly known = new Map<string, string>();

  of(prefix: string, suffix: string): string {
    const [lineStart, lineEnd] = [prefix.lastIndexOf('\n') + 1, suffix.indexOf('\n')];
    const above = prefix.slice(Math.max(0, lineStart - MAX_CHARS), lineStart);
    const around = `${above}\0${lineEnd < 0 ? '' : suffix.slice(lineEnd, MAX_CHARS / 2)}`;
    // Of a single line nothing stays the same.
    if (above === '') return languageOfText(prefix, suffix);
    const language = this.known.get(around) ?? languageOfText(prefix, suffix);
    this.known.delete(around);
    this.known.set(around, language);
    const oldest = this.known.keys().next();
    if (this.known.size > MAX_KEPT && !oldest.done) this.known.delete(oldest.value);
    return language;
  }
}

/** The language of a text without a name, as VS Code calls it; plaintext unless one is clearly the most probable. */
export function languageOfText(prefix: string, suffix = ''): string {
  const excerpt = prefix.slice(-MAX_CHARS) + suffix.slice(0, MAX_CHARS / 2);
  const lines = excerpt.split('\n').filter((line) => line.length <= MAX_LINE_CHARS);
  const text = lines.join('\n');
  const counts = new Map<string, number>();
  for (const [language, sign] of SIGNS) {
    counts.set(language, (counts.get(language) ?? 0) + (text.match(sign)?.length ?? 0));
  }
  const [best, second] = [...counts].sort(([, a], [, b]) => b - a);
  if (!best || best[1] < MIN_SIGNS || (second?.[1] ?? 0) * 2 > best[1]) return 'plaintext';
  return best[0];
}
