/**
 * `npm run bench -- vectors [--rounds N] [--sizes N,N] [--indexes ours,A,B] [--encoder FOLDER]`: our index of vectors, usearch and sqlite-vec at the same
 * work: time to build, memory, time of a query and recall. Times are of the processor, on all threads, because a busy machine does
 * not change them. Each index has a process of its own. The vectors are embeddings of this
 * repository's lines; where there are too few, others lie between two of them.
 */
import { fork } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import Database from 'libsql';
import * as sqliteVec from 'sqlite-vec';
import usearch from 'usearch';
import { Encoder } from '../src/encoders/encoder';
import { loadAddon } from '../src/engine/loadAddon';
import { median } from './children.mts';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const folder = join(root, 'build', 'bench');
const FILE = join(folder, 'vectors.f32');
const DIMENSIONS = 256;
const PREFIXES = [64, 128, 256];
/** Hits of a query. */
const COUNT = 10;
const QUERIES = 100;
/** Lines that are embedded. */
const EMBEDDED = 2000;

interface Index {
  build(ids: Int32Array, vectors: Float32Array): void;
  /** Ids of the best. */
  search(query: Float32Array): Promise<ArrayLike<number>> | ArrayLike<number>;
}

function ours(prefix: number): Index {
  const addon = loadAddon(root);
  const index = new addon.VectorIndex(DIMENSIONS, Int32Array.from(PREFIXES));
  return {
    build: (ids, vectors) => {
      index.set(ids, vectors);
    },
    search: async (query) => (await index.search(query, COUNT, prefix)).ids,
  };
}

/** A graph of neighbours (HNSW) with its defaults. */
function graph(quantization: 'f32' | 'i8'): Index {
  const index = new usearch.Index({
    metric: usearch.MetricKind.Cos,
    connectivity: 0,
    dimensions: DIMENSIONS,
    quantization: quantization === 'f32' ? usearch.ScalarKind.F32 : usearch.ScalarKind.I8,
    expansion_add: 0,
    expansion_search: 0,
    multi: false,
  });
  return {
    build: (ids, vectors) => {
      index.add(BigUint64Array.from(ids, BigInt), vectors, 1);
    },
    search: (query) => Array.from(index.search(query, COUNT, 1).keys, Number),
  };
}

/** A table in memory that compares with every vector. */
function sqlite(type: 'float' | 'int8'): Index {
  const db = new Database(':memory:');
  sqliteVec.load(db);
  db.exec(`create virtual table vectors using vec0(embedding ${type}[${DIMENSIONS}] distance_metric=cosine)`);
  const bytesOf = (vector: Float32Array) => {
    if (type === 'float') return Buffer.from(vector.buffer, vector.byteOffset, vector.byteLength);
    const largest = vector.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
    return Buffer.from(Int8Array.from(vector, (value) => Math.round((value / largest) * 127)).buffer);
  };
  const value = type === 'float' ? '?' : 'vec_int8(?)';
  const insert = db.prepare(`insert into vectors(rowid, embedding) values (?, ${value})`);
  const select = db.prepare(`select rowid from vectors where embedding match ${value} and k = ${COUNT}`);
  return {
    build: (ids, vectors) => {
      db.exec('begin');
      for (const [i, id] of ids.entries())
        insert.run(BigInt(id), bytesOf(vectors.subarray(i * DIMENSIONS, (i + 1) * DIMENSIONS)));
      db.exec('commit');
    },
    search: (query) => (select.all([bytesOf(query)]) as { rowid: number }[]).map(({ rowid }) => rowid),
  };
}

const INDEXES: Record<string, () => Index> = {
  'ours, all 256': () => ours(256),
  'ours, the first 128': () => ours(128),
  'ours, the first 64': () => ours(64),
  'usearch, float32': () => graph('f32'),
  'usearch, int8': () => graph('i8'),
  'sqlite-vec, float32': () => sqlite('float'),
  'sqlite-vec, int8': () => sqlite('int8'),
};

interface Figures {
  readonly buildMs: number;
  readonly bytes: number;
  readonly queryMs: number[];
  /** By query. */
  readonly found: number[][];
}

const [mode, name, size] = process.argv.slice(2);
if (mode === '--child') await child(name!, Number(size));
else await main();

/** One index in a process of its own. */
async function child(name: string, size: number): Promise<void> {
  const { vectors, queries } = readVectors(size);
  const index = INDEXES[name]!();
  const ids = Int32Array.from({ length: size }, (_, i) => i + 1);
  const before = process.memoryUsage.rss();
  const buildMs = await processorMs(() => {
    index.build(ids, vectors);
  });
  const bytes = process.memoryUsage.rss() - before;
  const [queryMs, found]: [number[], number[][]] = [[], []];
  await index.search(queries[0]!);
  for (const query of queries) {
    queryMs.push(await processorMs(async () => found.push(Array.from(await index.search(query)))));
  }
  process.send!({ buildMs, bytes, queryMs, found } satisfies Figures, () => process.exit(0));
}

async function processorMs(run: () => unknown): Promise<number> {
  const before = process.cpuUsage();
  await run();
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1000;
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      rounds: { type: 'string', default: '3' },
      sizes: { type: 'string', default: '10000,100000' },
      indexes: { type: 'string', default: 'ours,usearch,sqlite-vec' },
      encoder: { type: 'string', default: join(root, 'models', 'encoders', 'code') },
    },
  });
  const sizes = values.sizes.split(',').map(Number);
  const rounds = Number(values.rounds);
  const names = Object.keys(INDEXES).filter((name) => values.indexes.split(',').some((of) => name.startsWith(of)));
  const embedded = await writeVectors(resolve(values.encoder), Math.max(...sizes));
  const write = (text: string) => process.stdout.write(`${text}\n`);
  write(`${cpus()[0]?.model ?? ''}, ${rounds} rounds of ${QUERIES} queries, ${new Date().toISOString().slice(0, 10)}`);
  write(`${embedded} of the vectors are embeddings`);
  for (const size of sizes) {
    const truth = exact(size);
    const found = new Map<string, Figures[]>();
    for (let round = 0; round < rounds; round++)
      for (const name of Object.keys(INDEXES))
        found.set(name, [...(found.get(name) ?? []), await measured(name, size)]);
    write(
      `\n| ${size.toLocaleString('en')} vectors | query, ms | to ours | build, s | memory, MB | recall of ${COUNT} |`,
    );
    write('| --- | ---: | ---: | ---: | ---: | ---: |');
    const msOf = (name: string) => median(found.get(name)!.flatMap(({ queryMs }) => queryMs));
    for (const [name, figures] of found) {
      const hits = figures[0]!.found;
      const right = hits.reduce((sum, ids, i) => sum + ids.filter((id) => truth[i]!.has(id)).length, 0);
      const cells = [
        msOf(name).toFixed(2),
        `${(msOf(name) / msOf('ours, all 256')).toFixed(2)}×`,
        (median(figures.map(({ buildMs }) => buildMs)) / 1000).toFixed(2),
        (median(figures.map(({ bytes }) => bytes)) / 1e6).toFixed(0),
        (right / (COUNT * QUERIES)).toFixed(3),
      ];
      write(`| ${[name, ...cells].join(' | ')} |`);
    }
  }
}

function measured(name: string, size: number): Promise<Figures> {
  return new Promise((resolve, reject) => {
    const process = fork(fileURLToPath(import.meta.url), ['--child', name, String(size)], {
      serialization: 'advanced',
    });
    process.once('message', (figures) => {
      resolve(figures as Figures);
    });
    process.once('exit', (code) => {
      if (code !== 0) reject(new Error(`${name} ended with exit code ${code}`));
    });
  });
}

/** The ids of the best by the cosine in float64. */
function exact(size: number): Set<number>[] {
  const { vectors, queries } = readVectors(size);
  return queries.map((query) => {
    const scores = new Float64Array(size);
    for (let i = 0; i < size; i++) {
      let sum = 0;
      for (let j = 0; j < DIMENSIONS; j++) sum += query[j]! * vectors[i * DIMENSIONS + j]!;
      scores[i] = sum;
    }
    const best: number[] = [];
    for (let i = 0; i < size; i++) {
      if (best.length === COUNT && scores[i]! <= scores[best.at(-1)!]!) continue;
      best.push(i);
      best.sort((a, b) => scores[b]! - scores[a]!).splice(COUNT);
    }
    return new Set(best.map((i) => i + 1));
  });
}

function readVectors(size: number) {
  const bytes = readFileSync(FILE);
  const all = new Float32Array(bytes.buffer, bytes.byteOffset, bytes.length / 4);
  const row = (i: number) => all.slice(i * DIMENSIONS, (i + 1) * DIMENSIONS);
  return {
    queries: Array.from({ length: QUERIES }, (_, i) => row(i)),
    vectors: all.slice(QUERIES * DIMENSIONS, (QUERIES + size) * DIMENSIONS),
  };
}

/** Queries, then vectors. @returns how many of the vectors are embeddings */
async function writeVectors(encoderFolder: string, size: number): Promise<number> {
  const files = ['src', 'test', 'training', 'native'].flatMap((name) =>
    readdirSync(join(root, name), { recursive: true, encoding: 'utf8' })
      .filter((file) => /\.(ts|mts|py|cc|h)$/.test(file))
      .map((file) => join(root, name, file)),
  );
  const lines = [
    ...new Set(
      files.flatMap((file) =>
        readFileSync(file, 'utf8')
          .split('\n')
          .map((line) => line.trim()),
      ),
    ),
  ];
  const texts = lines.filter((line) => line.length > 24).slice(0, QUERIES + Math.min(size, EMBEDDED));
  // The queries come from anywhere.
  for (let i = 0; i < QUERIES; i++) {
    const j = Math.floor((i * texts.length) / QUERIES);
    [texts[i], texts[j]] = [texts[j]!, texts[i]!];
  }
  const encoder = await Encoder.open(encoderFolder, loadAddon(root), 1);
  const rows = await encoder.embedTexts(texts, { submodel: 'S' });
  encoder.dispose();
  const embedded = rows.length - QUERIES;
  const next = (below: number) => Math.floor(Math.random() * below);
  while (rows.length < QUERIES + size) {
    const [a, b] = [rows[QUERIES + next(embedded)]!, rows[QUERIES + next(embedded)]!];
    const between = a.map((value, i) => 0.8 * value + 0.6 * b[i]!);
    const length = Math.hypot(...between);
    rows.push(between.map((value) => value / length));
  }
  mkdirSync(folder, { recursive: true });
  const all = new Float32Array(rows.length * DIMENSIONS);
  for (const [i, row] of rows.entries()) all.set(row, i * DIMENSIONS);
  writeFileSync(FILE, Buffer.from(all.buffer));
  return embedded;
}
