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
import { BUDGET, buildPrompt, type Prompt, type PromptBudget } from '../src/completion/prompt/prompt';
import { cursorOf } from '../src/completion/cursor';
import { trimAt } from '../src/completion/filters';
import { languageOf } from '../src/completion/syntax/languages';
import { LocalEngine } from '../src/engine/native';
import { openCheckpoint, SHIPPED } from '../src/matlm/checkpoint';
import { submodelOf } from '../src/matlm/submodel';
import { type Cursor, drawCursors, KIND_NAMES } from './cursors.mjs';

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
type Place = Cursor<File>;

const kinds = values.kind.length > 0 ? values.kind : KIND_NAMES;
const wanted = Number(values.cursors);
const files: File[] = [];
for await (const line of createInterface(createReadStream(positionals[0]))) files.push(JSON.parse(line) as File);
const places = drawCursors(files, { seed: Number(values.seed), count: wanted, isUniform: values.uniform, kinds });

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
