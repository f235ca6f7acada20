import assert from 'node:assert/strict';
import { english, phrase } from '../../../src/localisation/phrase';
import type { Outcome } from '../../../src/completion/outcome';
import { requestIn } from '../../../src/completion/request';
import { blockEndByIndentation } from '../../../src/completion/syntax/indentation';
import { Pipeline } from '../../../src/completion/pipeline';
import type { Engine } from '../../../src/engine/engine';
import { CostModel } from '../../../src/governor/costs';
import { History } from '../../../src/governor/history';
import { cursorContextAt } from '../../../src/governor/place';
import { type Machine, UNKNOWN_MACHINE } from '../../../src/governor/machine';
import { AUTO } from '../../../src/governor/settings';
import { TYPING_GAP_MS, TypingRhythm } from '../../../src/governor/typing';
import { CHARACTERS_PER_SECOND, LOSS_BY_BITS } from '../../../src/governor/value';
import type { Checkpoint } from '../../../src/matlm/checkpoint';
import type { Cost } from '../../../src/matlm/submodel';
import { VirtualClock } from '../../../src/replay/clock';
import { OracleEngine } from '../replay/oracle';
import { exampleConfig, small } from '../model';

const FILE = 'const value = compute(first, second);\nconst other = compute(third, fourth);\n';

describe('the pace of requests', () => {
  let checkpoint: Checkpoint;
  let clock: VirtualClock;
  let history: History;
  let rhythm: TypingRhythm;
  let machine: Machine;
  let asked: number;
  let parsed: number;
  let startMs: number;
  let rested: string[];

  before(async () => {
    // Without calibration, scores are the product of the oracle's probabilities.
    checkpoint = { ...(await small()), config: exampleConfig(), calibration: undefined };
  });

  beforeEach(() => {
    clock = new VirtualClock();
    history = new History();
    rhythm = new TypingRhythm();
    machine = { ...UNKNOWN_MACHINE, powerSource: 'mains' };
    [asked, parsed] = [0, 0];
    rested = [];
  });

  function pipelineWith(costs: Readonly<Record<string, Cost>>): Pipeline {
    // Its times are the costs.
    const truth = new CostModel(checkpoint.config, costs);
    const engine: Engine = {
      generate: (request, ...rest) => {
        asked++;
        const submodel = { name: '', widths: request.widths, draftWidths: [] };
        new OracleEngine(clock, checkpoint, FILE, truth.predictMs(submodel, 0, 1)).generate(request, ...rest);
      },
    };
    const { now, wait } = clock;
    const model = new CostModel(checkpoint.config, costs);
    return new Pipeline({
      engine,
      checkpoint,
      costs: model,
      rhythm,
      history,
      settings: () => AUTO,
      syntax: {
        shapeAt: (_languageId, { prefix }) => {
          parsed++;
          return Promise.resolve({ block: false, reason: '', blockEnd: blockEndByIndentation(prefix) });
        },
      },
      eagerness: () => 'eager',
      onFault: (reason) => assert.fail(reason),
      machine: () => machine,
      now,
      wait,
      onRested: ({ prefix }) => rested.push(prefix),
    });
  }

  const COST: Cost = { prefillMsPerToken: 0, decodeMsPerToken: 1 };
  const FLAT: Readonly<Record<string, Cost>> = { S: COST, XL: COST };

  function ask(pipeline: Pipeline, prefix: string, signal: AbortSignal, explicit = false): Promise<Outcome> {
    return pipeline.complete(requestIn('a.ts', prefix, '\n', explicit), signal);
  }

  /** The expected gain is slightly above the price, so a request pays in a pause and not while typing. */
  function typeWhereLittleIsRight(): void {
    for (let i = 0; i < 4000; i++) {
      history.answered(cursorContextAt('deep in a word'), 10);
      if (i % 10 === 0) history.agreed(cursorContextAt('deep in a word'), 0.13 * CHARACTERS_PER_SECOND, 1);
    }
    for (const timeMs of [0, 100, 200, 300]) rhythm.key(clock.now() + timeMs, 'deep in a word');
  }

  /** A pipeline whose engine has used more than three quarters of its allowance, and less than nine tenths. */
  async function pipelineThatWorkedMuch(): Promise<Pipeline> {
    const pipeline = pipelineWith(FLAT);
    machine = { ...machine, cpuBusyByOthersShare: 0.9 };
    for (let i = 0; pipeline.engineShare < 0.0375; i++) {
      let isAnswered = false;
      void ask(pipeline, `${'x'.repeat(i)}const `, new AbortController().signal, true).then(() => (isAnswered = true));
      await clock.run(() => isAnswered);
    }
    asked = 0;
    assert.ok(pipeline.engineShare < 0.044, String(pipeline.engineShare));
    startMs = clock.now();
    typeWhereLittleIsRight();
    return pipeline;
  }

  async function at(timeMs: number): Promise<void> {
    let isTime = false;
    clock.at(timeMs, () => (isTime = true));
    await clock.run(() => isTime);
  }

  it('needs no decode if the next key comes during the delay', async () => {
    const pipeline = await pipelineThatWorkedMuch();
    const request = new AbortController();
    await at(startMs + 350);
    const outcome = ask(pipeline, 'const value', request.signal);
    await at(startMs + 370);
    request.abort();
    assert.deepEqual(await outcome, {
      kind: 'superseded',
      reason: phrase('cancelled during the delay before its decode'),
    });
    assert.equal(asked, 0);
  });

  it('decodes after the delay if no key comes, and reports the delay', async () => {
    const pipeline = await pipelineThatWorkedMuch();
    await at(startMs + 350);
    let outcome: Outcome | undefined;
    void ask(pipeline, 'const value', new AbortController().signal).then((o) => (outcome = o));
    await at(startMs + 370);
    assert.equal(asked, 0);
    await clock.run(() => outcome !== undefined);
    assert.ok(outcome && 'work' in outcome, JSON.stringify(outcome));
    assert.match(english(outcome.work.reason), /after \d\d ms without a key$/);
    assert.ok(outcome.work.latencyMs > 30 && outcome.work.latencyMs <= 100, String(outcome.work.latencyMs));
  });

  it('has no delay if the user asks by hand', async () => {
    const pipeline = await pipelineThatWorkedMuch();
    await at(startMs + 350);
    void ask(pipeline, 'const value', new AbortController().signal, true);
    await at(startMs + 351);
    assert.equal(asked, 1);
  });

  it('declines while the user types once the engine has used its allowance, and still answers in a pause', async () => {
    const slow: Cost = { prefillMsPerToken: 0, decodeMsPerToken: 60 };
    const pipeline = pipelineWith({ S: slow, XL: slow });
    const answerTo = async (timeMs: number, prefix: string) => {
      await at(timeMs);
      let outcome: Outcome | undefined;
      void ask(pipeline, prefix, new AbortController().signal).then((o) => (outcome = o));
      await clock.run(() => outcome !== undefined);
      return outcome!;
    };
    // Each takes most of a second, so a dozen use a quarter of half a minute.
    let outcome: Outcome | undefined;
    let keys = 0;
    for (let i = 0; outcome?.kind !== 'declined'; i++) {
      keys = i;
      assert.ok(i < 30, 'none was declined');
      const nowMs = clock.now();
      for (let key = 1; key <= 4; key++) rhythm.key(nowMs + 100 * key, 'deep in a word');
      outcome = await answerTo(nowMs + 450, `const value${'x'.repeat(i)}`);
    }
    assert.match(
      english(outcome.reason),
      /^skipped: the engine has used its 25 % of a core in the last 30 s; typing at 100 ms/,
    );
    assert.equal(outcome.considered, 'XS');
    assert.ok(pipeline.engineShare > 0.15 && pipeline.engineShare <= 0.25, String(pipeline.engineShare));
    assert.deepEqual(rested, []);
    await at(clock.now() + TYPING_GAP_MS + 1);
    assert.deepEqual(rested, [`const value${'x'.repeat(keys)}`], 'the hand rests, so the editor should ask again');
    const inPause = await answerTo(clock.now() + 1000, 'const value = ');
    assert.ok('work' in inPause, JSON.stringify(inPause));
    const later = clock.now() + 60_000;
    for (let key = 1; key <= 4; key++) rhythm.key(later + 100 * key, 'deep in a word');
    const afterRest = await answerTo(later + 450, 'const val');
    assert.ok('work' in afterRest, JSON.stringify(afterRest));
  });

  it('parses only if a block is possible, not for the rest of a line while typing', async () => {
    for (const timeMs of [0, 100, 200, 300]) rhythm.key(timeMs, 'deep in a word');
    const pipeline = pipelineWith(FLAT);
    const parses = async (timeMs: number, prefix: string, explicit: boolean) => {
      await at(timeMs);
      parsed = 0;
      let isAnswered = false;
      void ask(pipeline, prefix, new AbortController().signal, explicit).then(() => (isAnswered = true));
      await clock.run(() => isAnswered);
      return parsed;
    };
    assert.equal(await parses(350, 'const val', false), 0, 'typing');
    assert.ok((await parses(360, 'const valu', true)) > 0, 'asked by hand');
    assert.ok((await parses(2000, 'if (value) {', false)) > 0, 'a pause');
  });

  it('learns from accepted text', async () => {
    const pipeline = pipelineWith(FLAT);
    const before = history.expect(cursorContextAt('word start')).rightShare;
    const { signal } = new AbortController();
    let done = false;
    void (async () => {
      await ask(pipeline, FILE.slice(0, FILE.indexOf('other')), signal);
      await ask(pipeline, FILE, signal);
      done = true;
    })();
    await clock.run(() => done);
    assert.ok(history.expect(cursorContextAt('word start')).rightShare > before);
  });

  it('reacts to a change of the power source with the next request', async () => {
    const dear: Readonly<Record<string, Cost>> = {
      S: { prefillMsPerToken: 0, decodeMsPerToken: 1 },
      XL: { prefillMsPerToken: 0, decodeMsPerToken: 6 },
    };
    const pipeline = pipelineWith(dear);
    for (let i = 0; i < 400; i++) {
      history.answered(cursorContextAt('word start'), 10);
      // High enough that a larger submodel is worth its time on mains, whatever the constants are.
      if (i % 8 === 0) history.agreed(cursorContextAt('word start'), (4 * CHARACTERS_PER_SECOND) / LOSS_BY_BITS, 1);
    }
    const submodels: string[] = [];
    const bytes = (name: string) => new CostModel(checkpoint.config, dear).named(name).bytesPerToken;
    for (const [i, powerSource] of (['mains', 'mains', 'battery', 'mains'] as const).entries()) {
      await at(1000 + i * 300);
      machine = { ...machine, powerSource, chargeShare: 0.1 };
      let outcome: Outcome | undefined;
      void ask(pipeline, `${'x'.repeat(i)}; const `, new AbortController().signal).then((o) => (outcome = o));
      await clock.run(() => outcome !== undefined);
      assert.ok(outcome && 'work' in outcome, JSON.stringify(outcome));
      submodels.push(outcome.work.submodel);
    }
    const [first, again, onBattery, back] = submodels.map(bytes);
    assert.equal(first, again);
    assert.ok(onBattery! < again!, submodels.join());
    assert.equal(back, first);
  });
});
