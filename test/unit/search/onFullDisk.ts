/**
 * Searches a workspace whose index has no room. Run by `fullDisk.test.ts` with a folder and what is small: the `disk` of that folder, or
 * the `files` that this process may write. Prints what happened.
 */
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

export interface Outcome {
  readonly moments: readonly Seen[];
  /** Lines of the log. */
  readonly said: readonly string[];
}

const [disk = '', small = ''] = process.argv.slice(2);
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

function writePlums(workspace: SearchedWorkspace): string[] {
  const names = Array.from({ length: 40 }, (_, i) => `c${i}.ts`);
  for (const [i, name] of names.entries()) workspace.write(name, functionNamed(`splitPlums${i}`));
  return names.map((name) => workspace.at(name));
}

async function onSmallDisk(): Promise<Outcome> {
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
  first.search.changed(writePlums(first));
  await first.complete();
  moments.push(await seen(first, 'split plums 7'));
  await first.search.dispose();

  moments.push(await afterRestart(first));
  return { moments, said: first.said };
}

async function withSmallFiles(): Promise<Outcome> {
  const moments: Seen[] = [];
  const first = new SearchedWorkspace(storage);
  first.write('a.ts', functionNamed('splitApples'));
  await first.build();
  moments.push(await seen(first, 'split apples'));

  const plums = writePlums(first);
  first.search.changed(plums);
  await first.complete();
  moments.push(await seen(first, 'split plums 7'));

  for (const plum of plums) rmSync(plum);
  first.search.deleted(plums);
  first.write('b.ts', functionNamed('splitPears'));
  first.search.changed([first.at('b.ts')]);
  await first.complete();
  moments.push(await seen(first, 'split pears'));
  await first.search.dispose();

  moments.push(await afterRestart(first));
  return { moments, said: first.said };
}

async function afterRestart({ root }: SearchedWorkspace): Promise<Seen> {
  const second = new SearchedWorkspace(storage, {}, root);
  await second.build();
  const moment = await seen(second, small === 'disk' ? 'split plums 7' : 'split pears');
  await second.search.dispose();
  return moment;
}

async function main(): Promise<void> {
  process.stdout.write(JSON.stringify(await (small === 'disk' ? onSmallDisk() : withSmallFiles())));
}

// The timers of the search keep no process.
const alive = setInterval(() => undefined, 1000);
void main().finally(() => {
  clearInterval(alive);
});
