import assert from 'node:assert/strict';
import { join } from 'node:path';
import { english, phrase, verbatim } from '../../../src/localisation/phrase';
import { ALTERNATIVES_MS } from '../../../src/completion/alternatives';
import type { Outcome } from '../../../src/completion/outcome';
import { describe as describeOutcome } from '../../../src/completion/outcome';
import { LearnedScore } from '../../../src/completion/decode/learnedScore';
import { Pipeline, type PipelineParts } from '../../../src/completion/pipeline';
import type { CompletionRequest } from '../../../src/completion/request';
import { Grammars } from '../../../src/completion/syntax/grammars';
import { SyntaxByGrammar } from '../../../src/completion/syntax/shape';
import { CostModel } from '../../../src/governor/costs';
import { History } from '../../../src/governor/history';
import { type Machine, UNKNOWN_MACHINE } from '../../../src/governor/machine';
import type { CursorContext } from '../../../src/governor/place';
import { AUTO, type GovernorSettings } from '../../../src/governor/settings';
import { TypingRhythm } from '../../../src/governor/typing';
import type { Checkpoint } from '../../../src/matlm/checkpoint';
import { Trace } from '../../../src/completion/trace';
import { SIZES } from '../../../src/matlm/config';
import { exampleConfig, ROOT, small } from '../model';
import { HandEngine, requestAt, settle } from './hand';

describe('a completion request', () => {
  const grammars = new Grammars(join(ROOT, 'dist', 'grammars'));
  let checkpoint: Checkpoint;
  let engine: HandEngine;
  let parts: PipelineParts;
  let pipeline: Pipeline;
  let settings: GovernorSettings;
  let readMachine: () => Machine;
  let wait: (delayMs: number) => Promise<void>;
  let faults: string[];
  let machine: Machine;
  /** The contexts of answered requests. */
  let answeredAt: CursorContext[];
  /** The prefilled tokens from which the costs were learned. */
  let observed: number[];

  before(async () => {
    // Without calibration, scores are the product of the engine's probabilities.
    checkpoint = { ...(await small()), config: exampleConfig(), calibration: undefined };
    await grammars.load('typescript');
  });

  after(() => {
    grammars.dispose();
  });

  beforeEach(() => {
    let nowMs = 0;
    settings = AUTO;
    machine = UNKNOWN_MACHINE;
    readMachine = () => machine;
    wait = () => Promise.resolve();
    faults = [];
    answeredAt = [];
    observed = [];
    engine = new HandEngine((text) => checkpoint.tokenizer.encode(text));
    const cost = { prefillMsPerToken: 0.1, decodeMsPerToken: 1 };
    parts = {
      engine,
      checkpoint,
      costs: new (class extends CostModel {
        override observe(...args: Parameters<CostModel['observe']>): void {
          observed.push(args[1]);
          super.observe(...args);
        }
      })(checkpoint.config, Object.fromEntries(SIZES.map((size) => [size, cost]))),
      rhythm: new TypingRhythm(),
      history: new (class extends History {
        override answered(context: CursorContext, passes: number): void {
          answeredAt.push(context);
          super.answered(context, passes);
        }
      })(),
      syntax: new SyntaxByGrammar(grammars),
      settings: () => settings,
      eagerness: () => 'balanced',
      onFault: (reason) => faults.push(reason),
      machine: () => readMachine(),
      now: () => ++nowMs,
      wait: (delayMs) => wait(delayMs),
    };
    pipeline = new Pipeline(parts);
  });

  const ask = (text: string, signal = new AbortController().signal, change: Partial<CompletionRequest> = {}) =>
    pipeline.complete(requestAt(text, change), signal);
  const textOf = (outcome: Outcome) => ('suggestion' in outcome ? outcome.suggestion.text : undefined);

  async function shown(text: string, written: string): Promise<Outcome> {
    const outcome = ask(text);
    await settle();
    engine.write(written);
    engine.end();
    return outcome;
  }

  it('shows the model’s output and reports the work', async () => {
    const outcome = await shown('const a = █', 'f(x);');
    assert.equal(outcome.kind, 'shown');
    assert.equal(textOf(outcome), 'f(x);');
    assert.match(
      describeOutcome(outcome),
      /^shown, XL, \d+ ms \(prefill \d+ of \d+ tokens, 4 decoded\): a pause in typing/,
    );
  });

  for (const [reason, text] of [
    ['length', 'first'],
    ['context', 'first'],
    ['stop', 'first + sec'],
  ] as const)
    it(`shows by hand “${text}” of a text that the engine ended with the reason ${reason}`, async () => {
      const outcome = ask('const a = █', undefined, { explicit: true });
      await settle();
      engine.write('first + sec');
      engine.end(reason);
      assert.equal(textOf(await outcome), text);
    });

  it('is gated without asking the engine', async () => {
    const outcome = await ask('const a = █ + b');
    assert.deepEqual(outcome, { kind: 'gated', cause: 'code follows', reason: phrase('code follows on the line') });
    assert.equal(engine.requests.length, 0);
  });

  it('keeps a suggestion while its text is typed, without a decode', async () => {
    await shown('const a = █', 'f(x);');
    const outcome = await ask('const a = f(█');
    assert.deepEqual(outcome, {
      kind: 'reused',
      suggestion: { text: 'x);', replaces: 0 },
      submodel: 'XL',
      reason: phrase('typed as suggested'),
    });
    assert.equal(engine.requests.length, 1);
  });

  describe('by a model that nobody has measured', () => {
    let outcomes: [shown: number, right: number][];
    beforeEach(() => {
      outcomes = [];
      const sum = (counts: readonly number[]) => counts.reduce((a, b) => a + b);
      const score = new LearnedScore(undefined, ({ shown: all, right }) => outcomes.push([sum(all), sum(right)]));
      pipeline = new Pipeline({ ...parts, score });
    });

    it('has a careful score', async () => {
      assert.equal(textOf(await shown('const a = █', 'f(x);')), 'f(x);');
      const unsure = ask('const b = █');
      await settle();
      engine.write('f(x);', 0.6);
      engine.end();
      assert.equal((await unsure).kind, 'unsure');
    });

    it('is remembered as right or wrong, once it is known and only once', async () => {
      await shown('const a = █', 'f(x);');
      assert.equal(textOf(await ask('const a = f█')), '(x);');
      assert.deepEqual(outcomes, [], 'it may still come out either way');
      const next = ask('const a = f(x);\nconst b = █');
      await settle();
      assert.deepEqual(outcomes, [[1, 1]]);
      engine.write('g(y);');
      engine.end();
      await next;
      const other = ask('const a = f(x);\nconst b = h█');
      await settle();
      assert.deepEqual(outcomes, [
        [1, 1],
        [1, 0],
      ]);
      engine.end();
      await other;
      assert.equal(outcomes.length, 2);
    });
  });

  describe('after a prediction of low confidence', () => {
    /** A head's score is the product of its probabilities. It has to be a half at least. */
    const unsure = async () => {
      const outcome = ask('const a = █');
      await settle();
      engine.write('fun', 0.9);
      engine.write('(x', 0.2);
      engine.end();
      assert.equal((await outcome).kind, 'unsure');
      assert.equal(engine.requests.length, 1);
    };

    const places: [string, string, boolean][] = [
      ['does not decode again while the predicted text is typed', 'const a = f█', false],
      ['does not decode again at the same place', 'const a = █', false],
      ['decodes if other text is typed', 'const a = g█', true],
      ['decodes if the rest is confident', 'const a = fun(█', true],
      ['decodes if all of the predicted text is typed', 'const a = fun(x█', true],
      ['decodes if other text follows', 'const a = f█;', true],
    ];
    for (const [name, text, asks] of places) {
      it(name, async () => {
        await unsure();
        const outcome = ask(text);
        await settle();
        assert.equal(engine.requests.length, asks ? 2 : 1);
        if (!asks) {
          const reason = phrase('a low-confidence prediction here was already rejected');
          assert.deepEqual(await outcome, { kind: 'unsure', reason, submodel: 'XL' });
        }
      });
    }

    it('decodes if a lower score is enough', async () => {
      await unsure();
      void ask('const a = f█', undefined, { explicit: true });
      await settle();
      assert.equal(engine.requests.length, 2);
    });

    it('decodes if another size answers', async () => {
      await unsure();
      settings = { ...AUTO, submodel: 'S' };
      void ask('const a = f█');
      await settle();
      assert.equal(engine.requests.length, 2);
    });
  });

  it('knows that the typed text diverged, until the line ends', async () => {
    await shown('const a = █', 'f(x);');
    await shown('const a = g█', '(y);');
    await shown('const a = go█', '();');
    await shown('const a = go();\n█', 'b();');
    assert.deepEqual(
      answeredAt.map(({ diverged }) => diverged),
      [false, true, true, false],
    );
  });

  it('is answered from the cache if it is repeated', async () => {
    await shown('const a = █', 'f(x);');
    await shown('const b = █', 'g(y);');
    const outcome = await ask('const a = █');
    assert.equal(textOf(outcome), 'f(x);');
    assert.equal(outcome.kind === 'reused' && english(outcome.reason), 'cached');
    assert.equal(engine.requests.length, 2);
  });

  it('does not reuse a suggestion of another size', async () => {
    await shown('const a = █', 'f(x);');
    settings = { ...AUTO, submodel: 'S' };
    const outcome = await shown('const a = █', 'g();');
    assert.equal(textOf(outcome), 'g();');
    assert.deepEqual(engine.requests[1]!.request.widths, checkpoint.config.granularities.S);
  });

  it('continues its decode when it is cancelled, and the next key joins it', async () => {
    const cancelled = new AbortController();
    const first = ask('const a = █', cancelled.signal);
    await settle();
    engine.write('f(');
    cancelled.abort();
    assert.equal((await first).kind, 'superseded');
    assert.equal(engine.requests[0]!.signal.aborted, false);

    const second = ask('const a = f█');
    await settle();
    engine.write('x);');
    engine.end();
    const outcome = await second;
    assert.equal(textOf(outcome), '(x);');
    assert.equal(outcome.kind, 'shown', 'it is the first to show that work');
    assert.equal(engine.requests.length, 1);
  });

  it('reports a decode that ended between two keys with the next one, once', async () => {
    const cancelled = new AbortController();
    const first = ask('const a = █', cancelled.signal);
    await settle();
    cancelled.abort();
    await first;
    engine.write('f(x);');
    engine.end();
    await settle();
    assert.equal((await ask('const a = f█')).kind, 'shown');
    assert.equal((await ask('const a = f(█')).kind, 'reused');
    assert.equal(engine.requests.length, 1);
  });

  it('aborts a decode that disagrees with the typed text', async () => {
    const cancelled = new AbortController();
    const first = ask('const a = █', cancelled.signal);
    await settle();
    engine.write('f(x');
    cancelled.abort();
    await first;
    const second = ask('const a = g█');
    await settle();
    assert.equal(engine.requests[0]!.signal.aborted, true);
    assert.equal(engine.requests.length, 2);
    engine.write('(y);');
    engine.end();
    assert.equal(textOf(await second), '(y);');
  });

  it('stops the engine at the end of the line', async () => {
    const outcome = ask('call(█)');
    await settle();
    engine.write('a);\nmore();\nmore();');
    assert.equal(engine.requests[0]!.signal.aborted, true);
    assert.equal(textOf(await outcome), 'a);');
  });

  it('has the model continue after it only opened a block', async () => {
    const outcome = ask('function f() █');
    await settle();
    engine.write('{');
    engine.end();
    await settle();
    assert.equal(engine.requests.length, 2);
    const [first, second] = engine.requests.map(({ request }) => request);
    assert.deepEqual(second!.prompt, [...first!.prompt, ...checkpoint.tokenizer.encode(' {')]);
    assert.deepEqual(new Set(second!.bannedFirstTokens), checkpoint.tokenizer.specialIds, 'no end and no other mark');
    engine.write('\n  return 1;\n}');
    engine.end();
    assert.equal(textOf(await outcome), '{\n  return 1;\n}');
  });

  it('is unsure if the confidence is too low, unless the user asks by hand', async () => {
    const unsure = ask('const a = █');
    await settle();
    engine.write('f(x);', 0.05);
    engine.end();
    const outcome = await unsure;
    assert.equal(outcome.kind === 'unsure' && english(outcome.reason), 'the confidence was too low');

    const byHand = ask('const a = █', undefined, { explicit: true });
    await settle();
    engine.write('f(x);', 0.05);
    engine.end();
    assert.equal(textOf(await byHand), 'f(x);');
  });

  it('is empty if the model writes nothing', async () => {
    const outcome = ask('done();█');
    await settle();
    engine.end();
    assert.equal((await outcome).kind, 'empty');
  });

  it('fails with the reason if the engine fails, and the next one is decoded', async () => {
    const outcome = ask('const a = █');
    await settle();
    engine.requests[0]!.emit({
      type: 'end',
      reason: 'failed',
      decodedTokens: 0,
      passes: 0,
      decodeMs: 0,
      message: 'it died',
    });
    assert.deepEqual(await outcome, { kind: 'failed', reason: verbatim('it died') });
    assert.equal(textOf(await shown('const a = █', 'f(x);')), 'f(x);');
  });

  it('finds a suggestion again after other text was typed and deleted', async () => {
    await shown('const a = █', 'f(x);');
    await shown('const a = g█', '(y);');
    const outcome = await ask('const a = f(█');
    assert.equal(textOf(outcome), 'x);');
    assert.equal(outcome.kind === 'reused' && english(outcome.reason), 'cached');
    assert.equal(engine.requests.length, 2);
  });

  it('stops its decode for an edit that disagrees, and not for one that agrees', async () => {
    const cancelled = new AbortController();
    const first = ask('const a = █', cancelled.signal);
    await settle();
    engine.write('f(x');
    cancelled.abort();
    await first;
    const { signal } = engine.requests[0]!;
    pipeline.edited('file:///other.ts', 'z', 0);
    pipeline.edited('file:///a.ts', 'f', 0);
    pipeline.edited('file:///a.ts', '()', 0); // the editor closes what is opened
    assert.equal(signal.aborted, false);
    pipeline.edited('file:///a.ts', 'y', 0);
    assert.equal(signal.aborted, true);
  });

  it('learns no costs from a decode that moved to another backend', async () => {
    const outcome = ask('const a = █');
    await settle();
    pipeline.backendChanged();
    engine.write('f(x);');
    engine.end();
    assert.equal(textOf(await outcome), 'f(x);');
    assert.deepEqual(observed, []);
    await shown('const b = █', 'g(y);');
    assert.equal(observed.length, 1);
  });

  it('expects a quick answer only from an engine that has prefilled the text', async () => {
    const above = 'call(first, second);\n'.repeat(60);
    const expectedMs = async (line: string) => {
      const outcome = ask(`${above}${line}█`, undefined, { explicit: true });
      await settle();
      engine.write('(x);');
      engine.end();
      const answered = await outcome;
      return Number(/about (\d+) ms/.exec(answered.kind === 'shown' ? english(answered.work.reason) : '')![1]);
    };
    const first = await expectedMs('const a = f');
    const next = await expectedMs('const a = g');
    assert.ok(first > 3 * next, `${first} ms, then ${next} ms`);
    pipeline.backendChanged();
    assert.ok((await expectedMs('const a = h')) > 3 * next);
    pipeline.reset();
    assert.ok((await expectedMs('const a = i')) > 3 * next);
  });

  it('stops for a deletion', async () => {
    void ask('const a = █');
    await settle();
    pipeline.edited('file:///a.ts', '', 1);
    assert.equal(engine.requests[0]!.signal.aborted, true);
  });

  describe('on a machine with power and time to spare', () => {
    beforeEach(() => {
      machine = { ...UNKNOWN_MACHINE, powerSource: 'mains', cpuBusyByOthersShare: 0.1 };
    });

    it('decodes ahead of the suggestion, and the result is ready when it is accepted', async () => {
      await shown('const a = █', 'f(x);');
      await settle();
      assert.equal(engine.requests.length, 2);
      engine.write('\nnext();');
      engine.end();
      await settle();
      const outcome = await ask('const a = f(x);█');
      assert.equal(textOf(outcome), '\nnext();');
      assert.equal(outcome.kind === 'reused' && english(outcome.reason), 'cached');
    });

    it('is joined if the user accepts before it ends', async () => {
      await shown('const a = █', 'f(x);');
      await settle();
      const outcome = ask('const a = f(x);█');
      await settle();
      engine.write('\nnext();');
      engine.end();
      assert.equal(textOf(await outcome), '\nnext();');
      assert.equal((await outcome).kind, 'shown', 'it is the first to show that work');
    });

    it('decodes ahead of a cached suggestion too, unless the result is cached as well', async () => {
      await shown('const a = █', 'f(x);');
      await settle();
      pipeline.edited('file:///a.ts', '', 1);
      const other = ask('const b = █');
      await settle();
      engine.write('g(y);');
      engine.end();
      await other;
      const again = async () => {
        const before = engine.requests.length;
        const outcome = await ask('const a = █');
        assert.equal(outcome.kind === 'reused' && english(outcome.reason), 'cached');
        await settle();
        return engine.requests.length - before;
      };
      assert.equal(await again(), 1);
      engine.write('\nnext();');
      engine.end();
      await settle();
      await shown('const c = █', 'h(z);');
      assert.equal(await again(), 0);
    });

    it('does not decode ahead if code follows on the line', async () => {
      const byHand = ask('const a = █ + b;', undefined, { explicit: true });
      await settle();
      engine.write('f(x)');
      engine.end();
      assert.equal(textOf(await byHand), 'f(x)');
      await settle();
      assert.equal(engine.requests.length, 1);
    });

    it('learns the number of passes from requested decodes only', async () => {
      await shown('const a = █', 'f(x);');
      await settle();
      engine.write('\nnext();');
      engine.end();
      await settle();
      assert.equal(engine.requests.length, 2);
      assert.equal(answeredAt.length, 1);
    });

    it('stops decoding ahead for any other request, and continues while its text is typed', async () => {
      await shown('const a = █', 'f(x);');
      await settle();
      const { signal } = engine.requests[1]!;
      assert.equal((await ask('const a = f█')).kind, 'reused');
      assert.equal(signal.aborted, false);
      void ask('const b█');
      await settle();
      assert.equal(signal.aborted, true);
    });
  });

  it('offers alternatives that differ as they are shown', async () => {
    await shown('const a = █', 'f(x);');
    const place = requestAt('const a = █', { explicit: true });
    wait = () => new Promise(() => undefined);
    const others = pipeline.alternatives(place, { text: 'f(x);', replaces: 0 }, new AbortController().signal, 0);
    for (const text of ['g(y);', 'f(x);', 'h(z);']) {
      await settle();
      engine.write(text);
      engine.end();
    }
    assert.deepEqual(
      (await others).map(({ text }) => text),
      ['g(y);', 'h(z);'],
    );
    const barred = engine.requests.slice(1).map((sent) => sent.request.bannedFirstTokens?.length);
    assert.deepEqual(barred, [0, 1, 2]);
  });

  it('stops a running decode for alternatives', async () => {
    void ask('const a = █');
    await settle();
    const place = requestAt('const b = █', { explicit: true });
    void pipeline.alternatives(place, { text: 'f(x);', replaces: 0 }, new AbortController().signal, 0);
    assert.equal(engine.requests[0]!.signal.aborted, true);
  });

  it('offers the alternatives that are ready in time, and counts the time of the first suggestion', async () => {
    await shown('const a = █', 'f(x);');
    const place = requestAt('const a = █', { explicit: true });
    let isLate: () => void = () => undefined;
    let waited = 0;
    wait = (delayMs) => {
      waited = delayMs;
      return new Promise((resolve) => (isLate = resolve));
    };
    const others = pipeline.alternatives(place, { text: 'f(x);', replaces: 0 }, new AbortController().signal, 200);
    await settle();
    assert.equal(waited, ALTERNATIVES_MS - 200);
    engine.write('g(y);');
    engine.end();
    await settle();
    isLate();
    assert.deepEqual(
      (await others).map(({ text }) => text),
      ['g(y);'],
    );
    assert.equal(engine.requests.at(-1)!.signal.aborted, true);
  });

  it('tries no alternative if the first suggestion took all of the time', async () => {
    await shown('const a = █', 'f(x);');
    const { length } = engine.requests;
    const place = requestAt('const a = █', { explicit: true });
    const { signal } = new AbortController();
    wait = () => new Promise(() => undefined);
    const none = await Promise.race([
      settle(),
      pipeline.alternatives(place, { text: 'f(x);', replaces: 0 }, signal, ALTERNATIVES_MS),
    ]);
    assert.deepEqual([none, engine.requests.length], [[], length]);
  });

  it('reports a fault of work that no request waits for', async () => {
    machine = { ...UNKNOWN_MACHINE, powerSource: 'mains' };
    const outcome = ask('const a = █');
    await settle();
    readMachine = () => {
      throw new Error('the sensors are gone');
    };
    engine.write('f(x);');
    engine.end();
    assert.equal((await outcome).kind, 'shown');
    await settle();
    assert.ok(faults.length > 0 && faults.every((fault) => fault === 'the sensors are gone'), faults.join());
  });

  describe('after a reset', () => {
    it('is decoded again', async () => {
      await shown('const a = █', 'f(x);');
      pipeline.reset();
      assert.equal(textOf(await shown('const a = █', 'g(y);')), 'g(y);');
      assert.equal(engine.requests.length, 2);
    });

    it('does not show the result of an earlier decode, even if that has just ended', async () => {
      const first = ask('const a = █');
      await settle();
      engine.write('f(x);\nmore();');
      assert.equal(engine.requests[0]!.signal.aborted, true, 'the line is complete');
      pipeline.reset();
      assert.equal((await first).kind, 'superseded');
      assert.equal(textOf(await shown('const a = █', 'g(y);')), 'g(y);');
    });
  });

  it('reports the duration of each stage, and no text', async () => {
    let nowMs = 0;
    const trace = new Trace(() => ++nowMs);
    const outcome = pipeline.complete(requestAt('const secret = █'), new AbortController().signal, trace);
    await settle();
    engine.write('f(x);');
    engine.end();
    await outcome;
    assert.match(
      trace.toString(),
      /^gate 1\.0, reuse 1\.0, join 1\.0, syntax 1\.0, prompt 1\.0, decide 1\.0, cache 1\.0, prefill 1\.0, decode 1\.0, trim 1\.0 ms$/,
    );
  });
});
