import { documentPath } from '../../completion/prompt/path';
import { type Excerpt, windowStart } from '../../completion/prompt/prompt';
import { type Snippet, SnippetIndex, StableSnippets } from '../../completion/prompt/snippets';
import { slashed } from '../../workspace/disk';
import type { DiskWorkspace } from './diskWorkspace';

/** As in VS Code: files in the index, files of a folder in addition to open ones, and the longest search. */
const CAPACITY = 24;
const MAX_SIBLINGS = 8;
const MAX_TRIED = 32;
const FIND_MS = 20;

/** Snippets of the files that an editor has open, and of those next to them. The workspace decides which may be quoted. */
export class OpenFiles {
  private readonly index = new SnippetIndex(CAPACITY);
  private readonly stable = new StableSnippets(this.index, 1);

  /** @param isOn whether text of other files may be read */
  constructor(
    private readonly workspace: DiskWorkspace,
    private readonly isOn: () => boolean,
  ) {}

  /** Snippets for a completion in a file. They stay the same while the user types at one place. */
  around(path: string, excerpt: Excerpt): readonly Snippet[] {
    if (!this.isOn()) return [];
    return this.stable.at(slashed(path), windowStart(excerpt), excerpt, () => performance.now(), FIND_MS);
  }

  /** A file was opened: those next to it enter the index too. */
  async opened(path: string): Promise<void> {
    let known = 0;
    for (const sibling of await this.workspace.siblingsOf(path, MAX_TRIED)) {
      if (known === MAX_SIBLINGS) break;
      if (!this.index.has(slashed(sibling))) await this.remember(sibling);
      if (this.index.has(slashed(sibling))) known++;
    }
    await this.remember(path);
  }

  /** The text of a file is another now. */
  async remember(path: string): Promise<void> {
    if (!this.isOn()) return;
    const quotable = await this.workspace.quotable(path);
    const key = slashed(path);
    if ('text' in quotable) this.index.set(key, documentPath(this.workspace.relative(path) ?? key, ''), quotable.text);
    else this.index.delete(key);
  }

  /** What may be quoted has changed. */
  clear(): void {
    this.index.clear();
  }
}
