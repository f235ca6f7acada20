import {
  IgnoreRules,
  MAX_IGNORE_BYTES,
  type PatternList,
  patternsOfExcludes,
  patternsOfIgnoreFile,
} from './ignoreRules';
import { type Phrase, phrase } from '../localisation/phrase';
import { isSecretFile } from './secretFiles';
import { findSecret } from './secrets';
import { type TextKind, textKindOf } from './textKinds';

/** A folder of the workspace. Paths are absolute, with forward slashes. */
export interface Folder {
  /** Unique. */
  readonly id: string;
  readonly path: string;
  /** At most `maxBytes`; undefined if the file does not exist or cannot be read. */
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

/** A document in the editor. */
export interface OpenDocument {
  /** VS Code's identifier. */
  readonly languageId: string;
  getText(): string;
}

/** The own rules close a file to MatCoder. Git's rules only keep its text out of prompts for other files. */
export const OWN_IGNORE_FILE = '.matcoderignore';
export const GIT_IGNORE_FILE = '.gitignore';

/** A larger file is not read from the disk, and an open one is cut. */
export const MAX_FILE_BYTES = 200_000;
/** Of files, and of folders. A caller may name any. */
const MAX_VERDICTS = 2000;

interface Verdict {
  readonly isOwnIgnored: boolean;
  readonly isIgnored: boolean;
}

/** The rules that hold for the files of one folder. */
interface RulesHere {
  /** The folder's path from the repository's root, or else from the workspace folder; ends with a slash unless empty. */
  readonly prefix: string;
  readonly own: IgnoreRules;
  readonly other: IgnoreRules;
}

/** Why a file's text may not be quoted. */
export type Unquotable = 'ignored' | 'secret' | 'too large' | 'not text' | 'missing';
/** A text with line ends as \n, or the reason why there is none. */
export type Quotable = { readonly text: string } | { readonly reason: Unquotable };

/**
 * Decides which files may be read, and returns their texts. All code that quotes, learns from or indexes other files uses
 * this class. After a change of rules, call `forget` and check all kept texts again.
 */
export class FilePolicy {
  private readonly lists = new Map<string, Promise<PatternList>>();
  private readonly above = new Map<string, Promise<readonly string[]>>();
  private readonly rules = new Map<string, Promise<RulesHere>>();
  private readonly verdicts = new Map<string, Promise<Verdict>>();
  private revision = 0;

  /** @param warn called for rules that cannot be followed */
  constructor(private readonly warn: (message: string) => void) {}

  /** Rules have changed. */
  forget(): void {
    this.revision++;
    this.lists.clear();
    this.above.clear();
    this.rules.clear();
    this.verdicts.clear();
  }

  /**
   * Why a file is closed to MatCoder, even by hand; undefined if it is not.
   * @param path of the document, in the workspace or not
   */
  async closed(path: string, file: ProjectFile | undefined): Promise<Phrase | undefined> {
    if (isSecretFile(path)) return phrase('files of this name usually contain secrets');
    return file && (await this.verdictOf(file)).isOwnIgnored
      ? phrase('{0} lists the file', OWN_IGNORE_FILE)
      : undefined;
  }

  /**
   * The text of a file if it may be quoted in prompts for other files. The rules at the time of the answer apply, not those
   * at the time of the call.
   * @param open the document, if the file is open, because its text may be unsaved
   */
  async quotable(file: ProjectFile, open?: OpenDocument): Promise<Quotable> {
    for (;;) {
      const { revision } = this;
      const read = (await this.mayQuote(file)) ? await textIn(file, open) : ({ reason: 'ignored' } as const);
      if (revision !== this.revision) continue;
      return 'text' in read ? withoutSecrets(read.text, textKindOf(file.path, open?.languageId)) : read;
    }
  }

  /** Whether the name and the rules of a file let its text be quoted. Its text may still hold a secret. */
  async mayQuote(file: ProjectFile): Promise<boolean> {
    if (isSecretFile(`${file.folder.path}/${file.path}`)) return false;
    const { isOwnIgnored, isIgnored } = await this.verdictOf(file);
    return !isOwnIgnored && !isIgnored;
  }

  /** Whether all files below a folder are ignored. @param path from the workspace folder, empty for itself */
  async ignoresFolder(folder: Folder, path: string): Promise<boolean> {
    const { prefix, own, other } = await this.rulesIn(folder, path);
    return own.ignoresFolder(prefix) || other.ignoresFolder(prefix);
  }

  /** The text of an untitled document, if it may be quoted. */
  unsaved(document: OpenDocument): Quotable {
    return withoutSecrets(document.getText(), textKindOf('', document.languageId));
  }

  /** The names of the folders from the repository's root to the folder; none if it is the root or in no repository. */
  foldersAbove(folder: Folder): Promise<readonly string[]> {
    return remembered(this.above, folder.id, () => findAbove(folder));
  }

  private verdictOf(file: ProjectFile): Promise<Verdict> {
    if (this.verdicts.size >= MAX_VERDICTS) this.verdicts.clear();
    return remembered(this.verdicts, `${file.folder.id} ${file.path}`, () => this.judge(file));
  }

  private async judge({ folder, path }: ProjectFile): Promise<Verdict> {
    const name = path.lastIndexOf('/') + 1;
    const { prefix, own, other } = await this.rulesIn(folder, path.slice(0, Math.max(0, name - 1)));
    const full = prefix + path.slice(name);
    return { isOwnIgnored: own.ignores(full), isIgnored: other.ignores(full) };
  }

  /** @param path of a folder in the workspace folder, empty for itself */
  private rulesIn(folder: Folder, path: string): Promise<RulesHere> {
    if (this.rules.size >= MAX_VERDICTS) {
      this.rules.clear();
      this.lists.clear();
    }
    return remembered(this.rules, `${folder.id} ${path}`, async () => {
      const above = await this.foldersAbove(folder);
      const top = above.reduce((parent) => parent.slice(0, parent.lastIndexOf('/')), folder.path);
      const names = [...above, ...(path === '' ? [] : path.split('/'))];
      const folders = Array.from({ length: names.length + 1 }, (_, depth) => names.slice(0, depth).join('/'));
      const levels = (name: string) =>
        Promise.all(
          folders.map(async (inside) => {
            const list = await this.listAt(folder, [top, inside, name].filter((part) => part !== '').join('/'));
            return { folder: inside, list };
          }),
        );
      const [own, git] = await Promise.all([levels(OWN_IGNORE_FILE), levels(GIT_IGNORE_FILE)]);
      const excludes = { folder: above.join('/'), list: await this.excludesOf(folder) };
      return {
        prefix: names.map((name) => `${name}/`).join(''),
        own: new IgnoreRules(own),
        // Who opens a folder that Git ignores wants to work in it. The own rules are about MatCoder, so they hold for it too.
        other: new IgnoreRules([excludes, ...git], above.join('/')),
      };
    });
  }

  private listAt(folder: Folder, path: string): Promise<PatternList> {
    return remembered(this.lists, `${folder.id} ${path}`, async () => {
      const content = await folder.read(path, MAX_IGNORE_BYTES);
      const list =
        content === 'too large'
          ? { patterns: [], fault: `it is larger than ${MAX_IGNORE_BYTES} bytes` }
          : patternsOfIgnoreFile(new TextDecoder().decode(content ?? new Uint8Array()));
      if (list.fault !== undefined) {
        const remedy = 'shorten it, or move its patterns to files in the folders that they name';
        this.warn(
          `${path} cannot be followed, so all files below its folder count as ignored: ${list.fault}; ${remedy}`,
        );
      }
      return list;
    });
  }

  private excludesOf(folder: Folder): Promise<PatternList> {
    return remembered(this.lists, `${folder.id} files.exclude`, () =>
      Promise.resolve(
        patternsOfExcludes(folder.excludes(), (pattern) => {
          this.warn(`files.exclude: the pattern ${pattern.slice(0, 60)}… is too long and is skipped; shorten it`);
        }),
      ),
    );
  }
}

/** The text to quote, unless it contains a secret anywhere, because parts of a secret look harmless. */
function withoutSecrets(text: string, kind: TextKind): Quotable {
  const read = text.slice(0, MAX_FILE_BYTES).replaceAll('\r\n', '\n');
  return findSecret(read, { kind }) === undefined ? { text: read } : { reason: 'secret' };
}

async function textIn({ folder, path }: ProjectFile, open: OpenDocument | undefined): Promise<Quotable> {
  if (open) return { text: open.getText() };
  const content = await folder.read(`${folder.path}/${path}`, MAX_FILE_BYTES);
  if (content === undefined) return { reason: 'missing' };
  return content === 'too large' ? { reason: content } : textOf(content);
}

function textOf(content: Uint8Array): Quotable {
  if (content.includes(0)) return { reason: 'not text' };
  try {
    return { text: new TextDecoder('utf-8', { fatal: true }).decode(content) };
  } catch {
    return { reason: 'not text' };
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

/** The cached value of a key, or else a new one. */
function remembered<Value>(
  known: Map<string, Promise<Value>>,
  key: string,
  compute: () => Promise<Value>,
): Promise<Value> {
  const value = known.get(key) ?? compute();
  known.set(key, value);
  return value;
}
