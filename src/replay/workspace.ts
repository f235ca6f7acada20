import { createHash } from 'node:crypto';
import { windowStart, type Excerpt } from '../completion/prompt/prompt';
import { type Snippet, SnippetIndex, StableSnippets } from '../completion/prompt/snippets';
import type { EngineMemory, MemoryPlace, MemoryStats } from '../engine/memory';

/** A file of a workspace. */
export interface WorkspaceFile {
  /** From the workspace's root, with forward slashes. */
  readonly path: string;
  /** Line ends as \n. */
  readonly text: string;
}

/** Whether the memory of the workspace is used. Without it, matches in the prompt itself still count. */
export const SWITCHES = ['off', 'on'] as const;
export type Switch = (typeof SWITCHES)[number];

/** What a workspace adds to a request. */
export interface Known {
  readonly snippets: readonly Snippet[];
  readonly memory: MemoryPlace;
}

export interface WorkspaceOptions {
  /** The engine's memory, which holds nothing else; undefined if it is off. */
  readonly memory?: EngineMemory | undefined;
  /** Every edited file counts as new: files that name what it declares are unknown while it is edited. */
  readonly isNewFile?: boolean;
}

/** Number of files next to the edited one that lend snippets, as if they were open. */
const NEIGHBOURS = 8;

/**
 * A workspace as a simulated editor knows it. The memory holds all of its files, the edited one included, and the files next to the
 * edited one lend snippets.
 */
export class Workspace {
  private readonly ids: ReadonlyMap<WorkspaceFile, number>;
  /** Of the remembered texts, by document. */
  private readonly digests = new Map<number, string>();

  private constructor(
    private readonly files: readonly WorkspaceFile[],
    private readonly options: WorkspaceOptions,
  ) {
    this.ids = new Map(files.map((file, i) => [file, i]));
  }

  /** Remember all files. `close` forgets them. */
  static async open(files: readonly WorkspaceFile[], options: WorkspaceOptions): Promise<Workspace> {
    const workspace = new Workspace(files, options);
    for (const file of files) await workspace.remember(file);
    return workspace;
  }

  /** What the memory needs; undefined if it is off. */
  async stats(): Promise<MemoryStats | undefined> {
    return this.options.memory?.forget([]);
  }

  /** Identifies the content of the memory: answers depend on it. */
  get state(): string {
    return this.options.memory ? digestOf([...this.digests].sort(([a], [b]) => a - b).join()) : '';
  }

  /** Open a file in the editor. A file that is not in the workspace is not remembered. */
  async edit(path: string): Promise<EditedFile> {
    const file = this.files.find((one) => one.path === path);
    const others = this.files.filter((one) => one !== file);
    const unknown = file && this.options.isNewFile === true ? filesNaming(namesDeclaredIn(file.text), others) : [];
    await this.forget(unknown);
    const known = others.filter((one) => !unknown.includes(one));
    const document = file && this.ids.get(file);
    return new EditedFile(
      path,
      this.options.memory && document,
      neighboursOf(path, known),
      async (text) => {
        if (document !== undefined) await this.rememberText(document, text);
      },
      async () => {
        for (const one of file ? [file, ...unknown] : unknown) await this.remember(one);
      },
    );
  }

  async close(): Promise<void> {
    await this.forget(this.files);
  }

  private async remember(file: WorkspaceFile): Promise<void> {
    const id = this.ids.get(file);
    if (id !== undefined) await this.rememberText(id, file.text);
  }

  private async rememberText(document: number, text: string): Promise<void> {
    const { memory } = this.options;
    if (!memory) return;
    this.digests.set(document, digestOf(text));
    await memory.remember(document, text);
  }

  private async forget(files: readonly WorkspaceFile[]): Promise<void> {
    const documents = files.flatMap((file) => this.ids.get(file) ?? []);
    for (const document of documents) this.digests.delete(document);
    await this.options.memory?.forget(documents);
  }
}

/** The file in a simulated editor. */
export class EditedFile {
  private readonly snippets: StableSnippets;
  private remembered: string | undefined;

  /**
   * @param document undefined if the memory is off or does not know the file
   * @param rememberText replaces the text of the document in the memory
   * @param restore remembers the workspace as it was
   */
  constructor(
    private readonly path: string,
    private readonly document: number | undefined,
    neighbours: readonly WorkspaceFile[],
    private readonly rememberText: (text: string) => Promise<void>,
    private readonly restore: () => Promise<void>,
  ) {
    const index = new SnippetIndex(NEIGHBOURS);
    // The last one added is the first one searched.
    for (const { path: other, text } of neighbours.toReversed()) index.set(other, other, text);
    this.snippets = new StableSnippets(index, 1);
  }

  /** The memory knows this text of the document from now on. */
  async remember(text: string): Promise<void> {
    if (text === this.remembered) return;
    this.remembered = text;
    await this.rememberText(text);
  }

  /**
   * What the workspace knows at a cursor. Its line is hidden, because it is being typed.
   * @param line of the cursor in the remembered text, from 0
   */
  knownAt(line: number, excerpt: Excerpt): Known {
    const snippets = this.snippets.at(this.path, windowStart(excerpt), excerpt, () => 0, Infinity);
    const { document } = this;
    return { snippets, memory: document === undefined ? {} : { document, hiddenLines: [line, line] } };
  }

  /** The file is as it was before it was edited. */
  async close(): Promise<void> {
    await this.restore();
  }
}

/** The line on which a text ends, from 0. */
export function lastLineOf(text: string): number {
  return text.split('\n').length - 1;
}

function digestOf(text: string): string {
  return createHash('sha1').update(text).digest('base64url');
}

/** The files that are probably open next to one: those of its folder first. */
function neighboursOf(path: string, others: readonly WorkspaceFile[]): WorkspaceFile[] {
  const folderOf = (file: string) => file.slice(0, file.lastIndexOf('/') + 1);
  const folder = folderOf(path);
  return others
    .toSorted((a, b) => Number(folderOf(b.path) === folder) - Number(folderOf(a.path) === folder))
    .slice(0, NEIGHBOURS);
}

/** A declaration at the head of a line, exported or not, in JavaScript, TypeScript or Python. */
const DECLARATION =
  /^(?:export\s+)?(?:default\s+)?(?:declare\s+)?(?:abstract\s+)?(?:async\s+)?(?:class|function\*?|interface|type|enum|namespace|const|let|var|def)\s+([A-Za-z_$][\w$]*)/gm;
/** Shorter names are often those of something else. */
const MIN_NAME_CHARS = 4;

/** The names that a file declares at its top level. */
export function namesDeclaredIn(text: string): Set<string> {
  const names = Array.from(text.matchAll(DECLARATION), ([, name = '']) => name);
  return new Set(names.filter((name) => name.length >= MIN_NAME_CHARS));
}

/** The files in which one of the names occurs as a word. */
export function filesNaming(names: ReadonlySet<string>, files: readonly WorkspaceFile[]): WorkspaceFile[] {
  return files.filter(({ text }) => (text.match(/[A-Za-z_$][\w$]*/g) ?? []).some((word) => names.has(word)));
}
