import assert from 'node:assert/strict';
import { join } from 'node:path';
import { Grammars } from '../../../src/completion/syntax/grammars';
import { SyntaxByGrammar } from '../../../src/completion/syntax/shape';
import { SIZES } from '../../../src/matlm/config';
import { replay, type ReplayParts, type ReplayRun } from '../../../src/replay/replay';
import type { VirtualClock } from '../../../src/replay/clock';
import { comparisons, summarise, type Summary } from '../../../src/replay/report';
import { type Scenario, SCENARIOS } from '../../../src/replay/scenario';
import { replayTable } from '../../../src/replay/tables';
import { taskOf } from '../../../src/replay/tasks';
import { keysByHand, type Task } from '../../../src/replay/typist';
import { ROOT, small } from '../model';
import type { GenerateRequest } from '../../../src/engine/engine';
import { KeptTexts } from './keptTexts';
import { OracleEngine } from './oracle';

const FILE = `export function area(shape: Shape): number {
  if (shape.kind === 'circle') {
    return Math.PI * shape.radius * shape.radius;
  }
  return shape.width * shape.height;
}

export function perimeter(shape: Shape): number {
  return 2 * (shape.width + shape.height);
}
`;
const QUIET = SCENARIOS[0]!;

describe('a replay', () => {
  const grammars = new Grammars(join(ROOT, 'dist', 'grammars'));

  before(() => grammars.load('typescript'));
  after(() => {
    grammars.dispose();
  });

  const task: Task = { path: 'a.ts', before: '', stretch: FILE.trimEnd(), after: '\n' };

  async function run(
    policy: string,
    {
      scenario = QUIET,
      seed = 1,
      corrupt,
      msPerToken,
      typed = task,
      ...more
    }: {
      scenario?: Scenario;
      seed?: number;
      corrupt?: (line: string) => string;
      msPerToken?: number;
      typed?: Task;
    } & Partial<Pick<ReplayParts, 'memory' | 'onOpen' | 'engine' | 'second'>> = {},
  ): Promise<ReplayRun> {
    // Without calibration, scores are the product of the oracle's probabilities.
    const checkpoint = { ...(await small()), calibration: undefined };
    const cost = { prefillMsPerToken: 0.01, decodeMsPerToken: 1 };
    const costs = Object.fromEntries(SIZES.map((size) => [size, cost]));
    return replay(
      {
        checkpoint,
        costs,
        syntax: new SyntaxByGrammar(grammars),
        engine: (clock) => new OracleEngine(clock, checkpoint, FILE, msPerToken, corrupt),
        ...more,
      },
      [typed],
      policy,
      scenario,
      seed,
    );
  }

  it('types the file, whatever was suggested', async () => {
    const corrupted = (line: string) => line.replaceAll('e', 'x');
    for (const corrupt of [undefined, corrupted, () => 'nonsense();', () => '']) {
      const { files } = await run('XL', corrupt ? { corrupt } : {});
      assert.equal(files[0]!.text, task.stretch);
    }
  });

  it('saves most keys, but not more than all, if every suggestion is right', async () => {
    const summary = summarise(await run('XL'));
    assert.equal(summary.keysByHand, keysByHand(task.stretch));
    assert.ok(summary.savedShare > 0.3 && summary.savedShare < 1, String(summary.savedShare));
    assert.ok(summary.accepted > 3 && summary.accepted <= summary.shown);
  });

  it('saves nothing and accepts nothing if every suggestion is wrong', async () => {
    const summary = summarise(await run('XL', { corrupt: () => 'nonsense();' }));
    assert.deepEqual([summary.keysSaved, summary.accepted], [0, 0]);
    assert.ok(summary.shown > 0);
    assert.ok(summary.wastedTokens > 0);
  });

  it('is the same with the same seed, and different with another', async () => {
    const figures = (r: ReplayRun) => {
      // The processor time is the only figure that the seed does not settle.
      return { ...summarise(r), cpuSeconds: undefined };
    };
    const [a, b, c] = [await run('auto'), await run('auto'), await run('auto', { seed: 2 })];
    assert.deepEqual(figures(a), figures(b));
    assert.notDeepEqual(figures(a), figures(c));
  });

  it('shows text later and saves fewer keys with a slower engine', async () => {
    const [quick, slow] = [summarise(await run('XL')), summarise(await run('XL', { msPerToken: 60 }))];
    assert.ok(quick.p50Ms! >= 50, 'the editor waits that long before it asks');
    assert.ok(slow.p50Ms! > quick.p50Ms! + 60, `${String(quick.p50Ms)} and ${String(slow.p50Ms)}`);
    assert.ok(slow.keysSaved < quick.keysSaved);
  });

  it('does not count the indentation that the editor inserts', () => {
    assert.equal(keysByHand('if (a) {\n    b();\n}'), 'if (a) {\nb();\n}'.length);
  });

  it('types the file correctly despite mistakes, with more keys', async () => {
    const mistakes = SCENARIOS.find(({ name }) => name === 'mistakes')!;
    const { files } = await run('XL', { scenario: { ...mistakes, mistakes: 0.2 }, corrupt: () => '' });
    const [file] = files;
    assert.equal(file!.text, task.stretch);
    assert.equal(file!.keys, file!.keysByHand, 'nothing was suggested');
    assert.ok(file!.keysByHand > keysByHand(task.stretch) + 10);
    const helped = await run('XL', { scenario: { ...mistakes, mistakes: 0.2 } });
    assert.equal(helped.files[0]!.text, task.stretch);
    assert.ok(helped.files[0]!.keys < file!.keys);
  });

  it('counts the pauses, those with text, and its latency', async () => {
    const [quick, slow] = [summarise(await run('XL')), summarise(await run('XL', { msPerToken: 60 }))];
    assert.ok(quick.pauses > 5 && quick.pausesWithTextShare > 0.5, JSON.stringify(quick));
    assert.ok(quick.pauseP95Ms! >= 50 && quick.pauseP95Ms! < 150, String(quick.pauseP95Ms));
    assert.ok(slow.pauseP50Ms! > quick.pauseP50Ms! + 60);
    const none = summarise(await run('XL', { corrupt: () => '' }));
    assert.deepEqual([none.pausesWithTextShare, none.pauseP50Ms], [0, undefined]);
  });

  it('counts the share of the time in which the engine worked', async () => {
    const summary = summarise(await run('XL', { msPerToken: 5, corrupt: () => 'nonsense();' }));
    assert.ok(summary.engineShare > 0.005 && summary.engineShare < 0.3, String(summary.engineShare));
    assert.ok(summary.mostEngineShare >= summary.engineShare && summary.mostEngineShare < 0.5);
  });

  it('fills the memory with each line once it is typed, and empties it in the end', async () => {
    const other = { path: 'b.ts', text: 'export interface Shape {}\n' };
    const typed = { ...task, workspace: [{ path: task.path, text: FILE }, other] };
    const memory = new KeptTexts();
    const states: (string | undefined)[] = [];
    const { memory: used, files } = await run('XL', {
      typed,
      memory,
      onOpen: (workspace) => states.push(workspace?.state),
    });
    assert.equal(used, 'on');
    assert.equal(files[0]!.text, task.stretch);
    const lines = task.stretch.split('\n');
    // The last line is not finished before the stretch ends.
    const heads = lines.map((_, i) =>
      lines
        .slice(0, i)
        .map((line) => `${line}\n`)
        .join(''),
    );
    assert.equal(memory.edits[0], '\n');
    for (const text of memory.edits) {
      const head = heads.findLast((one) => text.startsWith(one))!;
      assert.match(text.slice(head.length), /^[\s)}\]]*$/, 'the line that is being typed');
    }
    assert.ok(memory.edits.some((text) => text.startsWith(heads.at(-1)!)));
    assert.equal(memory.texts.size, 0);
    assert.equal(states.length, 1);
    assert.ok(states[0]);
  });

  it('asks with the document in the memory, whose line at the cursor is hidden', async () => {
    const typed = { ...task, workspace: [{ path: task.path, text: FILE }] };
    const places: GenerateRequest['memory'][] = [];
    const checkpoint = await small();
    await run('XL', {
      typed,
      memory: new KeptTexts(),
      engine: (clock) => {
        const oracle = new OracleEngine(clock, checkpoint, FILE);
        return {
          generate(request, signal, listener) {
            if (request.maxTokens > 0) places.push(request.memory);
            oracle.generate(request, signal, listener);
          },
        };
      },
    });
    const hidden = places.map((place) => place?.hiddenLines?.[0] ?? -1);
    assert.ok(places.every((place) => place?.document === 0));
    assert.deepEqual([Math.min(...hidden), Math.max(...hidden)], [0, FILE.trimEnd().split('\n').length - 1]);
  });

  it('compares the memory with none', async () => {
    const auto = summarise(await run('auto'));
    const files = Array.from({ length: 20 }, (_, i) => ({ byHand: 100, saved: 20 + (i % 5) }));
    const row = (memory: 'on' | 'off', times: number) => ({
      ...auto,
      memory,
      files: files.map(({ byHand, saved }) => ({ byHand, saved: times * saved })),
      keysSaved: times * 440,
    });
    const found = comparisons([row('off', 1), row('on', 1.5)]);
    assert.deepEqual(
      found.map(({ name, value, isSignificant }) => [name, value, isSignificant]),
      [['quiet, auto: keys with the memory as a share of those without', 1.5, true]],
    );
  });

  it('tells significant differences from others', async () => {
    const auto = summarise(await run('auto'));
    const files = Array.from({ length: 20 }, (_, i) => ({ byHand: 100, saved: 20 + (i % 5) }));
    const row = (scenario: string, policy: string, more: number) => ({
      ...auto,
      scenario,
      policy,
      files: files.map(({ byHand, saved }, i) => ({ byHand, saved: saved + (more < 0 ? -(i % 2) : i % 2 ? more : 0) })),
    });
    const found = comparisons([
      row('quiet', 'auto', 0),
      row('quiet', 'S', -1),
      row('quiet', 'XL', 0),
      row('slow', 'auto', 0),
    ]);
    assert.deepEqual(
      found.map(({ name, isSignificant }) => [name, isSignificant]),
      [
        ['quiet: keys of auto less those of S', true],
        ['quiet: keys of auto less those of XL', false],
        ['auto: keys in slow as a share of those in quiet', false],
      ],
    );
  });

  describe('with two models', () => {
    /** The first model has nothing to show, and the second is always right. */
    async function rowOf(policy: string, isElastic = false): Promise<Summary> {
      const checkpoint = { ...(await small()), calibration: undefined };
      const { S = [], XL = [] } = checkpoint.config.granularities;
      const granularities = isElastic ? { S, XL } : { XL };
      const other = { ...checkpoint, config: { ...checkpoint.config, granularities, frontier: [] } };
      const second = {
        checkpoint: other,
        costs: {
          XL: { prefillMsPerToken: 0.01, decodeMsPerToken: 2 },
          ...(isElastic && { S: { prefillMsPerToken: 0.005, decodeMsPerToken: 1 } }),
        },
        engine: (clock: VirtualClock) => new OracleEngine(clock, other, FILE),
        standing: { name: 'Other' } as const,
      };
      return summarise(await run(policy, { corrupt: () => '', second }));
    }

    it('saves by both what each alone saves, and tells them apart', async () => {
      const [both, first, second] = [await rowOf('auto'), await rowOf('first'), await rowOf('second')];
      assert.equal(first.keysSaved, 0);
      assert.deepEqual(Object.keys(first.acceptedBySubmodel), []);
      assert.ok(second.keysSaved > both.keysSaved && both.keysSaved > 0, `${both.keysSaved} of ${second.keysSaved}`);
      assert.deepEqual(Object.keys(both.acceptedBySubmodel), ['Other']);
      assert.deepEqual(Object.keys(second.acceptedBySubmodel), ['XL'], 'alone it is the main model');
      const { Other = 0, ...ours } = both.decodesBySubmodel;
      const others = Object.values(ours).reduce((sum, count) => sum + count, 0);
      assert.ok(Other > 0 && Other < others, 'the second one is asked in pauses only');
    });

    it('types with the second one if its name is fixed', async () => {
      const row = await rowOf('Other');
      assert.deepEqual(Object.keys(row.decodesBySubmodel), ['Other']);
    });

    it('types with a smaller size of the second one if that is fixed', async () => {
      const row = await rowOf('Other S', true);
      assert.deepEqual(Object.keys(row.decodesBySubmodel), ['Other S']);
    });

    it('tells what the smaller sizes of the second one add to its XL', async () => {
      const sizesOf = async (policy: string) =>
        Object.keys((await rowOf(policy, true)).decodesBySubmodel).filter((name) => name.startsWith('Other'));
      assert.ok((await sizesOf('auto')).includes('Other S'));
      assert.deepEqual(await sizesOf('auto-xl'), ['Other']);
    });
  });

  it('prints the rows, then the comparisons', async () => {
    const rows = [summarise(await run('auto'), 12.34), summarise(await run('XL'))];
    const [head, ...body] = replayTable(rows, true).split('\n');
    assert.match(head!, /^scenario +policy +keys saved +95%/);
    assert.match(body[0]!, /^quiet +auto +\d+ +\d+ to \d+ +\d+\.\d% /);
    const column = (row: string) => row.trim().split(/ {2,}/).at(-1);
    assert.deepEqual([head!, ...body.slice(0, 2)].map(column), ['joules', '12.3', 'unknown']);
    assert.match(body.join('\n'), /\n\n.*\nquiet: keys of auto less those of XL .* not significant$/);
    assert.doesNotMatch(replayTable(rows, false), /joules/);
  });
});

describe('the task of a file', () => {
  const text = Array.from({ length: 60 }, (_, i) => `  line(${i});`).join('\n');

  it('has whole lines, and the rest is in the document already', () => {
    for (let seed = 0; seed < 20; seed++) {
      const { before, stretch, after } = taskOf('a.ts', text, 300, seed)!;
      assert.equal(before + stretch + after, `${text}\n`);
      assert.ok(stretch.startsWith('  line(') && stretch.endsWith(');') && stretch.length >= 280, stretch);
    }
  });

  it('has all of a short file', () => {
    const { before, stretch } = taskOf('a.ts', text, 10_000, 1)!;
    assert.deepEqual([before, stretch], ['', text]);
  });
});
