/**
 * `npx tsx bench/prompts.mts HELDOUT.jsonl [--cursors N] [--submodel XL]`: what each way to make a prompt is worth. Every
 * way completes the rest of the line at the same cursors in held-out code, and is right where it equals the file's.
 */
import { createReadStream } from 'node:fs';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { decode } from '../src/completion/decode';
import { givenBack } from '../src/completion/heal';
import { buildPrompt, type Excerpt, type Prompt } from '../src/completion/prompt';
import { cursorOf } from '../src/completion/cursor';
import { trimAt } from '../src/completion/filters';
import { LocalEngine } from '../src/engine/localEngine';
import { openCheckpoint } from '../src/matlm/checkpoint';
import { submodelOf } from '../src/matlm/submodel';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    model: { type: 'string', default: join(root, 'models', 'matlm-6m') },
    submodel: { type: 'string', default: 'XL' },
    cursors: { type: 'string', default: '100' },
    seed: { type: 'string', default: '1' },
  },
});
if (!positionals[0]) throw new Error('prompts.mts HELDOUT.jsonl [--cursors N] [--submodel NAME]');

interface File {
  readonly package: string;
  readonly path: string;
  readonly text: string;
}

/** What stands left of the cursor, and whether a word goes on right of it. */
const KINDS = {
  'inside a word': (before: string, after: string) => /\w$/.test(before) && /^\w/.test(after),
  'after a word': (before: string, after: string) => /\w$/.test(before) && !/^\w/.test(after),
  'after indentation': (before: string) => /(^|\n)[ \t]+$/.test(before),
  'after a blank in a line': (before: string) => /\S[ \t]+$/.test(before),
  'after punctuation': (before: string) => /[^\w\s]$/.test(before),
};

interface Place extends Excerpt {
  readonly kind: string;
  readonly file: File;
  readonly expected: string;
}

const files: File[] = [];
for await (const line of createInterface(createReadStream(positionals[0]))) files.push(JSON.parse(line) as File);

let state = Number(values.seed);
function below(n: number): number {
  state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
  return Math.floor((state / 2 ** 32) * n);
}

const wanted = Number(values.cursors);
const places: Place[] = [];
const left = new Map(Object.keys(KINDS).map((kind) => [kind, wanted]));
while ([...left.values()].some((count) => count > 0)) {
  const file = files[below(files.length)]!;
  const at = below(file.text.length);
  const lineEnd = file.text.indexOf('\n', at);
  const expected = file.text.slice(at, lineEnd < 0 ? undefined : lineEnd).trimEnd();
  const prefix = file.text.slice(0, at);
  const kind = Object.entries(KINDS).find(([, is]) => is(prefix, expected))?.[0];
  if (kind === undefined || expected === '' || expected.length > 100 || !left.get(kind)) continue;
  left.set(kind, left.get(kind)! - 1);
  const suffix = lineEnd < 0 ? '' : file.text.slice(lineEnd);
  places.push({ kind, file, expected, path: file.path, prefix, prefixStart: 0, suffix });
}

const checkpoint = await openCheckpoint(values.model);
const engine = new LocalEngine(root, checkpoint);
const { tokenizer } = checkpoint;
const room = checkpoint.config.model.contextLength - 100;

const WAYS: Readonly<Record<string, (place: Place) => Prompt>> = {
  'as it is': (place) => buildPrompt(tokenizer, place, room, () => ''),
  healed: (place) => buildPrompt(tokenizer, place, room, (prefix) => givenBack(tokenizer, prefix)),
};

const submodel = submodelOf(checkpoint.config, values.submodel);
const decision = {
  submodel,
  draft: { widths: submodel.draftWidths, maxTokens: 8 },
  ...{ delayMs: 0, maxTokens: 48, multiline: false, reason: '' },
};
const right = new Map<string, Map<string, number>>();
const promptTokens = new Map<string, number>();
for (const place of places) {
  for (const [way, build] of Object.entries(WAYS)) {
    const prompt = build(place);
    const trim = trimAt(cursorOf(place.prefix, place.suffix, false));
    const decoded = await decode(engine, tokenizer, prompt, decision, trim, new AbortController().signal, 0);
    if (decoded.fault !== undefined) throw new Error(decoded.fault);
    const text = decoded.pieces.map((piece) => piece.text).join('');
    const byKind = right.get(way) ?? new Map<string, number>();
    right.set(way, byKind);
    const isRight = Number(text.split('\n')[0]!.trimEnd() === place.expected);
    byKind.set(place.kind, (byKind.get(place.kind) ?? 0) + isRight);
    promptTokens.set(way, (promptTokens.get(way) ?? 0) + prompt.tokens.length / places.length);
  }
}

process.stdout.write(
  `| ${values.submodel}, ${wanted} cursors each | ${Object.keys(KINDS).join(' | ')} | all | prompt tokens |\n`,
);
process.stdout.write(`| --- |${' ---: |'.repeat(Object.keys(KINDS).length + 2)}\n`);
for (const [way, byKind] of right) {
  const counts = Object.keys(KINDS).map((kind) => byKind.get(kind) ?? 0);
  const all = counts.reduce((a, b) => a + b);
  const cells = [...counts.map((n) => ((100 * n) / wanted).toFixed(1)), ((100 * all) / places.length).toFixed(1)];
  process.stdout.write(`| ${way} | ${cells.join(' | ')} | ${promptTokens.get(way)!.toFixed(0)} |\n`);
}
engine.dispose();
