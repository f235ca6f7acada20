/**
 * `npx tsx bench/workspace.mts FOLDER`: the memory of an index of the code of a large folder, at most 100,000 pieces, and the processor time
 * of a query. The vectors are drawn at random, because to embed as many pieces takes an hour: nothing here depends on what they are.
 */
import { createHash } from 'node:crypto';
import { readdirSync } from 'node:fs';
import { cpus } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { Grammars } from '../src/completion/syntax/grammars';
import { loadAddon } from '../src/engine/loadAddon';
import { type CodeRow, CodeSource } from '../src/search/code';
import { Table } from '../src/search/table';
import { diskFolder, slashed } from '../src/workspace/disk';
import { FilePolicy } from '../src/workspace/filePolicy';

const DIMENSIONS = 256;
const MAX_ROWS = 100_000;
const QUERIES = ['read a file', 'parse the header of a response', 'remove event listener', 'conn'];
const ROUNDS = 31;

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const folder = resolve(process.argv[2] ?? join(root, 'src'));
setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;

const grammars = new Grammars(join(root, 'dist', 'grammars'));
const source = new CodeSource(new FilePolicy(() => undefined), grammars);
const names = readdirSync(folder, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
const drawn = names
  .map(({ parentPath, name }) => slashed(join(parentPath, name)).slice(slashed(folder).length + 1))
  .filter((path) => source.wants(path))
  .map((path) => ({ path, key: createHash('sha256').update(path).digest('hex') }))
  .sort((a, b) => (a.key < b.key ? -1 : 1));

const before = memory();
const addon = loadAddon(root);
const table = new Table<CodeRow>(new addon.VectorIndex(DIMENSIONS, Int32Array.of(64, 128, DIMENSIONS)));
const disk = diskFolder(folder);
let files = 0;
for (const { path } of drawn) {
  if (table.size >= MAX_ROWS) break;
  const read = await source.pieces({ folder: disk, path });
  if (!('pieces' in read)) continue;
  files++;
  table.place(path, '12345 1732900000000.123', read.pieces);
  const hashes = [...new Set(read.pieces.map(({ hash }) => hash))].filter((hash) => table.lacks(hash));
  table.add(hashes, randomVectors(hashes.length));
}
grammars.dispose();
// The first search puts the words into their inverted index.
await table.search({ words: QUERIES[0]!, vector: randomVectors(1) }, 20, 0.15);
const after = memory();
print(`${table.size} pieces of ${files} files; ${cpus()[0]?.model ?? 'unknown processor'}`);
print(
  `objects ${after.heap - before.heap} MB, arrays ${after.arrays - before.arrays} MB, vectors and terms ${mb(table.bytes)} MB`,
);
print(`resident: ${before.resident} MB before, ${after.resident} MB with the index`);
const imageMs = await timed(() => Promise.resolve(table.image()));
print(`to take an image that is stored: ${imageMs.toFixed(0)} ms of the processor`);
for (const words of QUERIES) {
  const times: number[] = [];
  for (let round = 0; round < ROUNDS; round++)
    times.push(await timed(() => table.search({ words, isUnfinished: true, vector: randomVectors(1) }, 20, 0.15)));
  print(`${words}: ${times.sort((a, b) => a - b)[ROUNDS >> 1]!.toFixed(1)} ms of the processor`);
}
process.exit(0);

/** Megabytes, after what nobody uses was given back. */
function memory() {
  collectGarbage();
  const { rss, heapUsed, arrayBuffers } = process.memoryUsage();
  return { resident: mb(rss), heap: mb(heapUsed), arrays: mb(arrayBuffers) };
}

function mb(bytes: number): number {
  return Math.round(bytes / 1e6);
}

function randomVectors(count: number): Float32Array {
  return Float32Array.from({ length: count * DIMENSIONS }, () => Math.random() - 0.5);
}

async function timed(work: () => Promise<unknown>): Promise<number> {
  const start = process.cpuUsage();
  await work();
  const { user, system } = process.cpuUsage(start);
  return (user + system) / 1000;
}

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}
