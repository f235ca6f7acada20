import { readdirSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import type { IndentOptions } from '../../../../src/completion/cursor';
import { ROOT } from '../../model';

const FOLDER = join(ROOT, 'test', 'golden', 'completion');

/** A case as the README beside the golden files describes it. */
export interface GoldenCase {
  readonly name: string;
  /** The rest of the line is wanted, or a block, judged by indentation; or what the language's grammar says. */
  readonly wanted: 'line' | 'block' | 'grammar';
  readonly languageId: string;
  /** How the editor indents, where the case says it. */
  readonly indent: IndentOptions | undefined;
  readonly prefix: string;
  readonly suffix: string;
  /** What is inserted, or undefined where nothing is suggested. */
  readonly inserted: string | undefined;
  readonly replaces: number;
  readonly written: string;
  /** Characters of `written` after which the decode is stopped, or undefined where the model ends by itself. */
  readonly stopsAfter: number | undefined;
}

/** The golden files: their names without ending, and their cases. */
export function goldenFiles(): { name: string; cases: GoldenCase[] }[] {
  return readdirSync(FOLDER)
    .filter((file) => file.endsWith('.txt'))
    .map((file) => ({ name: basename(file, '.txt'), cases: parse(file) }));
}

function parse(file: string): GoldenCase[] {
  const text = readFileSync(join(FOLDER, file), 'utf8').replaceAll('\r\n', '\n').replaceAll('⇥', '\t');
  return text
    .split(/^=== /m)
    .slice(1)
    .map((section) => {
      const match = /^(.*?)(?: \(([\w -]+)\))?\n(.*?)\n---\n(.*?)([■□])([^]*)$/s.exec(section);
      if (!match) throw new Error(`${file}: this is no case: ${section}`);
      const [, name = '', terms = '', document = '', before = '', end, after = ''] = match;
      const stops = end === '■';
      return {
        name,
        ...termsOf(terms),
        ...place(file, document),
        written: before + (stops ? after.trimEnd() : ''),
        stopsAfter: stops ? before.length : undefined,
      };
    });
}

/** What the parentheses of a heading say: `block`, `rust`, `block rust`, `line go tabs 4`. */
function termsOf(terms: string): Pick<GoldenCase, 'wanted' | 'languageId' | 'indent'> {
  const [, shape, languageId = '', kind, size] =
    /^(?:(block|line)\b ?)?((?!tabs|spaces)[\w-]*) ?(?:(tabs|spaces) (\d))?$/.exec(terms) ?? [];
  const wanted = shape === 'block' || shape === 'line' ? shape : languageId === '' ? 'line' : 'grammar';
  const indent = kind === undefined ? undefined : { tabSize: Number(size), insertSpaces: kind === 'spaces' };
  return { wanted, languageId, indent };
}

function place(file: string, document: string) {
  const accepted = /^([^]*)├([^]*)┤(?:([^]*)┊)?([^]*)$/.exec(document);
  if (accepted) {
    const [, prefix = '', inserted = '', replaced = '', rest = ''] = accepted;
    return { prefix, suffix: replaced + rest, inserted, replaces: replaced.length };
  }
  const [prefix = '', suffix, ...more] = document.split('█');
  if (suffix === undefined || more.length > 0) throw new Error(`${file}: this has not one cursor: ${document}`);
  return { prefix, suffix, inserted: undefined, replaces: 0 };
}
