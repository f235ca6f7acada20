import { readdirSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import type { IndentOptions } from '../../../../src/completion/cursor';
import { ROOT } from '../../model';

const FOLDER = join(ROOT, 'test', 'golden', 'completion');

/** A case, as described in the README of the golden files. */
export interface GoldenCase {
  readonly name: string;
  /** Whether a line or a block by indentation is wanted, or the decision of the language's grammar. */
  readonly wanted: 'line' | 'block' | 'grammar';
  readonly languageId: string;
  /** The editor's indentation, if the case has one. */
  readonly indent: IndentOptions | undefined;
  readonly prefix: string;
  readonly suffix: string;
  /** The inserted text; undefined if nothing is suggested. */
  readonly inserted: string | undefined;
  readonly replaces: number;
  readonly written: string;
  /** Number of characters of `written` after which the decode stops; undefined if the model ends by itself. */
  readonly stopsAfter: number | undefined;
  /** The decode ran out of tokens at the end of `written`. */
  readonly isCut: boolean;
}

/** The golden files: their names without extension, and their cases. */
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
      const match = /^(.*?)(?: \(([\w -]+)\))?\n(.*?)\n---\n(.*?)([■□◪])([^]*)$/s.exec(section);
      if (!match) throw new Error(`${file}: this is no case: ${section}`);
      const [, name = '', terms = '', document = '', before = '', end, after = ''] = match;
      const stops = end === '■';
      return {
        name,
        ...termsOf(terms),
        ...place(file, document),
        written: before + (stops ? after.trimEnd() : ''),
        stopsAfter: stops ? before.length : undefined,
        isCut: end === '◪',
      };
    });
}

/** The options in the parentheses of a heading: `block`, `rust`, `block rust`, `line go tabs 4`. */
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
