/**
 * `npx tsx bench/pictures.mts [--tasks FOLDER] [--queries N]`: icons of held-out sets by words, with the tasks that
 * `python -m training.encoders.evaluate_pictures --tasks FOLDER` writes, through the code of the product: by the words of the names, by
 * the embedding, and by both with several weights. The weight is also chosen on one half of the queries and measured on the other.
 * `MEANING_WEIGHTS` in `src/search/fusion.ts` is from here.
 */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { loadAddon } from '../src/engine/loadAddon';
import { SIZE } from '../src/pictures/picture';
import { queryText } from '../src/search/chunks/embeddedText';
import { fuse, type Ranked } from '../src/search/fusion';
import { openPictureEncoder, openTextEncoder } from '../src/search/openEncoders';
import { Table, type TableHit } from '../src/search/table';
import { HEAD, line, WEIGHTS, weightLines } from './ranking';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const { values } = parseArgs({
  options: {
    tasks: { type: 'string', default: join('build', 'encoders', 'picture-tasks') },
    queries: { type: 'string', default: 'all' },
  },
});

interface Tasks {
  readonly gallery: readonly { readonly set: string; readonly name: string }[];
  readonly tasks: Readonly<Record<string, Task>>;
}

interface Task {
  readonly queries: readonly string[];
  /** Numbers of icons, as in the answers. */
  readonly gallery: readonly number[];
  readonly answers: readonly (readonly number[])[];
}

const SIZES = ['S', 'XL'];
/** Of each ranking, as many as the page of pictures has compared. */
const CANDIDATES = 240;
const AT_ONCE = 32;
const BYTES = SIZE * SIZE * 3;
const NEVER = new AbortController().signal;

const { gallery, tasks } = JSON.parse(readFileSync(join(values.tasks, 'tasks.json'), 'utf8')) as Tasks;
const pixels = readFileSync(join(values.tasks, 'gallery.u8'));
const addon = loadAddon(root);
const pictures = await openPictureEncoder(root, addon, 1);
const words = await openTextEncoder(root, 'words', addon, 1);
const { dimensions } = pictures.embedder;

const embedded = new Float32Array(gallery.length * dimensions);
for (let first = 0; first < gallery.length; first += AT_ONCE) {
  const some = Array.from({ length: Math.min(AT_ONCE, gallery.length - first) }, (_, i) =>
    Uint8Array.from(pixels.subarray((first + i) * BYTES, (first + i + 1) * BYTES)),
  );
  embedded.set(await pictures.embedder.embed(some, 'XL', NEVER), first * dimensions);
}
/** By size and weight, the ranks in all tasks. */
const all = new Map<string, Map<number, number[]>>(SIZES.map((size) => [size, new Map()]));
const isFirstHalf: boolean[] = [];
for (const [name, task] of Object.entries(tasks)) await measure(name, task);
process.stdout.write(`\nall tasks\n\n${HEAD}`);
for (const [size, byWeight] of all)
  process.stdout.write(weightLines(`the search, query by ${size}`, byWeight, isFirstHalf));
pictures.dispose();
words.dispose();

async function measure(name: string, task: Task): Promise<void> {
  const table = tableOf(task.gallery);
  const count = values.queries === 'all' ? task.queries.length : Number(values.queries);
  const queries = task.queries.slice(0, count);
  const halves = queries.map((query) => createHash('sha256').update(query).digest()[0]! < 128);
  isFirstHalf.push(...halves);
  process.stdout.write(`\n${name}: ${queries.length} queries, ${task.gallery.length} icons\n\n${HEAD}`);
  const byWords = await Promise.all(queries.map((query) => table.search({ words: query }, CANDIDATES, 0)));
  const ranksOf = (hits: readonly (readonly Ranked<number>[])[]) =>
    hits.map((ranked, i) => rankOf(ranked, task.answers[i]!));
  process.stdout.write(line('names', ranksOf(byWords.map(keyed))));
  for (const size of SIZES) {
    const vectors = await words.embedder.embed(queries.map(queryText), size, NEVER);
    const byMeaning: Ranked<number>[][] = [];
    for (const i of queries.keys()) {
      const vector = vectors.subarray(i * dimensions, (i + 1) * dimensions);
      byMeaning.push(keyed(await table.search({ vector }, CANDIDATES, 1)));
    }
    process.stdout.write(line(`embedding, query by ${size}`, ranksOf(byMeaning)));
    const byWeight = new Map<number, readonly number[]>();
    for (const weight of WEIGHTS) {
      const fused = queries.map((_, i) => fuse(keyed(byWords[i]!), byMeaning[i]!, { count: CANDIDATES, weight }));
      const ranks = ranksOf(fused);
      byWeight.set(weight, ranks);
      all.get(size)!.set(weight, [...(all.get(size)!.get(weight) ?? []), ...ranks]);
    }
    process.stdout.write(weightLines(`the search, query by ${size}`, byWeight, halves));
  }
}

function keyed(hits: readonly TableHit<number>[]): Ranked<number>[] {
  return hits.map(({ row, score }) => ({ key: row, score }));
}

/** Of the best answer, from 1; ties count against it. One that is not among the candidates is the last of all. */
function rankOf(ranked: readonly Ranked<number>[], answers: readonly number[]): number {
  const right = new Set(answers);
  const best = ranked.find(({ key }) => right.has(key))?.score ?? 0;
  const before = ranked.filter(({ key, score }) => score >= best && !right.has(key)).length;
  return best > 0 ? before + 1 : gallery.length;
}

/** The icons as the search has them: those of a set are in one file. */
function tableOf(rows: readonly number[]): Table<number> {
  const table = new Table<number>(pictures.vectors());
  for (const set of new Set(rows.map((row) => gallery[row]!.set))) {
    const icons = rows.filter((row) => gallery[row]!.set === set);
    table.place(
      `node_modules/@iconify-json/${set}/icons.json`,
      '',
      icons.map((row) => ({ hash: String(row), row, wording: { name: gallery[row]!.name } })),
    );
  }
  const vectors = new Float32Array(rows.length * dimensions);
  rows.forEach((row, i) => vectors.set(embedded.subarray(row * dimensions, (row + 1) * dimensions), i * dimensions));
  table.add(rows.map(String), vectors);
  return table;
}
