/** Searches a workspace whose index is on a small disk. Run by `fullDisk.test.ts` with the folder of that disk; prints what happened. */
import { readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { SearchedWorkspace } from './workspace';

/** What was seen at one moment. */
export interface Seen {
  readonly found: readonly string[];
  readonly notice: string | undefined;
  /** Files of the index, and what was left behind. */
  readonly names: readonly string[];
  /** Pieces that were embedded since the last moment. */
  readonly embedded: number;
}

const [disk = ''] = process.argv.slice(2);
const filler = join(disk, 'filler');
const storage = join(disk, 'search');

function fill(): void {
  for (let size = 1 << 20; size >= 1; size >>= 1) {
    try {
      for (;;) writeFileSync(filler, Buffer.alloc(size), { flag: 'a' });
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error;
    }
  }
}

async function seen(workspace: SearchedWorkspace, query: string): Promise<Seen> {
  const found = await workspace.find(query);
  const entries = readdirSync(disk, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  const names = entries.map(({ name }) => name).filter((name) => name !== 'filler' && name !== 'lock');
  const { notice } = workspace.search.progress;
  return { found, notice, names: names.sort(), embedded: workspace.embedder.take().length };
}

function functionNamed(name: string): string {
  return `export function ${name}(text: string): string {\n  const parts = text.split('${name}');\n  return parts.join(' ');\n}\n`;
}

async function main(): Promise<void> {
  const moments: Seen[] = [];
  fill();
  const first = new SearchedWorkspace(storage);
  first.write('a.ts', functionNamed('splitApples'));
  await first.build();
  moments.push(await seen(first, 'split apples'));

  rmSync(filler);
  first.write('b.ts', functionNamed('splitPears'));
  first.search.changed([first.at('b.ts')]);
  await first.complete();
  moments.push(await seen(first, 'split pears'));

  fill();
  for (let i = 0; i < 40; i++) first.write(`c${i}.ts`, functionNamed(`splitPlums${i}`));
  first.search.changed(Array.from({ length: 40 }, (_, i) => first.at(`c${i}.ts`)));
  await first.complete();
  moments.push(await seen(first, 'split plums 7'));
  await first.search.dispose();

  const second = new SearchedWorkspace(storage, {}, first.root);
  await second.build();
  moments.push(await seen(second, 'split plums 7'));
  await second.search.dispose();
  process.stdout.write(JSON.stringify({ moments, said: first.said }));
}

// The timers of the search keep no process.
const alive = setInterval(() => undefined, 1000);
void main().finally(() => {
  clearInterval(alive);
});
