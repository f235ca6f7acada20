/**
 * `npx tsx bench/prompts.mts HELDOUT.jsonl [--cursors N] [--submodel XL] [--way NAME]…`: the value of each way to make a prompt. Each
 * way completes the rest of the line at the same cursors in held-out code, and is right if it equals the rest in the file.
 *
 * N cursors stand at each kind of place, or, with `--uniform`, N in all as `python -m training.evaluate` draws them: uniform over the
 * lines with something on them, then over the places in a line. `--kind` leaves only cursors of some kinds.
 */
import { createReadStream } from 'node:fs';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { decode } from '../src/completion/decode/decode';
import { SnippetIndex } from '../src/completion/prompt/snippets';
import { BUDGET, buildPrompt, type Excerpt, type Prompt, type PromptBudget } from '../src/completion/prompt/prompt';
import { cursorOf } from '../src/completion/cursor';
import { trimAt } from '../src/completion/filters';
import { languageOf } from '../src/completion/syntax/languages';
import { LocalEngine } from '../src/engine/native';
import { openCheckpoint, SHIPPED } from '../src/matlm/checkpoint';
import { submodelOf } from '../src/matlm/submodel';

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
  },
});
if (!positionals[0]) throw new Error('prompts.mts HELDOUT.jsonl [--cursors N] [--uniform] [--submodel NAME]');

interface File {
  readonly package: string;
  readonly path: string;
  readonly text: string;
}

/** The text left of the cursor, and whether a word continues right of it. */
const KINDS: Readonly<Record<string, (before: string, after: string) => boolean>> = {
  'inside a word': (before, after) => /\w$/.test(before) && /^\w/.test(after),
  'after a word': (before, after) => /\w$/.test(before) && !/^\w/.test(after),
  'at the start of a line': (before) => /(^|\n)$/.test(before),
  'after indentation': (before) => /(^|\n)[ \t]+$/.test(before),
  'after a blank in a line': (before) => /\S[ \t]+$/.test(before),
  'after punctuation': (before) => /[^\w\s]$/.test(before),
};
const kinds = values.kind.length > 0 ? values.kind : Object.keys(KINDS);
for (const kind of kinds)
  if (!KINDS[kind]) throw new Error(`no kind ${kind}; there are ${Object.keys(KINDS).join(', ')}`);

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

/** The cursor at a character of a file; undefined if it is of no kind, or the rest of its line is blank. */
function placeAt(file: File, at: number): Place | undefined {
  const lineEnd = file.text.indexOf('\n', at);
  const expected = file.text.slice(at, lineEnd < 0 ? undefined : lineEnd).trimEnd();
  const prefix = file.text.slice(0, at);
  const kind = kinds.find((name) => KINDS[name]!(prefix, expected));
  if (kind === undefined || expected === '') return undefined;
  const suffix = lineEnd < 0 ? '' : file.text.slice(lineEnd);
  return { kind, file, expected, path: file.path, prefix, prefixStart: 0, suffix };
}

if (values.uniform) {
  const lines = files.flatMap((file) => {
    const rows: { file: File; start: number; end: number }[] = [];
    for (const { 0: row, index } of file.text.matchAll(/^[ \t]*(\S.*)$/gm)) {
      rows.push({ file, start: index + row.search(/\S/), end: index + row.trimEnd().length });
    }
    return rows;
  });
  while (places.length < wanted) {
    const { file, start, end } = lines[below(lines.length)]!;
    const place = placeAt(file, start + below(end - start));
    if (place) places.push(place);
  }
} else {
  const left = new Map(kinds.map((kind) => [kind, wanted]));
  while ([...left.values()].some((count) => count > 0)) {
    const file = files[below(files.length)]!;
    const place = placeAt(file, below(file.text.length));
    if (!place || place.expected.length > 100 || !left.get(place.kind)) continue;
    left.set(place.kind, left.get(place.kind)! - 1);
    places.push(place);
  }
}

const checkpoint = await openCheckpoint(values.model);
const engine = new LocalEngine(root, checkpoint);
const { tokenizer } = checkpoint;
const room = checkpoint.config.model.contextLength - 100;

/** As if the eight files nearest to this one were open: those of its folder first. */
function neighbours(file: File): File[] {
  const folder = dirname(file.path);
  const others = files.filter((other) => other.package === file.package && other !== file);
  return others.sort((a, b) => Number(dirname(b.path) === folder) - Number(dirname(a.path) === folder)).slice(0, 8);
}

function snippetsFor(place: Place, count: number) {
  const index = new SnippetIndex(8);
  for (const { path, text } of neighbours(place.file)) index.set(path, path, text);
  return index.find(place.file.path, place.prefix, count, () => performance.now(), Infinity);
}

const withBudget = (place: Place, change: Partial<PromptBudget>) =>
  buildPrompt(tokenizer, place, room, undefined, { ...BUDGET, ...change });
const plain = { importChars: 0 };

/** As the editor asks, except for the budget. */
const asked = (place: Place, change: Partial<PromptBudget>, snippets = 1) =>
  withBudget({ ...place, snippets: snippetsFor(place, snippets) }, change);

const WAYS: Readonly<Record<string, (place: Place) => Prompt>> = {
  'nothing given back': (place) => buildPrompt(tokenizer, place, room, () => '', { ...BUDGET, ...plain }),
  healed: (place) => withBudget(place, plain),
  'imports kept': (place) => withBudget(place, {}),
  'one snippet': (place) => asked(place, plain),
  'two snippets': (place) => asked(place, { ...plain, snippetChars: 1600 }, 2),
  'one snippet, imports kept': (place) => asked(place, {}),
  'prefix of 600 to 1,100': (place) => asked(place, { prefixChars: 600, prefixStepChars: 500 }),
  'prefix of 2,400 to 4,400': (place) => asked(place, { prefixChars: 2400, prefixStepChars: 2000 }),
  'suffix of 200': (place) => asked(place, { suffixChars: 200 }),
  'suffix of 1,000': (place) => asked(place, { suffixChars: 1000 }),
  'snippet of 1,800': (place) => asked(place, { snippetChars: 1800 }, 2),
};

const submodel = submodelOf(checkpoint.config, values.submodel);
const decision = {
  submodel,
  speculation: { widths: submodel.draftWidths, maxTokens: 8 },
  maxTokens: 48,
  multiline: false,
};
const right = new Map<string, Map<string, number>>();
const promptTokens = new Map<string, number>();
for (const place of places) {
  for (const [way, build] of Object.entries(WAYS)) {
    if (values.way.length > 0 && !values.way.includes(way)) continue;
    const prompt = build(place);
    const trim = trimAt(cursorOf({ ...place, languageId: languageOf(place.path) }, false));
    const decoded = await decode(engine, tokenizer, prompt, decision, trim, new AbortController().signal);
    if (decoded.fault !== undefined) throw new Error(decoded.fault);
    const text = decoded.pieces.map((piece) => piece.text).join('');
    const byKind = right.get(way) ?? new Map<string, number>();
    right.set(way, byKind);
    const isRight = Number(text.split('\n')[0]!.trimEnd() === place.expected);
    byKind.set(place.kind, (byKind.get(place.kind) ?? 0) + isRight);
    promptTokens.set(way, (promptTokens.get(way) ?? 0) + prompt.tokens.length / places.length);
  }
}

const drawn = kinds.map((kind) => places.filter((place) => place.kind === kind).length);
const heads = kinds.map((kind, i) => (values.uniform ? `${kind} (${drawn[i]})` : kind));
const title = `${values.submodel}, ${wanted} cursors${values.uniform ? '' : ' each'}`;
process.stdout.write(`| ${title} | ${heads.join(' | ')} | all | prompt tokens |\n`);
process.stdout.write(`| --- |${' ---: |'.repeat(heads.length + 2)}\n`);
for (const [way, byKind] of right) {
  const counts = kinds.map((kind) => byKind.get(kind) ?? 0);
  const all = counts.reduce((a, b) => a + b);
  const percent = (n: number, of: number) => (of === 0 ? '-' : ((100 * n) / of).toFixed(1));
  const cells = [...counts.map((n, i) => percent(n, drawn[i]!)), percent(all, places.length)];
  process.stdout.write(`| ${way} | ${cells.join(' | ')} | ${promptTokens.get(way)!.toFixed(0)} |\n`);
}
engine.dispose();
