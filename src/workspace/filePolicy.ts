import {
  IgnoreRules,
  MAX_IGNORE_BYTES,
  type PatternList,
  patternsOfExcludes,
  patternsOfIgnoreFile,
} from './ignoreRules';
import { isSecretFile } from './secretFiles';
import { findSecret } from './secrets';
import { type TextKind, textKindOf } from './textKinds';

/** A folder of the workspace. Paths are absolute, with forward slashes. */
export interface Folder {
  /** Distinguishes folders. */
  readonly id: string;
  readonly path: string;
  /** Never more than `maxBytes`; undefined if there is no such file, or if it cannot be read. */
  read(path: string, maxBytes: number): Promise<Uint8Array | 'too large' | undefined>;
  exists(path: string): Promise<boolean>;
  /** The setting files.exclude. */
  excludes(): Readonly<Record<string, unknown>>;
}

/** A file of the workspace. */
export interface ProjectFile {
  readonly folder: Folder;
  /** From the folder, with forward slashes. */
  readonly path: string;
}

/** A document as the editor has it. */
export interface OpenDocument {
  /** As VS Code has it. */
  readonly languageId: string;
  getText(): string;
}

/** Our own rules keep MatCoder out of a file altogether; Git's keep its text out of other files' prompts. */
export const OWN_IGNORE_FILE = '.matcoderignore';
export const GIT_IGNORE_FILE = '.gitignore';

/** Larger files are not quoted. */
export const MAX_FILE_BYTES = 200_000;
const MAX_VERDICTS = 2000;

interface Verdict {
  readonly isOwnIgnored: boolean;
  readonly isIgnored: boolean;
}

/**
 * Which files may be read, and their texts. All code that quotes, learns from or indexes other files asks here and nowhere
 * else. Call `forget` after a rule has changed, and ask again then for all texts that were kept.
 */
export class FilePolicy {
  private readonly lists = new Map<string, Promise<PatternList>>();
  private readonly above = new Map<string, Promise<readonly string[]>>();
  private readonly verdicts = new Map<string, Promise<Verdict>>();
  private revision = 0;

  /** @param warn is told about rules that cannot be followed */
  constructor(private readonly warn: (message: string) => void) {}

  /** Rules have changed. */
  forget(): void {
    this.revision++;
    this.lists.clear();
    this.above.clear();
    this.verdicts.clear();
  }

  /**
   * Why nothing is completed in a file, also when it is asked for; undefined if MatCoder may.
   * @param path of the document, whether it lies in the workspace or not
   */
  async closed(path: string, file: ProjectFile | undefined): Promise<string | undefined> {
    if (isSecretFile(path)) return 'the name of the file says that it holds secrets';
    return file && (await this.verdictOf(file)).isOwnIgnored ? `${OWN_IGNORE_FILE} lists the file` : undefined;
  }

  /**
   * The text of a file if it may be quoted in completions of other files, line ends as \n; undefined if not. The rules
   * that count are those at the time of the answer, not of the question.
   * @param open the document, if the file is open: its text may be unsaved
   */
  async quotableText(file: ProjectFile, open?: OpenDocument): Promise<string | undefined> {
    for (;;) {
      const { revision } = this;
      const text = (await this.isQuotable(file)) ? (open?.getText() ?? (await readText(file))) : undefined;
      if (revision !== this.revision) continue;
      return text === undefined ? undefined : withoutSecrets(text, textKindOf(file.path, open?.languageId));
    }
  }

  /** The text of a document that is no file yet, if it may be quoted. */
  unsavedText(document: OpenDocument): string | undefined {
    return withoutSecrets(document.getText(), textKindOf('', document.languageId));
  }

  /** The names of the folders from the root of the repository to the folder; none if it is the root or in no repository. */
  foldersAbove(folder: Folder): Promise<readonly string[]> {
    return remembered(this.above, folder.id, () => findAbove(folder));
  }

  private async isQuotable(file: ProjectFile): Promise<boolean> {
    if (isSecretFile(`${file.folder.path}/${file.path}`)) return false;
    const { isOwnIgnored, isIgnored } = await this.verdictOf(file);
    return !isOwnIgnored && !isIgnored;
  }

  private verdictOf(file: ProjectFile): Promise<Verdict> {
    if (this.verdicts.size >= MAX_VERDICTS) this.verdicts.clear();
    return remembered(this.verdicts, `${file.folder.id} ${file.path}`, () => this.judge(file));
  }

  private async judge({ folder, path }: ProjectFile): Promise<Verdict> {
    const above = await this.foldersAbove(folder);
    const top = above.reduce((parent) => parent.slice(0, parent.lastIndexOf('/')), folder.path);
    const full = [...above, path].join('/');
    const names = full.split('/').slice(0, -1);
    const folders = Array.from({ length: names.length + 1 }, (_, depth) => names.slice(0, depth).join('/'));
    const levels = (name: string) =>
      Promise.all(
        folders.map(async (inside) => {
          const list = await this.listAt(folder, [top, inside, name].filter((part) => part !== '').join('/'));
          return { folder: inside, list };
        }),
      );
    const [own, git] = await Promise.all([levels(OWN_IGNORE_FILE), levels(GIT_IGNORE_FILE)]);
    const excludes = await this.excludesOf(folder);
    return {
      isOwnIgnored: new IgnoreRules(own).ignores(full),
      isIgnored: new IgnoreRules([{ folder: above.join('/'), list: excludes }, ...git]).ignores(full),
    };
  }

  private listAt(folder: Folder, path: string): Promise<PatternList> {
    return remembered(this.lists, `${folder.id} ${path}`, async () => {
      const content = await folder.read(path, MAX_IGNORE_BYTES);
      const list =
        content === 'too large'
          ? { patterns: [], fault: `it is larger than ${MAX_IGNORE_BYTES} bytes` }
          : patternsOfIgnoreFile(new TextDecoder().decode(content ?? new Uint8Array()));
      if (list.fault !== undefined) {
        const shorten = 'shorten it, or move its patterns to files in the folders that they name';
        this.warn(
          `${path} cannot be followed, so all files below its folder count as ignored: ${list.fault}; ${shorten}`,
        );
      }
      return list;
    });
  }

  private excludesOf(folder: Folder): Promise<PatternList> {
    return remembered(this.lists, `${folder.id} files.exclude`, () =>
      Promise.resolve(
        patternsOfExcludes(folder.excludes(), (pattern) => {
          this.warn(`files.exclude: the pattern ${pattern.slice(0, 60)}… is too long and is left out; shorten it`);
        }),
      ),
    );
  }
}

/** The text as it may be quoted: undefined if it holds a secret anywhere, because parts of a secret look harmless. */
function withoutSecrets(text: string, kind: TextKind): string | undefined {
  const read = text.slice(0, MAX_FILE_BYTES).replaceAll('\r\n', '\n');
  return findSecret(read, { kind }) === undefined ? read : undefined;
}

async function readText({ folder, path }: ProjectFile): Promise<string | undefined> {
  const content = await folder.read(`${folder.path}/${path}`, MAX_FILE_BYTES);
  return content === 'too large' || content === undefined ? undefined : textOf(content);
}

/** Undefined if the bytes are not text. */
function textOf(content: Uint8Array): string | undefined {
  if (content.includes(0)) return undefined;
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(content);
  } catch {
    return undefined;
  }
}

async function findAbove(folder: Folder): Promise<string[]> {
  const names = folder.path.split('/').filter((name) => name !== '');
  for (let depth = names.length; depth > 0; depth--) {
    const up = names.length - depth;
    const root = Array.from({ length: up }).reduce<string>((path) => path.slice(0, path.lastIndexOf('/')), folder.path);
    if (await folder.exists(`${root}/.git`)) return names.slice(depth);
  }
  return [];
}

/** The value that is known for a key, or else a new one. */
function remembered<Value>(known: Map<string, Promise<Value>>, key: string, ask: () => Promise<Value>): Promise<Value> {
  const value = known.get(key) ?? ask();
  known.set(key, value);
  return value;
}
