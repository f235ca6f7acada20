/**
 * `npm run bench -- elastic HELDOUT --model FOLDER [--parts bits,acceptance,drafts,speed] [--tokens N] [--places N] [--minutes N]
 * [--rounds N] [--threads N]`: how far a model that was not trained nested is elastic. A copy of it in build/bench is made elastic
 * with the packages of HELDOUT that fitting may use, and measured on the others: bits by width, drafters by width (how often they
 * are right, without the clock, and what they save), and speed by width. HELDOUT is the file that
 * `python -m training.corpus --heldout-only` writes. `--model` may be elastic already.
 */
import { cpSync, existsSync, mkdirSync } from 'node:fs';
import { cpus } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { type HeldoutFile, readHeldout } from '../src/cli/heldout';
import type { GenerateRequest } from '../src/engine/engine';
import { LocalEngine, openMemory } from '../src/engine/native';
import { openCheckpoint } from '../src/matlm/checkpoint';
import { generalGate } from '../src/models/generalGate';
import { WIDTH_STEP } from '../src/matlm/shape';
import { bytesPerToken } from '../src/matlm/submodel';
import { decode, learn, requestOf } from '../src/models/elastic/drafter';
import { makeElastic } from '../src/models/elastic/makeElastic';
import { splitSample } from '../src/models/elastic/sampleText';
import { agreements, compare, indexOfLargest, windowsOf } from '../src/models/elastic/scoredText';
import { fitWidths, fullWidths } from '../src/models/elastic/search';
import { TimeBox } from '../src/models/elastic/timeBox';
import { median } from './children.mts';

const SHARES = [0.9, 0.8, 0.7, 0.5, 0.25, 0.125];
/** Shares of the layers that a drafter skips. */
const SKIPPED = [0, 0.5];
/** Tokens that are drafted at once, at most. */
const MOST_DRAFTED = 8;
/** Tokens that drafts choose from, if the vocabulary has more than twice as many: as in native/src/decoding.h. */
const DRAFT_ROWS = 16_384;

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    model: { type: 'string', default: join(root, 'build', 'smollm2') },
    parts: { type: 'string', default: 'bits,acceptance,drafts,speed' },
    tokens: { type: 'string', default: '8000' },
    places: { type: 'string', default: '24' },
    rounds: { type: 'string', default: '5' },
    threads: { type: 'string', default: '2' },
    minutes: { type: 'string', default: '4' },
  },
});
if (!positionals[0]) throw new Error('npm run bench -- elastic HELDOUT --model FOLDER …');
const [tokens, places, rounds, threads, minutes] = [
  values.tokens,
  values.places,
  values.rounds,
  values.threads,
  values.minutes,
].map(Number) as [number, number, number, number, number];

const sample = sampleOf(await readHeldout(positionals[0], 1, 'fit'));
const heldOut = await readHeldout(positionals[0], 1, 'figures');
const checkpoint = await elastic(values.model);
const { model } = checkpoint.config;
const full = fullWidths(model);
const xlBytes = bytesPerToken(model, full);
const gated = {
  ...checkpoint,
  config: { ...checkpoint.config, gate: checkpoint.config.gate ?? (await generalGate(root)) },
};
const memory = openMemory(root, gated);
const engine = new LocalEngine(root, gated, threads, memory);
const { isa } = await engine.measure();
write(
  `${basename(values.model)} on ${cpus()[0]?.model ?? ''}, ${isa}, ${threads} threads, ${new Date().toISOString().slice(0, 10)}\n`,
);
for (const part of values.parts.split(',')) {
  if (part === 'bits') await bits();
  else if (part === 'acceptance') await acceptance();
  else if (part === 'drafts') await drafts();
  else if (part === 'speed') await speed();
  else throw new Error(`--parts ${part}: expected bits, acceptance, drafts or speed`);
}
engine.dispose();

/** The first files of each package, as a user has some. */
function sampleOf(files: readonly HeldoutFile[]): { path: string; text: string }[] {
  return files.slice(0, 120).map(({ package: name, path, text }) => ({ path: `${name}/${path}`, text }));
}

/** The model, or a copy of it that is made elastic. */
async function elastic(folder: string) {
  const given = await openCheckpoint(folder);
  if (given.config.model.hasCompensation || Object.keys(given.config.granularities).length > 1) return given;
  const copy = join(root, 'build', 'bench', 'elastic', basename(folder));
  if (!existsSync(copy)) {
    mkdirSync(dirname(copy), { recursive: true });
    cpSync(folder, copy, { recursive: true });
  }
  const copied = await openCheckpoint(copy);
  if (copied.config.model.hasCompensation) return copied;
  const made = await makeElastic(copy, sample, { root, sample: 'user', threads, budgetMs: minutes * 60_000 });
  write(
    `${line(['made', 'hidden units by layer', 'MB a token', 'bits per byte', 'agrees with XL'])}${line(['---', '---', '---:', '---:', '---:'])}`,
  );
  for (const row of made.frontier) {
    const cells = [(row.bytesPerToken / 1e6).toFixed(1), row.bitsPerByte.toFixed(4), percent(row.agreementWithXL)];
    write(line([row.name, row.ffnWidths.join(' '), ...cells]));
  }
  write(`XS: ${made.sizes.XS?.join(' ') ?? 'none pays'}\n`);
  if (Object.keys(made.sizes).length === 1)
    throw new Error(`${copy} was left unsorted, because no narrower size pays: import the model with --bits 8`);
  return openCheckpoint(copy);
}

/** Bits per byte by width: the same in every layer, and shared out. */
async function bits(): Promise<void> {
  const { search } = splitSample(sample, values.model);
  const fitted = await fitWidths(engine, checkpoint, search, new TimeBox(minutes * 60_000, {}));
  const rows = SHARES.flatMap((share) => {
    const steps = Math.max(1, Math.round((share * model.ffnSize) / WIDTH_STEP));
    const flat = Array<number>(model.layers).fill(steps * WIDTH_STEP);
    const mixed = fitted?.isMixed ? [{ share, kind: 'by layer', widths: fitted.widthsOf(steps) }] : [];
    return [{ share, kind: 'the same', widths: flat }, ...mixed];
  });
  const shapes = rows.map(({ widths }) => widths);
  let chosen = 0;
  const windows = windowsOf(checkpoint, heldOut, 512).filter((window) => (chosen += window.tokens.length) <= tokens);
  const endless = new TimeBox(Infinity, {});
  const found = await compare(engine, windows, full, shapes, endless, 1);
  const agreed = await agreements(engine, model.vocabularySize, windows.slice(0, 8), full, shapes, endless, 1);
  const perByte = (loss: number) => ((1 + loss) * found.fullNats) / Math.LN2 / found.bytes;
  write(`${found.tokens} tokens, ${found.bytes} bytes; XL has ${perByte(0).toFixed(4)} bits per byte\n\n`);
  write(line(['FFN', 'widths', 'MB a token', 'bits per byte', 'over XL', 'agrees with XL']));
  write(line(['---', '---', '---:', '---:', '---:', '---:']));
  for (const [i, { share, kind, widths }] of rows.entries()) {
    const cells = [(bytesPerToken(model, widths) / 1e6).toFixed(1), perByte(found.losses[i]!).toFixed(4)];
    write(line([percent(share), kind, ...cells, `+${percent(found.losses[i]!)}`, percent(agreed[i]!)]));
  }
  write('\n');
}

/** Narrow submodels that might draft: some widths, in all layers and in every second one; those that the model names. */
function drafterShapes(): { name: string; widths: readonly number[] }[] {
  const shapes = SHARES.filter((value) => value <= 0.5).flatMap((share) =>
    SKIPPED.map((skipped) => {
      const width = Math.max(1, Math.round((share * model.ffnSize) / WIDTH_STEP)) * WIDTH_STEP;
      // Every second layer, but not the first, which matters most.
      const widths = full.map((_, layer) => (skipped > 0 && layer % 2 === 1 ? 0 : width));
      return { name: `${percent(share)}${skipped > 0 ? ', every second layer' : ''}`, widths };
    }),
  );
  const named = Object.entries(checkpoint.config.granularities).filter(([name]) => name !== 'XL');
  return [...shapes, ...named.map(([name, widths]) => ({ name, widths }))];
}

function promptFiles(): readonly HeldoutFile[] {
  return heldOut.filter(({ text }) => text.length > 1500).slice(0, places);
}

/** The text before the middle of a file. */
function promptOf(file: HeldoutFile): readonly number[] {
  const text = checkpoint.tokenizer.encode(file.text.slice(0, 8000));
  return text.slice(0, Math.floor(text.length / 2)).slice(-384);
}

/**
 * How often the full model accepts what a drafter writes, in its own greedy answers without the memory. As in the engine, the drafter
 * reads keys and values of the full model. The clock plays no part: what drafts save is told in bytes of weights, with the length
 * of drafts that is best for the drafter and as if verifying them cost nothing.
 */
async function acceptance(): Promise<void> {
  const shapes = drafterShapes();
  /** By drafter and place: after each token, how many tokens of a draft are accepted. */
  const runs = shapes.map((): number[][] => []);
  for (const file of promptFiles()) {
    const prompt = promptOf(file);
    const { tokens: answer } = await decode(engine, { ...requestOf(prompt, full), memory: undefined });
    for (const [i, { widths }] of shapes.entries()) runs[i]!.push(await accepted(prompt, answer, widths));
  }
  const answered = runs[0]!.flat().length;
  write(`${runs[0]!.length} places, ${answered} tokens of the full model, no memory\n\n`);
  write(
    line(['drafts', 'MB a draft', 'first token accepted', 'best length', 'tokens a pass', 'times plain, by bytes']),
  );
  write(line(['---', ...Array<string>(5).fill('---:')]));
  for (const [i, { name, widths }] of shapes.entries()) {
    const head = model.vocabularySize > 2 * DRAFT_ROWS ? { vocabularySize: DRAFT_ROWS } : {};
    const bytes = bytesPerToken({ ...model, ...head }, widths);
    const lengths = Array.from({ length: MOST_DRAFTED }, (_, more) => more + 1).map((length) => {
      const passes = runs[i]!.reduce((sum, run) => sum + passesOf(run, length), 0);
      return { length, perPass: answered / passes, times: answered / (passes * (1 + (length * bytes) / xlBytes)) };
    });
    const best = lengths.reduce((a, b) => (b.times > a.times ? b : a));
    const share = percent(runs[i]!.flat().filter((count) => count > 0).length / answered);
    const cells = [share, String(best.length), best.perPass.toFixed(2), best.times.toFixed(2)];
    write(line([name, (bytes / 1e6).toFixed(1), ...cells]));
  }
  write('\n');
}

/** [tokens of the answer]: how many tokens of a draft that begins there are those of the answer. */
async function accepted(
  prompt: readonly number[],
  answer: readonly number[],
  widths: readonly number[],
): Promise<number[]> {
  const text = [...prompt, ...answer];
  const runs: number[] = [];
  await engine.logits(prompt.slice(0, -1), full);
  for (let at = prompt.length; at < text.length; at++) {
    let drafted = 0;
    while (drafted < MOST_DRAFTED && at + drafted < text.length) {
      const logits = await engine.logitsAfter(at + drafted - 1, text.slice(0, at + drafted), widths);
      if (indexOfLargest(logits) !== text[at + drafted]) break;
      drafted++;
    }
    runs.push(drafted);
    // The keys and values of the full model, in the place of the drafter's.
    await engine.logitsAfter(at - 1, text.slice(0, at), full);
  }
  return runs;
}

/** Passes of the full model over an answer: each writes a token of its own after those of a draft that it accepts. */
function passesOf(runs: readonly number[], length: number): number {
  let passes = 0;
  for (let at = 0; at < runs.length; at += Math.min(length, runs[at]!) + 1) passes++;
  return passes;
}

/** Drafters by width, next to plain decoding and copying alone, with the memory of the other files of the package. */
async function drafts(): Promise<void> {
  const ways: {
    name: string;
    speculation?: GenerateRequest['speculation'];
    ms: number[];
    /** By the submodel, if that paid. */
    drafted: number;
    accepted: number;
  }[] = [];
  const add = (name: string, widths?: readonly number[]) =>
    ways.push({
      name,
      ...(widths && { speculation: { widths, maxTokens: 8 } }),
      ms: [],
      drafted: 0,
      accepted: 0,
    });
  add('plain');
  add('copies alone', []);
  for (const { name, widths } of drafterShapes()) add(name, widths);
  const chosen = promptFiles();
  const windows = windowsOf(checkpoint, heldOut, 256).slice(0, 6);
  const drafters = ways.flatMap(({ speculation }) => (speculation?.widths.length ? [speculation.widths] : []));
  const agreed = await agreements(engine, model.vocabularySize, windows, full, drafters, new TimeBox(Infinity, {}), 1);
  for (const widths of drafters) await learn(engine, windows, full, widths);
  let decoded = 0;
  for (const [p, file] of chosen.entries()) {
    const others = heldOut.filter((other) => other.package === file.package && other.path !== file.path).slice(0, 100);
    memory?.remove(Int32Array.from({ length: 100 }, (_, i) => i));
    for (const [i, { text }] of others.entries())
      await memory?.set(i, Int32Array.from(checkpoint.tokenizer.encode(text)));
    const prompt = promptOf(file);
    await decode(engine, { ...requestOf(prompt, full), maxTokens: 0 });
    let expected: string | undefined;
    const written = async (way: (typeof ways)[number], speculation: GenerateRequest['speculation']) => {
      const answer = await decode(engine, { ...requestOf(prompt, full), ...(speculation && { speculation }) });
      expected ??= String(answer.tokens);
      if (String(answer.tokens) !== expected) throw new Error(`${file.path}: ${way.name} wrote another text`);
      return answer;
    };
    for (let turn = 0; turn < ways.length; turn++) {
      const way = ways[(turn + p) % ways.length]!;
      const { ms, tokens: answer, end } = await written(way, way.speculation);
      if (p === 0) continue;
      way.ms.push(ms / answer.length);
      way.drafted += end.writtenDrafts ?? 0;
      way.accepted += end.writtenAccepted ?? 0;
      if (turn === 0) decoded += answer.length;
    }
  }
  const sum = (all: readonly number[]) => all.reduce((a, b) => a + b, 0);
  const [plain, copies] = [sum(ways[0]!.ms), sum(ways[1]!.ms)];
  write(`${chosen.length - 1} places, ${decoded} tokens by each way, all the same tokens\n\n`);
  write(
    line([
      'drafts',
      'MB a token',
      'agrees with XL',
      'written for each 100',
      'accepted',
      'ms a token',
      'times plain',
      'times copies alone',
    ]),
  );
  write(line(['---', ...Array<string>(7).fill('---:')]));
  for (const { name, speculation, ms, drafted, accepted } of ways) {
    const bytes = speculation?.widths.length ? (bytesPerToken(model, speculation.widths) / 1e6).toFixed(1) : '';
    const agreement = speculation?.widths.length ? percent(agreed[drafters.indexOf(speculation.widths)]!) : '';
    const share = drafted > 0 ? percent(accepted / drafted) : '';
    const speeds = [(sum(ms) / ms.length).toFixed(2), (plain / sum(ms)).toFixed(2), (copies / sum(ms)).toFixed(2)];
    write(line([name, bytes, agreement, ((100 * drafted) / decoded).toFixed(0), share, ...speeds]));
  }
  write('\n');
}

/** Milliseconds a token by width, of a prompt of 256 tokens and of an answer. */
async function speed(): Promise<void> {
  const shapes = [1, ...SHARES].map((share) => ({
    share,
    widths: full.map(() => Math.max(1, Math.round((share * model.ffnSize) / WIDTH_STEP)) * WIDTH_STEP),
    prefill: [] as number[],
    decode: [] as number[],
  }));
  const text = checkpoint.tokenizer.encode(heldOut[0]!.text);
  const prompt = Array.from({ length: 256 }, (_, i) => text[i % text.length]!);
  for (let round = 0; round <= rounds; round++) {
    for (let turn = 0; turn < shapes.length; turn++) {
      const { widths, ...times } = shapes[(turn + round) % shapes.length]!;
      // Another document each time, so that nothing is read already.
      const request = { prompt, widths, maxTokens: 32, stopTokens: [], cacheKey: 1 + round * shapes.length + turn };
      const [prefillMs, answer] = await timed(request);
      engine.forget([request.cacheKey]);
      if (round === 0) continue; // warms up
      times.prefill.push(prefillMs / prompt.length);
      times.decode.push((answer.ms - prefillMs) / (answer.tokens.length - 1));
    }
  }
  write(
    line(['FFN', 'MB a token', 'prefill, ms a token', 'decode, ms a token', 'times XL']) +
      line(['---', '---:', '---:', '---:', '---:']),
  );
  const xl = median(shapes[0]!.decode);
  for (const { share, widths, ...times } of shapes) {
    const cells = [(bytesPerToken(model, widths) / 1e6).toFixed(1), median(times.prefill).toFixed(3)];
    write(line([percent(share), ...cells, median(times.decode).toFixed(2), (xl / median(times.decode)).toFixed(2)]));
  }
  write(`\nXL reads ${(xlBytes / 1e6).toFixed(1)} MB a token.\n`);
}

async function timed(request: GenerateRequest): Promise<[number, Awaited<ReturnType<typeof decode>>]> {
  const answer = await decode(engine, request);
  return [answer.ms - answer.end.decodeMs, answer];
}

function percent(share: number): string {
  return `${(100 * share).toFixed(1).replace(/\.0$/, '')} %`;
}

function line(cells: readonly string[]): string {
  return `| ${cells.join(' | ')} |\n`;
}

function write(text: string): void {
  process.stdout.write(text);
}
