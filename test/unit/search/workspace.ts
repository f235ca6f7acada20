import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { Grammars } from '../../../src/completion/syntax/grammars';
import type { Machine } from '../../../src/governor/machine';
import { type Clock, SYSTEM_CLOCK } from '../../../src/machine/clock';
import { CodeSource } from '../../../src/search/code';
import type { LocalSearchParts } from '../../../src/search/kinds';
import { LocalSearch } from '../../../src/search/localSearch';
import { temporaryFolder } from '../../temporary';
import { ROOT } from '../model';
import { PlainVectors, WordEmbedder } from './standIns';

export const QUIET: Machine = { powerSource: 'mains', lowPower: false, thermal: 'nominal', cpuBusyByOthersShare: 0.05 };

export const GRAMMARS = new Grammars(join(ROOT, 'dist', 'grammars'));

/** A workspace on the disk and a search over it. */
export class SearchedWorkspace {
  readonly root = temporaryFolder();
  readonly embedder: WordEmbedder;
  readonly said: string[] = [];
  readonly search: LocalSearch;

  constructor(
    readonly storage = temporaryFolder(),
    { embedder = new WordEmbedder(), clock = SYSTEM_CLOCK }: { embedder?: WordEmbedder; clock?: Clock } = {},
    root?: string,
  ) {
    if (root !== undefined) this.root = root;
    this.embedder = embedder;
    const parts: LocalSearchParts = {
      code: { embedder, vectors: () => new PlainVectors(), source: (policy) => new CodeSource(policy, GRAMMARS) },
      storage,
      clock,
      say: (line) => this.said.push(line),
    };
    this.search = new LocalSearch(parts);
    this.search.setMachine(QUIET);
    this.search.indexNow();
  }

  write(path: string, text: string | Uint8Array): void {
    mkdirSync(dirname(join(this.root, path)), { recursive: true });
    writeFileSync(join(this.root, path), text);
  }

  delete(path: string): void {
    rmSync(join(this.root, path), { recursive: true });
  }

  at(path: string): string {
    return join(this.root, path).replaceAll('\\', '/');
  }

  /** Opens it, and has all files in the index. */
  async build(): Promise<void> {
    await this.search.setRoots([{ path: this.root }]);
    await this.complete();
  }

  async complete(): Promise<void> {
    this.search.indexNow();
    await this.search.whenComplete();
  }

  /** The files of the hits, best first. */
  async find(query: string): Promise<string[]> {
    const { hits } = await this.search.code(query);
    return [...new Set(hits.map(({ path }) => path))];
  }
}
