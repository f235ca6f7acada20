/**
 * `npm run bench -- search [--encoder FOLDER] [--pairs FILE] [--queries N] [--query-words N]`: documentation to function on held-out
 * packages, as `training/encoders/evaluate.py` has it, through the code of the product: by words, by the embedding, and by both with
 * several weights. The weight of a row is also chosen on one half of the packages and measured on the other. `MEANING_WEIGHTS` in
 * `src/search/fusion.ts` is from here. Embeddings are kept in build/bench/.
 */
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { loadAddon } from '../src/engine/loadAddon';
import { embeddedText, queryText } from '../src/search/chunks/embeddedText';
import { MEANING_WEIGHTS } from '../src/search/fusion';
import { openTextEncoderIn } from '../src/search/openEncoders';
import { Table } from '../src/search/table';
import { WordIndex, type Wording } from '../src/search/words/wordIndex';
import { HEAD, line, WEIGHTS, weightLines } from './ranking';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const { values } = parseArgs({
  options: {
    encoder: { type: 'string', default: join(root, 'models', 'encoders', 'code') },
    pairs: { type: 'string', default: join('build', 'encoders', 'code-pairs', 'heldout.jsonl') },
    queries: { type: 'string', default: 'all' },
    'query-words': { type: 'string', default: 'all' },
  },
});

/** A line of heldout.jsonl. */
interface Pair {
  readonly package: string;
  readonly path: string;
  readonly name: string;
  readonly code: string;
  readonly documentation: string;
}

/** [queries][gallery] */
type Scores = readonly Float64Array[];

/** Of reciprocal rank fusion (Cormack et al., 2009). */
const RRF_K = 60;
const AT_ONCE = 16;
const NEVER = new AbortController().signal;

const pairs = readPairs();
const half = halves();
const texts = pairs.map(({ code }) => embeddedText(code));
const queries = pairs.map(({ documentation }) => queryText(cut(documentation)));
const paths = pairs.map((pair, i) => `${pair.package}/${i}/${pair.path}`);
const encoder = await openTextEncoderIn(resolve(values.encoder), loadAddon(root), 1);
const { identity, dimensions } = encoder.embedder;
const gallery = await embedded(texts, 'XL');
const byS = await meaningOf(await embedded(queries, 'S'));
const byXl = await meaningOf(await embedded(queries, 'XL'));
const words = wordsOf(({ name, code }) => ({ name, text: code }), true);

process.stdout.write(
  `${queries.length} queries, as many functions of ${new Set(pairs.map((pair) => pair.package)).size} packages, encoder ${identity.slice(0, 8)}\n\n`,
);
process.stdout.write(HEAD);
report(
  'words of the code',
  wordsOf(({ code }) => ({ text: code }), false),
);
report('words of the code, the name and the path', words);
report('embedding, query by S', byS);
report('embedding, query by XL', byXl);
compare('sum with the cosine', (weight) => both(words, byXl, weight, (row) => row.map((value) => Math.max(0, value))));
compare('sum with the cosine from 0 to 1', (weight) => both(words, byXl, weight, spread));
compare('sum with both from 0 to 1', (weight) => both(words.map(spread), byXl, weight, spread));
compare('reciprocal ranks', (weight) => both(words.map(reciprocal), byXl, weight, reciprocal));
await product('S');
await product('XL');
encoder.dispose();

function readPairs(): Pair[] {
  const lines = readFileSync(values.pairs, 'utf8').trim().split('\n');
  const documented = lines.map((line) => JSON.parse(line) as Pair).filter(({ documentation }) => documentation !== '');
  const key = ({ package: name, path, code }: Pair) =>
    createHash('sha256').update(`${name} ${path} ${code}`).digest('hex');
  const drawn = documented.map((pair) => ({ pair, key: key(pair) })).sort((a, b) => (a.key < b.key ? -1 : 1));
  return drawn.slice(0, values.queries === 'all' ? undefined : Number(values.queries)).map(({ pair }) => pair);
}

/** For each query, whether its package is in the first half. */
function halves(): boolean[] {
  const names = [...new Set(pairs.map((pair) => pair.package))].sort();
  return pairs.map((pair) => names.indexOf(pair.package) % 2 === 0);
}

/** Queries of people are shorter than documentation. */
function cut(documentation: string): string {
  const count = values['query-words'];
  return count === 'all' ? documentation : documentation.split(/\s+/).slice(0, Number(count)).join(' ');
}

async function embedded(contents: readonly string[], submodel: string): Promise<Float32Array> {
  const folder = join('build', 'bench');
  const digest = createHash('sha256')
    .update(JSON.stringify([identity, submodel, contents]))
    .digest('hex')
    .slice(0, 24);
  const file = join(folder, `embeddings-${digest}.f32`);
  if (existsSync(file)) return new Float32Array(Uint8Array.from(readFileSync(file)).buffer);
  const all = new Float32Array(contents.length * dimensions);
  for (let first = 0; first < contents.length; first += AT_ONCE) {
    const some = contents.slice(first, first + AT_ONCE);
    all.set(await encoder.embedder.embed(some, submodel, NEVER), first * dimensions);
    if (first % (AT_ONCE * 20) === 0) process.stderr.write(`${submodel}: ${first} of ${contents.length}\n`);
  }
  mkdirSync(folder, { recursive: true });
  writeFileSync(file, all);
  return all;
}

/** Cosines with the gallery in the index of the product. */
async function meaningOf(asked: Float32Array): Promise<Scores> {
  const index = encoder.vectors();
  index.set(Int32Array.from(texts.keys()), gallery);
  const rows: Float64Array[] = [];
  for (let i = 0; i < queries.length; i++) {
    const { ids, scores } = await index.search(asked.subarray(i * dimensions, (i + 1) * dimensions), texts.length);
    const row = new Float64Array(texts.length);
    ids.forEach((id, at) => (row[id] = scores[at] ?? 0));
    rows.push(row);
  }
  return rows;
}

function wordsOf(wordingOf: (pair: Pair) => Wording, hasPaths: boolean): Scores {
  const index = new WordIndex();
  const numbers = new Map<string, number>();
  pairs.forEach((pair, i) => {
    const path = hasPaths ? paths[i]! : String(i);
    numbers.set(path, i);
    index.set(path, [wordingOf(pair)]);
  });
  return queries.map((query) => {
    const row = new Float64Array(pairs.length);
    for (const { path, score } of index.search(query, pairs.length)) row[numbers.get(path)!] = score;
    return row;
  });
}

/** The ranks of the best answers, from 1. Equal queries share their answers, and ties count against the answer. */
function ranksOf(scores: Scores): number[] {
  return scores.map((row, i) => {
    const isAnswer = (at: number) => pairs[at]!.documentation === pairs[i]!.documentation;
    let best = -Infinity;
    row.forEach((score, at) => score > best && isAnswer(at) && (best = score));
    return row.reduce((rank, score, at) => (score >= best && !isAnswer(at) ? rank + 1 : rank), 1);
  });
}

function report(name: string, scores: Scores): void {
  process.stdout.write(line(name, ranksOf(scores)));
}

function compare(name: string, fuse: (weight: number) => Scores): void {
  const all = new Map(WEIGHTS.map((weight) => [weight, ranksOf(fuse(weight))]));
  process.stdout.write(weightLines(name, all, half));
}

function both(words: Scores, meaning: Scores, weight: number, change: (row: Float64Array) => Float64Array): Scores {
  return words.map((row, i) => {
    const other = change(meaning[i]!);
    return row.map((score, at) => (1 - weight) * score + weight * other[at]!);
  });
}

function spread(row: Float64Array): Float64Array {
  const [least, most] = [row.reduce((a, b) => Math.min(a, b)), row.reduce((a, b) => Math.max(a, b))];
  return row.map((value) => (value - least) / (most - least || 1));
}

/** The reciprocal rank of each; of those with the score 0, which were not found, nothing. */
function reciprocal(row: Float64Array): Float64Array {
  const order = Array.from(row.keys()).sort((a, b) => row[b]! - row[a]!);
  const result = new Float64Array(row.length);
  order.forEach((at, place) => {
    if (row[at] !== 0) result[at] = 1 / (RRF_K + 1 + place);
  });
  return result;
}

/** As `LocalSearch` asks, with a hundred hits: an answer that is not among them counts as the last of all. */
async function product(submodel: string): Promise<void> {
  const table = new Table<number>(encoder.vectors());
  pairs.forEach(({ name, code }, row) => {
    table.place(paths[row]!, '', [{ hash: String(row), row, wording: { name, text: code } }]);
  });
  table.add(
    pairs.map((_, i) => String(i)),
    gallery,
  );
  const asked = await embedded(queries, submodel);
  const scores: Float64Array[] = [];
  for (const [i, query] of queries.entries()) {
    const vector = asked.subarray(i * dimensions, (i + 1) * dimensions);
    const hits = await table.search({ words: query, vector }, 100, MEANING_WEIGHTS.code);
    const row = new Float64Array(pairs.length);
    for (const hit of hits) row[hit.row] = hit.score;
    scores.push(row);
  }
  report(`the search, weight ${MEANING_WEIGHTS.code}, query by ${submodel}`, scores);
}
