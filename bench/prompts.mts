/**
 * `npx tsx bench/prompts.mts HELDOUT.jsonl [--cursors N] [--submodel XL,S] [--memory on|off] [--way NAME]… [--snippets]
 * [--encoder FOLDER] [--threads N] [--minutes N]`: the value of each way to make a prompt. Each way completes the rest of the line at the same
 * cursors in held-out code, and is right if it equals the rest in the file. Bits are those of the rest, with the healed word,
 * given the text before it.
 *
 * N cursors stand at each kind of place, or, with `--uniform`, N in all as `python -m training.evaluate` draws them: uniform over the
 * lines with something on them, then over the places in a line. `--kind` leaves only cursors of some kinds. `--snippets` compares the
 * ways that differ only in the snippet, some of which embed code with an encoder, in a narrow table. With `--minutes` it ends before a
 * block of cursors that would take longer; the cursors so far are drawn like all.
 *
 * Each package is a workspace: its other files are in the memory. With `--memory off` matches are found in the prompt alone.
 */
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { decode } from '../src/completion/decode/decode';
import { BUDGET, type Prompt } from '../src/completion/prompt/prompt';
import { cursorOf } from '../src/completion/cursor';
import { trimAt } from '../src/completion/filters';
import { Grammars } from '../src/completion/syntax/grammars';
import { languageOf } from '../src/completion/syntax/languages';
import { differenceOf } from '../src/cli/evaluation/effect';
import { type HeldoutFile, readHeldout } from '../src/cli/heldout';
import { openMemories } from '../src/cli/memory';
import { Encoder } from '../src/encoders/encoder';
import { LocalEngine } from '../src/engine/native';
import { loadAddon } from '../src/engine/loadAddon';
import { openCheckpoint, SHIPPED } from '../src/matlm/checkpoint';
import type { MemoryPlace } from '../src/engine/memory';
import { type Submodel, submodelOf } from '../src/matlm/submodel';
import { bitsWith } from '../src/models/fitGate';
import { drawCursors, KIND_NAMES } from './cursors.mjs';
import { Gallery } from './gallery';
import { EDITOR, needsEncoder, type Place, SNIPPET_WAYS, waysOf } from './ways.mjs';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    model: { type: 'string', default: join(root, SHIPPED) },
    submodel: { type: 'string', default: 'XL' },
    cursors: { type: 'string', default: '100' },
    seed: { type: 'string', default: '1' },
    uniform: { type: 'boolean', default: false },
    kind: { type: 'string', multiple: true, default: [] as string[] },
    way: { type: 'string', multiple: true, default: [] as string[] },
    snippets: { type: 'boolean', default: false },
    encoder: { type: 'string', default: join(root, 'models', 'encoders', 'code') },
    threads: { type: 'string', default: '0' },
    minutes: { type: 'string', default: 'Infinity' },
    memory: { type: 'string', default: 'on' },
  },
});
if (!positionals[0]) throw new Error('prompts.mts HELDOUT.jsonl [--cursors N] [--uniform] [--submodel NAME,NAME]');

const kinds = values.kind.length > 0 ? values.kind : KIND_NAMES;
const wanted = Number(values.cursors);
const threads = Number(values.threads);
const files = await readHeldout(positionals[0], 1, 'figures');
const drawnPlaces = drawCursors(files, { seed: Number(values.seed), count: wanted, isUniform: values.uniform, kinds });

const checkpoint = await openCheckpoint(values.model);
if (values.memory !== 'on' && values.memory !== 'off') throw new Error(`--memory ${values.memory}: expected on or off`);
const isOn = values.memory === 'on';
const { native, memory } = openMemories(root, checkpoint, isOn);
const engine = new LocalEngine(root, checkpoint, threads, native);

/** The memory holds the files of one package, and no others. */
let remembered = '';
async function remember({ package: name }: HeldoutFile): Promise<void> {
  if (!memory || !isOn || name === remembered) return;
  await memory.forget([...files.keys()]);
  for (const [document, file] of files.entries()) {
    if (file.package === name) await memory.remember(document, file.text);
  }
  remembered = name;
}

/** Nothing of the file that is completed is found. */
const memoryPlace = ({ file }: Place): MemoryPlace => ({
  document: files.indexOf(file),
  hiddenLines: [0, file.text.split('\n').length],
});

let encoder: Encoder | undefined;
let opening: Promise<Gallery> | undefined;
async function openGallery(): Promise<Gallery> {
  encoder = await Encoder.open(values.encoder, loadAddon(root), Math.max(1, threads));
  return new Gallery(encoder, new Grammars(join(root, 'dist', 'grammars')), BUDGET.snippetChars);
}

const all = waysOf(checkpoint, files, () => (opening ??= openGallery()));
const usual = values.snippets ? SNIPPET_WAYS : Object.keys(all).filter((way) => !needsEncoder(way));
const chosen = values.way.length > 0 ? values.way : usual;
const unknown = chosen.find((name) => !Object.hasOwn(all, name));
if (unknown !== undefined) throw new Error(`--way '${unknown}': there are ${Object.keys(all).join('; ')}`);

/** What became of a cursor. */
interface Result {
  readonly isRight: boolean;
  /** Of the rest of the line, by the model alone. */
  readonly bits: number;
  readonly bitsWithMemory: number;
  readonly promptTokens: number;
}

/** Tokens of the rest of a line that are scored; the prompt leaves room for so many. */
const MOST_SCORED = 90;
const signal = new AbortController().signal;

/** @param document of the engine: keys and values of one submodel are never read by another */
async function complete(place: Place, prompt: Prompt, submodel: Submodel, document: number): Promise<Result> {
  const speculation = { widths: submodel.draftWidths, maxTokens: 8 };
  const decision = { submodel, speculation, maxTokens: 48, multiline: false };
  const trim = trimAt(cursorOf({ ...place, languageId: languageOf(place.path) }, false));
  const options = { memory: memoryPlace(place), document };
  const decoded = await decode(engine, checkpoint, prompt, decision, trim, signal, options);
  if (decoded.fault !== undefined) throw new Error(decoded.fault);
  const text = decoded.pieces.map((piece) => piece.text).join('');
  return {
    isRight: text.split('\n')[0]!.trimEnd() === place.expected,
    ...(await bitsOf(place, prompt, submodel, document)),
    promptTokens: prompt.tokens.length,
  };
}

/** The prompt is in the engine's cache, so this costs only the rest of the line. */
async function bitsOf(place: Place, { tokens, healingPrefix }: Prompt, { widths }: Submodel, cacheKey: number) {
  const rest = checkpoint.tokenizer.encode(healingPrefix + place.expected).slice(0, MOST_SCORED);
  const request = { prompt: [...tokens, ...rest], widths, cacheKey, maxTokens: 0, stopTokens: [] };
  if (!native) {
    const found = await engine.scores(request, tokens.length);
    const bits = found.reduce((sum, value) => sum - value / Math.LN2, 0);
    return { bits, bitsWithMemory: bits };
  }
  const rows = await engine.scores({ ...request, memory: memoryPlace(place) }, tokens.length);
  return { bits: bitsWith(rows, undefined), bitsWithMemory: bitsWith(rows, checkpoint.config.gate) };
}

/** Of each submodel and way, the result at each cursor. */
const results = new Map(values.submodel.split(',').map((name) => [name, new Map<string, Result[]>()]));

async function measure(place: Place): Promise<void> {
  await remember(place.file);
  const prompts = new Map<string, Prompt>();
  for (const way of chosen) prompts.set(way, await all[way]!(place));
  for (const [document, [name, byWay]] of [...results].entries()) {
    const submodel = submodelOf(checkpoint.config, name);
    /** Ways often agree. */
    const known = new Map<string, Result>();
    for (const [way, prompt] of prompts) {
      const key = prompt.tokens.join();
      const result = known.get(key) ?? (await complete(place, prompt, submodel, document));
      known.set(key, result);
      byWay.set(way, [...(byWay.get(way) ?? []), result]);
    }
  }
}

/** In a block, the cursors of a package come one after the other, because each package has to be remembered. */
const BLOCK = 50;
const places: Place[] = [];
const started = performance.now();
let blockMs = 0;
while (places.length < drawnPlaces.length) {
  const from = performance.now();
  if (from - started + blockMs > 60_000 * Number(values.minutes)) break;
  const block = drawnPlaces.slice(places.length, places.length + BLOCK);
  block.sort((a, b) => a.file.package.localeCompare(b.file.package));
  for (const place of block) await measure(place);
  places.push(...block);
  blockMs = performance.now() - from;
}
engine.dispose();
encoder?.dispose();

const meanOf = (numbers: readonly number[]) => numbers.reduce((sum, one) => sum + one, 0) / numbers.length;

/** How much more than the editor's way at the same cursors, with one standard error; of bits, in percent of the editor's. */
function difference(
  of: readonly Result[],
  than: readonly Result[] | undefined,
  value: (result: Result) => number,
  unit = 1,
): string {
  if (!than || of === than) return '';
  const { mean, standardError } = differenceOf(of.map((result, i) => (value(result) - value(than[i]!)) / unit));
  return `${mean > 0 ? '+' : ''}${mean.toFixed(1)} (${standardError.toFixed(1)})`;
}

/** The bits of the editor's way, and in percent how many more another way needs. */
function bitsCell(
  of: readonly Result[],
  than: readonly Result[] | undefined,
  value: 'bits' | 'bitsWithMemory',
): string {
  const mean = meanOf((than ?? of).map((result) => result[value]));
  if (!than || of === than) return `${meanOf(of.map((result) => result[value])).toFixed(2)} a line`;
  return difference(of, than, (result) => result[value], mean / 100).replace(' (', ' % (');
}

const percent = (n: number, of: number) => (of === 0 ? '-' : ((100 * n) / of).toFixed(1));
const shown = values.snippets ? [] : kinds;
const drawn = shown.map((kind) => places.filter((place) => place.kind === kind).length);
const heads = shown.map((kind, i) => (values.uniform ? `${kind} (${drawn[i]})` : kind));
const numbers = ['all, %', 'gain (se)', 'bits, model alone', 'bits, with memory', 'prompt tokens'];
for (const [submodel, byWay] of results) {
  const title = `${submodel}, ${values.uniform ? places.length : wanted} cursors${values.uniform ? '' : ' each'}`;
  process.stdout.write(`\n| ${[title, ...heads, ...numbers].join(' | ')} |\n`);
  process.stdout.write(`| --- |${' ---: |'.repeat(heads.length + numbers.length)}\n`);
  const than = byWay.get(EDITOR);
  for (const [way, of] of byWay) {
    const isRight = (kind?: string) =>
      of.filter((result, i) => result.isRight && (!kind || places[i]!.kind === kind)).length;
    const cells = [
      ...shown.map((kind, i) => percent(isRight(kind), drawn[i]!)),
      percent(isRight(), places.length),
      difference(of, than, (result) => 100 * Number(result.isRight)),
      bitsCell(of, than, 'bits'),
      bitsCell(of, than, 'bitsWithMemory'),
      meanOf(of.map(({ promptTokens }) => promptTokens)).toFixed(0),
    ];
    process.stdout.write(`| ${[way, ...cells].join(' | ')} |\n`);
  }
}
