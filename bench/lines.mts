/**
 * `npx tsx bench/lines.mts HELDOUT.jsonl [--cursors N] [--submodels S,XL] [--memory off,on] [--new-files]`: the share of lines whose rest
 * is right, without and with the memory of the workspace, at the same cursors. Each package is a workspace: the memory holds all of its
 * files, the completed one without the rest of the line, and the prompt has a snippet of another file, as in the editor.
 *
 * The packages are those that nothing was fitted on. The cursors are uniform over the lines with something on them, then over the places
 * in a line. `--new-files` leaves out the files that name what the completed one declares, as if it was new. `--json` prints one
 * object per cursor.
 */
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { differenceOf } from '../src/cli/evaluation/effect';
import { packagesOf, readHeldout } from '../src/cli/heldout';
import { openMemories } from '../src/cli/memory';
import { switchesOf } from '../src/cli/workspaceFolder';
import { cursorOf } from '../src/completion/cursor';
import { decode } from '../src/completion/decode/decode';
import { trimAt } from '../src/completion/filters';
import { buildPrompt, ROOM_TO_WRITE } from '../src/completion/prompt/prompt';
import { requestIn } from '../src/completion/request';
import { LocalEngine } from '../src/engine/native';
import { openCheckpoint, SHIPPED } from '../src/matlm/checkpoint';
import { submodelOf } from '../src/matlm/submodel';
import { lastLineOf, Workspace } from '../src/replay/workspace';
import { drawCursors, KIND_NAMES } from './cursors.mjs';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    model: { type: 'string', default: join(root, SHIPPED) },
    submodels: { type: 'string', default: 'S,XL' },
    cursors: { type: 'string', default: '400' },
    seed: { type: 'string', default: '7' },
    memory: { type: 'string', default: 'off,on' },
    'new-files': { type: 'boolean', default: false },
    json: { type: 'boolean', default: false },
  },
});
if (!positionals[0]) throw new Error('lines.mts HELDOUT.jsonl [--cursors N] [--submodels NAMES] [--memory off,on]');

/** One completed cursor. */
interface Completed {
  readonly place: number;
  readonly submodel: string;
  readonly memory: string;
  readonly kind: string;
  readonly language: string;
  readonly package: string;
  readonly expected: string;
  readonly isRight: boolean;
}

const rows = await readHeldout(resolve(positionals[0]), 0, 'figures');
const packages = packagesOf(rows);
const cursors = drawCursors(rows, {
  seed: Number(values.seed),
  count: Number(values.cursors),
  isUniform: true,
  kinds: KIND_NAMES,
});
const submodels = values.submodels.split(',');
const switches = switchesOf(values.memory);
const checkpoint = await openCheckpoint(values.model);
const { native, memory: engineMemory } = openMemories(root, checkpoint, switches.includes('on'));
const engine = new LocalEngine(root, checkpoint, 0, native);

const never = new AbortController().signal;
const completed: Completed[] = [];
for (const [name, files] of packages) {
  const here = [...cursors.entries()].filter(([, { file }]) => file.package === name);
  if (here.length === 0) continue;
  for (const memory of switches) {
    const workspace = await Workspace.open(files, {
      memory: memory === 'on' ? engineMemory : undefined,
      isNewFile: values['new-files'],
    });
    for (const [place, { file, kind, prefix, suffix, expected }] of here) {
      const edited = await workspace.edit(file.path);
      await edited.remember(prefix + suffix);
      const request = requestIn(file.path, prefix, suffix);
      const known = { ...request, ...edited.knownAt(lastLineOf(prefix), request) };
      const prompt = buildPrompt(checkpoint, known, checkpoint.config.model.contextLength - ROOM_TO_WRITE);
      const trim = trimAt(cursorOf(known, false));
      for (const one of submodels) {
        const submodel = submodelOf(checkpoint.config, one);
        const decision = { submodel, speculation: { widths: [], maxTokens: 8 }, maxTokens: 48, multiline: false };
        const decoded = await decode(engine, checkpoint, prompt, decision, trim, never, {
          memory: known.memory,
        });
        if (decoded.fault !== undefined) throw new Error(decoded.fault);
        const [line = ''] = decoded.pieces
          .map(({ text }) => text)
          .join('')
          .split('\n', 1);
        const { language, package: of } = file;
        const isRight = line.trimEnd() === expected;
        completed.push({ place, submodel: one, memory, kind, language, package: of, expected, isRight });
      }
      await edited.close();
    }
    await workspace.close();
  }
}
engine.dispose();

const LONG = 15;
const GROUPS: readonly (readonly [name: string, has: (one: Completed) => boolean])[] = [
  ['all', () => true],
  ...KIND_NAMES.map((name) => [name, (one: Completed) => one.kind === name] as const),
  [`over ${LONG} characters`, ({ expected }) => expected.length > LONG],
  ...[...new Set(rows.map(({ language }) => language))]
    .sort()
    .map((language) => [language, (one: Completed) => one.language === language] as const),
  ...[...packages.keys()].map((name) => [name, (one: Completed) => one.package === name] as const),
];
const percent = (share: number) => (100 * share).toFixed(1);
if (values.json) {
  for (const one of completed) process.stdout.write(`${JSON.stringify(one)}\n`);
} else {
  const columns = submodels.flatMap((one) => [
    ...switches.map((memory) => `${one}, ${memory}`),
    `${one}, difference (se)`,
  ]);
  process.stdout.write(
    `| exact, % | cursors | ${columns.join(' | ')} |\n| --- | ---: |${' ---: |'.repeat(columns.length)}\n`,
  );
  for (const [name, has] of GROUPS) {
    const group = completed.filter(has);
    const places = [...new Set(group.map(({ place }) => place))];
    if (places.length === 0) continue;
    const cells = submodels.flatMap((submodel) => {
      const rightWith = (memory: string) =>
        new Map(
          group
            .filter((one) => one.submodel === submodel && one.memory === memory)
            .map(({ place, isRight }) => [place, Number(isRight)]),
        );
      const shares = switches.map((memory) => {
        const right = [...rightWith(memory).values()];
        return percent(right.reduce((a, b) => a + b, 0) / right.length);
      });
      const [off, on] = [rightWith('off'), rightWith('on')];
      const { mean, standardError } = differenceOf(places.map((place) => (on.get(place) ?? 0) - (off.get(place) ?? 0)));
      return [...shares, switches.length === 2 ? `${percent(mean)} (${percent(standardError)})` : '-'];
    });
    process.stdout.write(`| ${name} | ${places.length} | ${cells.join(' | ')} |\n`);
  }
}
