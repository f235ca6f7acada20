import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Edit, Language, type Node, Parser, type Point, type Tree } from 'web-tree-sitter';
import { type GrammarInfo, GRAMMARS } from './languages';

/** A parser of one language, with its last text and tree. */
export class Grammar {
  private readonly parser = new Parser();
  private text = '';
  private tree: Tree | undefined;

  constructor(
    readonly info: GrammarInfo,
    language: Language,
  ) {
    this.parser.setLanguage(language);
  }

  /** Parse the difference from the last text. The tree is valid until the next call. Broken code has a tree too. */
  parse(text: string): Tree {
    const before = this.tree;
    if (before && text === this.text) return before;
    before?.edit(editBetween(this.text, text));
    const tree = this.parser.parse(text, before);
    before?.delete();
    if (!tree) throw new Error(`the grammar ${this.info.file} returned no tree`);
    this.text = text;
    this.tree = tree;
    return tree;
  }

  /** Parse another text than that which is edited: to parse a difference that is nearly the whole text takes longer. */
  parseOther<Result>(text: string, use: (root: Node) => Result): Result {
    const tree = this.parser.parse(text);
    if (!tree) throw new Error(`the grammar ${this.info.file} returned no tree`);
    try {
      return use(tree.rootNode);
    } finally {
      tree.delete();
    }
  }

  dispose(): void {
    this.tree?.delete();
    this.parser.delete();
  }
}

/** Grammars as WebAssembly. Each is loaded on the first use of its language. */
export class Grammars {
  private readonly loading = new Map<string, Promise<Grammar | undefined>>();
  private readonly loaded = new Map<string, Grammar>();
  private runtime: Promise<void> | undefined;

  /** @param folder holds the parser's runtime and the grammars: `*.wasm` */
  constructor(private readonly folder: string) {}

  /** The grammar of a language, if it is loaded. */
  get(languageId: string): Grammar | undefined {
    const info = infoOf(languageId);
    return info && this.loaded.get(info.file);
  }

  /** Resolves to undefined if the language has no grammar, or if its file cannot be read. */
  load(languageId: string): Promise<Grammar | undefined> {
    const info = infoOf(languageId);
    if (!info) return Promise.resolve(undefined);
    const loading = this.loading.get(info.file) ?? this.read(info).catch(() => undefined);
    this.loading.set(info.file, loading);
    return loading;
  }

  dispose(): void {
    for (const grammar of this.loaded.values()) grammar.dispose();
    this.loaded.clear();
  }

  private async read(info: GrammarInfo): Promise<Grammar> {
    this.runtime ??= Parser.init({ locateFile: (file: string) => join(this.folder, file) });
    const [bytes] = await Promise.all([readFile(join(this.folder, `${info.file}.wasm`)), this.runtime]);
    const grammar = new Grammar(info, await Language.load(bytes));
    this.loaded.set(info.file, grammar);
    return grammar;
  }
}

/** Safe for any language id that an extension may register, such as `constructor`. */
function infoOf(languageId: string): GrammarInfo | undefined {
  return Object.hasOwn(GRAMMARS, languageId) ? GRAMMARS[languageId] : undefined;
}

/** The one stretch in which two texts differ. */
function editBetween(before: string, after: string): Edit {
  const most = Math.min(before.length, after.length);
  let start = 0;
  while (start < most && before[start] === after[start]) start++;
  let same = 0;
  while (same < most - start && before[before.length - 1 - same] === after[after.length - 1 - same]) same++;
  const oldEnd = before.length - same;
  const newEnd = after.length - same;
  return new Edit({
    startIndex: start,
    oldEndIndex: oldEnd,
    newEndIndex: newEnd,
    startPosition: pointAt(before, start),
    oldEndPosition: pointAt(before, oldEnd),
    newEndPosition: pointAt(after, newEnd),
  });
}

/** Row and column of an offset. An offset past the end counts as the end. */
export function pointAt(text: string, index: number): Point {
  const lines = text.slice(0, index).split('\n');
  return { row: lines.length - 1, column: lines.at(-1)?.length ?? 0 };
}
