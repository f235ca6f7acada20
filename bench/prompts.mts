/**
 * `npx tsx bench/prompts.mts HELDOUT.jsonl [--cursors N] [--submodel XL] [--memory on|off] [--way NAME]…`: the value of each way to
 * make a prompt. Each way completes the rest of the line at the same cursors in held-out code, and is right if it equals the rest
 * in the file.
 *
 * N cursors stand at each kind of place, or, with `--uniform`, N in all as `python -m training.evaluate` draws them: uniform over the
 * lines with something on them, then over the places in a line. `--kind` leaves only cursors of some kinds.
 *
 * Each package is a workspace: its other files are in the memory. With `--memory off` matches are found in the prompt alone.
 */
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { decode } from '../src/completion/decode/decode';
import { type Snippet, SnippetIndex } from '../src/completion/prompt/snippets';
import { BUDGET, buildPrompt, type Prompt, type PromptBudget } from '../src/completion/prompt/prompt';
import { cursorOf } from '../src/completion/cursor';
import { trimAt } from '../src/completion/filters';
import { languageOf } from '../src/completion/syntax/languages';
import { differenceOf } from '../src/cli/evaluation/effect';
import { type HeldoutFile, readHeldout } from '../src/cli/heldout';
import { openMemories } from '../src/cli/memory';
import { LocalEngine } from '../src/engine/native';
import { openCheckpoint, SHIPPED } from '../src/matlm/checkpoint';
import type { MemoryPlace } from '../src/engine/memory';
import { submodelOf } from '../src/matlm/submodel';
import { type Cursor, drawCursors, KIND_NAMES } from './cursors.mjs';
import { type Definitions, PackageService } from './definitions';

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
    memory: { type: 'string', default: 'on' },
  },
});
if (!positionals[0]) throw new Error('prompts.mts HELDOUT.jsonl [--cursors N] [--uniform] [--submodel NAME]');

type Place = Cursor<HeldoutFile>;

const kinds = values.kind.length > 0 ? values.kind : KIND_NAMES;
const wanted = Number(values.cursors);
const files = await readHeldout(positionals[0], 1, 'figures');
const places = drawCursors(files, { seed: Number(values.seed), count: wanted, isUniform: values.uniform, kinds });

const checkpoint = await openCheckpoint(values.model);
if (values.memory !== 'on' && values.memory !== 'off') throw new Error(`--memory ${values.memory}: expected on or off`);
const isOn = values.memory === 'on';
const { native, memory } = openMemories(root, checkpoint, isOn);
const engine = new LocalEngine(root, checkpoint, 0, native);
const { tokenizer } = checkpoint;
const room = checkpoint.config.model.contextLength - 100;

const others = (file: HeldoutFile) => files.filter((other) => other.package === file.package && other !== file);

/** As if the eight files nearest to this one were open: those of its folder first. */
function neighbours(file: HeldoutFile): HeldoutFile[] {
  const folder = dirname(file.path);
  const isNear = ({ path }: HeldoutFile) => Number(dirname(path) === folder);
  return others(file)
    .sort((a, b) => isNear(b) - isNear(a))
    .slice(0, 8);
}

function indexOf(quoted: readonly HeldoutFile[]): SnippetIndex {
  const index = new SnippetIndex(quoted.length);
  for (const { path, text } of quoted) index.set(path, path, text);
  return index;
}

/** Of whole packages, by name. */
const indexes = new Map<string, SnippetIndex>();

function workspaceIndex({ package: name }: HeldoutFile): SnippetIndex {
  const index = indexes.get(name) ?? indexOf(files.filter((file) => file.package === name));
  indexes.set(name, index);
  return index;
}

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

const find = (index: SnippetIndex, { file, prefix }: Place, count = 1) =>
  index.find(file.path, prefix, count, () => 0, Infinity);

/** Lines of another file around the place before which it is the same as before the cursor for the most characters. */
function aroundLongestMatch({ file, prefix }: Place): Snippet[] {
  let length = 0;
  let found: Snippet[] = [];
  for (const { path, text } of others(file)) {
    let at = -1;
    while (length < Math.min(prefix.length, 500)) {
      const match = text.indexOf(prefix.slice(-length - 1));
      if (match < 0) break;
      length++;
      at = match + length;
    }
    if (at < 0) continue;
    const line = text.slice(0, at).split('\n').length - 1;
    const lines = text.split('\n').slice(Math.max(0, line - 8), line + 8);
    found = [{ path, text: lines.filter((text) => text.length <= 200).join('\n') }];
  }
  return found;
}

const withBudget = (place: Place, change: Partial<PromptBudget>) =>
  buildPrompt(tokenizer, place, room, undefined, { ...BUDGET, ...change });
const plain = { importChars: 0 };

const nearSnippets = (place: Place, count: number) => find(indexOf(neighbours(place.file)), place, count);

/** As the editor asks, except for the budget. */
const asked = (place: Place, change: Partial<PromptBudget>, snippets = 1) =>
  withBudget({ ...place, snippets: nearSnippets(place, snippets) }, change);

/** Packages in TypeScript's language service, by name. */
const services = new Map<string, PackageService>();

/** A text of the cursor's definitions before the snippet, if there is one, and the snippet as the editor takes it. */
function withDefinitions(place: Place, of: keyof Definitions, snippets = nearSnippets(place, 1)): Prompt {
  const { package: name, path } = place.file;
  const service = services.get(name) ?? new PackageService(files.filter((file) => file.package === name));
  services.set(name, service);
  const { [of]: text } = service.at(path, place.prefix, place.suffix);
  const quoted = snippets.filter((snippet) => snippet.text.length <= BUDGET.snippetChars);
  const definitions = text === '' ? [] : [{ path, text }];
  return withBudget(
    { ...place, snippets: [...definitions, ...quoted] },
    { snippetChars: BUDGET.snippetChars + text.length },
  );
}

/** The editor's way, with which the others are compared. */
const EDITOR = 'one snippet, imports kept';

const WAYS: Readonly<Record<string, (place: Place) => Prompt>> = {
  'nothing given back': (place) => buildPrompt(tokenizer, place, room, () => '', { ...BUDGET, ...plain }),
  healed: (place) => withBudget(place, plain),
  'imports kept': (place) => withBudget(place, {}),
  'one snippet': (place) => asked(place, plain),
  'two snippets': (place) => asked(place, { ...plain, snippetChars: 1600 }, 2),
  [EDITOR]: (place) => asked(place, {}),
  'one snippet of the whole workspace': (place) =>
    withBudget({ ...place, snippets: find(workspaceIndex(place.file), place) }, {}),
  'snippet around the longest match': (place) => withBudget({ ...place, snippets: aroundLongestMatch(place) }, {}),
  both: (place) =>
    withBudget(
      { ...place, snippets: [...aroundLongestMatch(place), ...find(workspaceIndex(place.file), place)] },
      { snippetChars: 1800 },
    ),
  'definitions, no snippet': (place) => withDefinitions(place, 'declarations', []),
  'definitions and one snippet': (place) => withDefinitions(place, 'declarations'),
  'signatures and one snippet': (place) => withDefinitions(place, 'signatures'),
  'members and one snippet': (place) => withDefinitions(place, 'members'),
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
/** Whether each cursor's line was right, by way. */
const right = new Map<string, boolean[]>();
const promptTokens = new Map<string, number>();
places.sort((a, b) => a.file.package.localeCompare(b.file.package));
for (const place of places) {
  await remember(place.file);
  for (const [way, build] of Object.entries(WAYS)) {
    if (values.way.length > 0 && !values.way.includes(way)) continue;
    const prompt = build(place);
    const trim = trimAt(cursorOf({ ...place, languageId: languageOf(place.path) }, false));
    const options = { memory: memoryPlace(place) };
    const decoded = await decode(engine, tokenizer, prompt, decision, trim, new AbortController().signal, options);
    if (decoded.fault !== undefined) throw new Error(decoded.fault);
    const text = decoded.pieces.map((piece) => piece.text).join('');
    right.set(way, [...(right.get(way) ?? []), text.split('\n')[0]!.trimEnd() === place.expected]);
    promptTokens.set(way, (promptTokens.get(way) ?? 0) + prompt.tokens.length / places.length);
  }
}

/** In percentage points, with its standard error: how much more often a way is right than the editor's at the same cursors. */
function gain(of: readonly boolean[], than: readonly boolean[] | undefined): string {
  if (!than || of === than) return '';
  const { mean, standardError } = differenceOf(of.map((isRight, i) => 100 * (Number(isRight) - Number(than[i]))));
  return `${mean.toFixed(1)} (${standardError.toFixed(1)})`;
}

const drawn = kinds.map((kind) => places.filter((place) => place.kind === kind).length);
const heads = kinds.map((kind, i) => (values.uniform ? `${kind} (${drawn[i]})` : kind));
const title = `${values.submodel}, ${wanted} cursors${values.uniform ? '' : ' each'}`;
process.stdout.write(`| ${title} | ${heads.join(' | ')} | all | gain (se) | prompt tokens |\n`);
process.stdout.write(`| --- |${' ---: |'.repeat(heads.length + 3)}\n`);
for (const [way, lines] of right) {
  const counts = kinds.map((kind) => lines.filter((isRight, i) => isRight && places[i]!.kind === kind).length);
  const all = counts.reduce((a, b) => a + b);
  const percent = (n: number, of: number) => (of === 0 ? '-' : ((100 * n) / of).toFixed(1));
  const cells = [...counts.map((n, i) => percent(n, drawn[i]!)), percent(all, places.length)];
  const tokens = promptTokens.get(way)!.toFixed(0);
  process.stdout.write(`| ${way} | ${cells.join(' | ')} | ${gain(lines, right.get(EDITOR))} | ${tokens} |\n`);
}
engine.dispose();
