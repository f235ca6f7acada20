/**
 * `npx tsx bench/fidelity.mts [--model FILE.gguf] [--bits 8|4] [--files N] [--prompts N] [--language NAME]… [--json] [--alone]
 * CORPUS.jsonl…`:
 * whether an imported model is the same model here as in llama.cpp. Both run the same GGUF file: token ids of each text, bits per
 * byte of held-out files, and greedy text after the beginnings of files.
 *
 * A corpus has a JSON object with `language` and `text` a line; `python -m training.corpus` makes one.
 */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import type { NativeEngine } from '../src/engine/addon';
import { loadAddon } from '../src/engine/loadAddon';
import { openCheckpoint } from '../src/matlm/checkpoint';
import { readHeldout } from '../src/cli/heldout';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    model: { type: 'string', default: join(root, 'build', 'models', 'smollm2-135m-q4_1.gguf') },
    bits: { type: 'string' },
    files: { type: 'string', default: '20' },
    prompts: { type: 'string', default: '50' },
    language: { type: 'string', multiple: true, default: [] as string[] },
    threads: { type: 'string', default: '1' }, // llama.cpp's threads wait for each other by spinning
    json: { type: 'boolean', default: false },
    alone: { type: 'boolean', default: false }, // without llama.cpp
  },
});
if (positionals.length === 0) throw new Error('fidelity.mts CORPUS.jsonl…');

/** Tokens of a file that are scored, and of a prompt and of what is written after it. */
const WINDOW = 512;
const PROMPT = 160;
const WRITTEN = 32;

const threads = Number(values.threads);
const folder = join(mkdtempSync(join(tmpdir(), 'matcoder-fidelity-')), 'model');
const bits = values.bits === undefined ? [] : ['--bits', values.bits];
const importing = ['import', values.model, '--into', folder, ...bits];
execFileSync(process.execPath, [join(root, 'dist', 'cli.js'), ...importing], {
  stdio: ['ignore', 'ignore', 'inherit'],
});
const ours = await openCheckpoint(folder);
const addon = loadAddon(root);
const engine: NativeEngine = new addon.Engine({
  weightsPath: ours.weightsFile,
  tensors: ours.tensors,
  config: ours.config.model,
  threads,
});
const widths = Int32Array.from(ours.config.granularities.XL ?? []);

const peer = values.alone ? undefined : await openPeer();
async function openPeer() {
  const { getLlama } = await import('node-llama-cpp');
  const llama = await getLlama({ gpu: false, build: 'never', logLevel: 'error' as never, maxThreads: threads });
  const model = await llama.loadModel({ modelPath: values.model, gpuLayers: 0 });
  const context = await model.createContext({ contextSize: 1024, batchSize: 512, threads });
  return { model, sequence: context.getSequence() };
}

const rows = (await Promise.all(positionals.map((file) => readHeldout(file, 1, 'figures')))).flat();
const languages =
  values.language.length > 0 ? values.language : [...new Set(rows.map(({ language }) => language))].sort();

/** [tokens - 1] the bits by which each token but the first is unexpected. */
async function ourBits(tokens: readonly number[]): Promise<number[]> {
  const logits = await new Promise<Float32Array>((resolve, reject) => {
    engine.logits(Int32Array.from(tokens), widths, (event) => {
      if (event.type === 'logits') resolve(event.logits);
      if (event.type === 'end' && event.reason === 'failed') reject(new Error(event.message));
    });
  });
  const size = logits.length / tokens.length;
  return tokens.slice(1).map((token, i) => {
    const row = logits.subarray(i * size, (i + 1) * size);
    const top = row.reduce((a, b) => Math.max(a, b));
    const total = row.reduce((sum, logit) => sum + Math.exp(logit - top), 0);
    return (Math.log(total) - (row[token]! - top)) / Math.LN2;
  });
}

async function theirBits(tokens: readonly number[]): Promise<number[]> {
  if (!peer) return [Number.NaN];
  const { sequence } = peer;
  await sequence.clearHistory();
  const options = { temperature: 1, topK: 0, topP: 1, minP: 0 };
  const asked = tokens.map((token, i) => {
    const filter = { tokens: [tokens[i + 1]], includeTop: 1 };
    return i + 1 < tokens.length
      ? [token, { generateNext: { logits: { filter }, totalLogitWeight: true, options } }]
      : token;
  });
  const answers = await sequence.controlledEvaluate(asked as never);
  return tokens.slice(1).map((token, i) => {
    const { logits, totalLogitWeight: total } = answers[i]!.next;
    const top = Math.max(...logits!.values());
    return (Math.log(total!) - (logits!.get(token as never)! - top)) / Math.LN2;
  });
}

function ourText(prompt: readonly number[]): Promise<number[]> {
  return new Promise((resolve, reject) => {
    const written: number[] = [];
    const request = { tokens: Int32Array.from(prompt), widths, maxTokens: WRITTEN, stopTokens: new Int32Array() };
    engine.generate(request, (event) => {
      if (event.type === 'token') written.push(event.token);
      if (event.type !== 'end') return;
      if (event.reason === 'failed') reject(new Error(event.message));
      else resolve(written);
    });
  });
}

async function theirText(prompt: readonly number[]): Promise<number[]> {
  if (!peer) return [];
  const { sequence } = peer;
  await sequence.clearHistory();
  const written: number[] = [];
  for await (const token of sequence.evaluate(prompt as never, { temperature: 0, yieldEogToken: true })) {
    written.push(token);
    if (written.length === WRITTEN) break;
  }
  return written;
}

interface Row {
  readonly language: string;
  readonly texts: number;
  /** Texts with the same token ids. */
  readonly sameTokens: number;
  readonly bytes: number;
  readonly ourBitsPerByte: number;
  readonly theirBitsPerByte: number;
}

const encode = (text: string) => ours.tokenizer.encode(text);
const theirIds = (text: string): number[] => (peer ? [...peer.model.tokenize(text, false)] : []);
const perFile = (count: string, of: number) => Math.ceil(Number(count) / of);

async function scored(language: string): Promise<Row> {
  const texts = rows.filter((row) => row.language === language).slice(0, perFile(values.files, languages.length));
  let [sameTokens, bytes, our, their] = [0, 0, 0, 0];
  for (const { text } of texts) {
    const tokens = encode(text);
    const theirs = theirIds(text);
    if (tokens.length === theirs.length && tokens.every((token, i) => token === theirs[i])) sameTokens++;
    // Whole characters only: a token may end within one.
    const window = tokens.slice(0, WINDOW);
    const first = ours.tokenizer.decode(window.slice(0, 1));
    bytes += Buffer.byteLength(ours.tokenizer.decode(window)) - Buffer.byteLength(first);
    const sum = (numbers: readonly number[]) => numbers.reduce((a, b) => a + b, 0);
    our += sum(await ourBits(window));
    their += sum(await theirBits(window));
  }
  const [ourBitsPerByte, theirBitsPerByte] = [our / bytes, their / bytes];
  return { language, texts: texts.length, sameTokens, bytes, ourBitsPerByte, theirBitsPerByte };
}

interface Texts {
  readonly prompts: number;
  /** Those after which all tokens are the same. */
  readonly equal: number;
  readonly tokens: number;
  /** Up to the first difference of each. */
  readonly same: number;
}

async function written(): Promise<Texts> {
  const each = perFile(values.prompts, languages.length);
  const chosen = languages
    .flatMap((language) => rows.filter((row) => row.language === language).slice(-each))
    .slice(0, Number(values.prompts));
  let [equal, same, total] = [0, 0, 0];
  for (const { text } of chosen) {
    const prompt = encode(text).slice(0, PROMPT);
    const [mine, theirs] = [await ourText(prompt), await theirText(prompt)];
    const difference = mine.findIndex((token, i) => token !== theirs[i]);
    if (difference < 0) equal++;
    same += difference < 0 ? mine.length : difference;
    total += mine.length;
  }
  return { prompts: chosen.length, equal, tokens: total, same };
}

const scores: Row[] = [];
for (const language of languages) scores.push(await scored(language));
const texts = await written();
const all = (key: 'texts' | 'sameTokens' | 'bytes') => scores.reduce((sum, row) => sum + row[key], 0);
const mean = (key: 'ourBitsPerByte' | 'theirBitsPerByte') =>
  scores.reduce((sum, row) => sum + row[key] * row.bytes, 0) / all('bytes');
const total: Row = {
  language: 'all',
  texts: all('texts'),
  sameTokens: all('sameTokens'),
  bytes: all('bytes'),
  ourBitsPerByte: mean('ourBitsPerByte'),
  theirBitsPerByte: mean('theirBitsPerByte'),
};

if (values.json) {
  process.stdout.write(
    `${JSON.stringify({ model: basename(values.model), scores: [...scores, total], texts }, null, 2)}\n`,
  );
} else {
  const line = (cells: readonly (string | number)[]) => process.stdout.write(`| ${cells.join(' | ')} |\n`);
  line([basename(values.model), 'texts', 'same tokens', 'bytes', 'bits a byte, ours', 'llama.cpp', 'difference']);
  line(['---', '---:', '---:', '---:', '---:', '---:', '---:']);
  for (const { language, texts, sameTokens, bytes, ourBitsPerByte: mine, theirBitsPerByte: theirs } of [
    ...scores,
    total,
  ]) {
    const difference = `${(100 * (mine / theirs - 1)).toFixed(2)} %`;
    line([language, texts, sameTokens, bytes, mine.toFixed(4), theirs.toFixed(4), difference]);
  }
  const { prompts, equal, tokens, same } = texts;
  process.stdout.write(
    `\nGreedy text of ${WRITTEN} tokens: equal after ${equal} of ${prompts} prompts; ${same} of ${tokens} tokens before a first difference.\n`,
  );
}
engine.dispose();
rmSync(dirname(folder), { recursive: true, force: true });
process.exit(0);
