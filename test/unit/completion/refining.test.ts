import assert from 'node:assert/strict';
import { english } from '../../../src/localisation/phrase';
import type { Outcome } from '../../../src/completion/outcome';
import type { Purpose } from '../../../src/completion/plan';
import { Pipeline } from '../../../src/completion/pipeline';
import { shapeByIndentation } from '../../../src/completion/syntax/shape';
import { CostModel } from '../../../src/governor/costs';
import { History } from '../../../src/governor/history';
import { cursorContextAt } from '../../../src/governor/place';
import { type Machine, UNKNOWN_MACHINE } from '../../../src/governor/machine';
import { AUTO, type GovernorSettings } from '../../../src/governor/settings';
import { TYPING_GAP_MS, TypingRhythm } from '../../../src/governor/typing';
import { CHARACTERS_PER_SECOND, LOSS_BY_BITS } from '../../../src/governor/value';
import type { Checkpoint } from '../../../src/matlm/checkpoint';
import { exampleConfig, small } from '../model';
import { HandEngine, requestAt, settle } from './hand';

/** XL is too slow between two keys, and fast enough in a pause. */
const COSTS = {
  S: { prefillMsPerToken: 0, decodeMsPerToken: 1 },
  XL: { prefillMsPerToken: 0, decodeMsPerToken: 10 },
};

describe('a suggestion by a small submodel while typing', () => {
  const { S, XL } = exampleConfig().granularities;
  let checkpoint: Checkpoint;
  let engine: HandEngine;
  let pipeline: Pipeline;
  let rhythm: TypingRhythm;
  let history: History;
  let machine: Machine;
  let settings: GovernorSettings;
  let nowMs: number;
  let decoded: Purpose[];
  /** The text before the cursor at which the test controls the end of parsing. */
  let slow: { readonly prefix: string; readonly parsed: Promise<void> } | undefined;
  let waiting: { readonly untilMs: number; readonly resolve: () => void }[];

  before(async () => {
    checkpoint = { ...(await small()), config: exampleConfig(), calibration: undefined };
  });

  beforeEach(() => {
    nowMs = 0;
    decoded = [];
    waiting = [];
    slow = undefined;
    settings = AUTO;
    machine = { ...UNKNOWN_MACHINE, powerSource: 'mains', cpuBusyByOthersShare: 0 };
    engine = new HandEngine((text) => checkpoint.tokenizer.encode(text));
    rhythm = new TypingRhythm();
    history = new History();
    // The expected share of right requests is high at such places.
    for (let i = 0; i < 200; i++) {
      history.answered(cursorContextAt('word start'), 6);
      history.agreed(cursorContextAt('word start'), (100 * CHARACTERS_PER_SECOND) / LOSS_BY_BITS, 1);
    }
    pipeline = new Pipeline({
      engine,
      checkpoint,
      costs: new CostModel(checkpoint.config, COSTS),
      rhythm,
      history,
      syntax: {
        shapeAt: async (_languageId, excerpt) => {
          if (excerpt.prefix === slow?.prefix) await slow.parsed;
          return shapeByIndentation(excerpt, false);
        },
      },
      settings: () => settings,
      eagerness: () => 'balanced',
      onFault: (reason) => assert.fail(reason),
      machine: () => machine,
      now: () => nowMs,
      onDecoded: (_, purpose) => decoded.push(purpose),
      wait: (delayMs, signal) =>
        new Promise((resolve) => {
          waiting.push({ untilMs: nowMs + delayMs, resolve });
          signal.addEventListener('abort', () => {
            resolve();
          });
        }),
    });
  });

  const ask = (text: string, explicit = false) =>
    pipeline.complete(requestAt(text, { explicit }), new AbortController().signal);
  const textOf = (outcome: Outcome) => ('suggestion' in outcome ? outcome.suggestion.text : undefined);
  const widths = () => engine.requests.map(({ request }) => request.widths);

  async function pass(ms: number): Promise<void> {
    nowMs += ms;
    const due = waiting.filter(({ untilMs }) => untilMs <= nowMs);
    for (const { resolve } of due) resolve();
    await settle();
  }

  /** It is shown, and the decode ahead of it is empty. */
  async function typed(text: string, suggested: string): Promise<void> {
    for (let key = 0; key < 4; key++) rhythm.key((nowMs += 70), 'word start');
    const outcome = ask(text);
    await settle();
    engine.write(suggested);
    engine.end();
    assert.equal(textOf(await outcome), suggested);
    assert.notDeepEqual(widths()[0], XL);
    await settle();
    const isAhead = machine.powerSource === 'mains' && engine.requests.length === 2;
    if (isAhead) engine.end();
    await settle();
  }

  /** In a pause, XL writes. */
  async function refined(text: string): Promise<void> {
    await pass(TYPING_GAP_MS + 1);
    assert.deepEqual(widths()[2], XL);
    engine.write(text);
    engine.end();
    await settle();
  }

  it('is refined by a larger one in a pause, and stays until the next key', async () => {
    await typed('const a = █', 'f(x);');
    await refined('f(x, y);');
    assert.deepEqual(decoded, ['requested', 'speculative', 'refinement']);
    assert.equal(textOf(await ask('const a = █')), 'f(x);');
    assert.equal(engine.requests.length, 3);
  });

  it('is replaced by the refinement when the next key agrees with both', async () => {
    await typed('const a = █', 'f(x);');
    await refined('f(x, y);');
    const outcome = await ask('const a = f(█');
    assert.equal(textOf(outcome), 'x, y);');
    assert.equal(outcome.kind === 'reused' && outcome.submodel, 'XL');
    assert.equal(textOf(await ask('const a = f(x█')), ', y);');
    assert.equal(engine.requests.length, 3);
  });

  it('is replaced by the refinement when the next key agrees with that only', async () => {
    await typed('const a = █', 'f(x);');
    await refined('g(y);');
    assert.equal(textOf(await ask('const a = g█')), '(y);');
    assert.equal(engine.requests.length, 3);
  });

  it('stays when the next key agrees with it only', async () => {
    await typed('const a = █', 'f(x);');
    await refined('g(y);');
    assert.equal(textOf(await ask('const a = f█')), '(x);');
    assert.equal(engine.requests.length, 3);
  });

  it('is replaced by the refinement if the user asks by hand', async () => {
    await typed('const a = █', 'f(x);');
    await refined('g(y);');
    const outcome = await ask('const a = █', true);
    assert.equal(textOf(outcome), 'g(y);');
    assert.equal(outcome.kind === 'reused' && outcome.submodel, 'XL');
    assert.equal(textOf(await ask('const a = █')), 'g(y);', 'which now stays');
  });

  describe('if the user asks by hand', () => {
    it('is replaced by a fresh answer of the largest submodel, not by the ghost text or the cache', async () => {
      await typed('const a = █', 'f(x);');
      const before = engine.requests.length;
      const outcome = ask('const a = f█', true);
      await settle();
      assert.equal(engine.requests.length, before + 1);
      assert.deepEqual(widths().at(-1), XL);
      engine.write('(x, y);');
      engine.end();
      assert.equal(textOf(await outcome), '(x, y);');
      assert.equal((await outcome).kind, 'shown');
      assert.equal(textOf(await ask('const a = f(█')), 'x, y);', 'which one may type along with');
    });

    it('is generated once and repeated for the next request by hand', async () => {
      await typed('const a = █', 'f(x);');
      const first = ask('const a = █', true);
      await settle();
      engine.write('g(y);');
      engine.end();
      await first;
      const again = await ask('const a = █', true);
      assert.equal(again.kind === 'reused' && again.suggestion.text, 'g(y);');
    });

    it('stays if the largest submodel has nothing to add, and the outcome says so', async () => {
      await typed('const a = █', 'f(x);');
      const outcome = ask('const a = f█', true);
      await settle();
      engine.end();
      const kept = await outcome;
      assert.ok(kept.kind === 'kept', kept.kind);
      assert.equal(kept.suggestion.text, '(x);');
      assert.notEqual(kept.submodel, 'XL');
      assert.equal(kept.work.submodel, 'XL');
      assert.equal(english(kept.reason), `XL has nothing to add, so the suggestion by ${kept.submodel} stays`);
    });

    it('is empty if nothing was there before and the largest submodel has nothing to add', async () => {
      const outcome = ask('const a = █', true);
      await settle();
      engine.end();
      assert.equal((await outcome).kind, 'empty');
    });
  });

  it('counts for the larger one if its text was accepted', async () => {
    await typed('const a = █', 'f(x);');
    await refined('g(y);');
    await ask('const a = g█');
    const before = history.expect(cursorContextAt('word start'));
    void ask('const a = g(y);█');
    assert.ok(history.expect(cursorContextAt('word start')).rightShare > before.rightShare);
  });

  it('is not refined while the user types', async () => {
    await typed('const a = █', 'f(x);');
    await pass(TYPING_GAP_MS - 10);
    await ask('const a = f█');
    rhythm.key(nowMs, 'inside a word');
    await pass(20);
    assert.equal(engine.requests.length, 2);
  });

  it('is not refined after an edit without a request', async () => {
    await typed('const a = █', 'f(x);');
    pipeline.edited('file:///a.ts', 'z', 0);
    await pass(TYPING_GAP_MS + 1);
    assert.equal(engine.requests.length, 2);
  });

  it('is refined also while another document, such as a log, changes', async () => {
    await typed('const a = █', 'f(x);');
    pipeline.edited('output:log', 'a line', 0);
    await refined('f(x, y);');
    assert.equal(engine.requests.length, 3);
  });

  it('is replaced by an earlier generation of the larger one, without a decode', async () => {
    const inPause = ask('const a = █');
    await settle();
    assert.deepEqual(widths(), [XL]);
    engine.write('f(x, y);');
    engine.end();
    await inPause;
    await settle();
    engine.end();
    pipeline.edited('file:///a.ts', '', 1);
    for (let key = 0; key < 4; key++) rhythm.key((nowMs += 70), 'word start');
    for (const [drawn, suggested] of [
      ['const b = █', 'g(y);'],
      ['const a = █', 'f(x);'],
    ] as const) {
      const outcome = ask(drawn);
      await settle();
      engine.write(suggested);
      engine.end();
      assert.equal(textOf(await outcome), suggested);
      await settle();
      engine.end();
      await settle();
    }
    const before = engine.requests.length;
    await pass(TYPING_GAP_MS + 1);
    assert.equal(engine.requests.length, before);
    assert.equal(textOf(await ask('const a = f█')), '(x, y);');
  });

  it('is not refined for a request that the editor has cancelled', async () => {
    await typed('const a = █', 'f(x);');
    await pipeline.complete(requestAt('const a = █'), AbortSignal.abort());
    await pass(TYPING_GAP_MS + 1);
    assert.equal(engine.requests.length, 2);
  });

  it('is not refined after everything was reset', async () => {
    await typed('const a = █', 'f(x);');
    pipeline.reset();
    await pass(TYPING_GAP_MS + 1);
    assert.equal(engine.requests.length, 2);
  });

  it('is not continued ahead once another request has begun', async () => {
    let parsed: () => void = () => undefined;
    slow = { prefix: 'const a = f(x);', parsed: new Promise((resolve) => (parsed = resolve)) };
    const inPause = ask('const a = █');
    await settle();
    engine.write('f(x);');
    engine.end();
    await inPause;
    const next = ask('const b = █');
    await settle();
    parsed();
    await settle();
    assert.equal(engine.requests.length, 2);
    engine.write('g(y);');
    engine.end();
    assert.equal(textOf(await next), 'g(y);');
  });

  const unfit: [string, Partial<Machine>][] = [
    ['on battery', { powerSource: 'battery', chargeShare: 0.9 }],
    ['next to much other work', { cpuBusyByOthersShare: 0.9 }],
    ['in heat', { thermal: 'serious' }],
  ];
  for (const [name, change] of unfit) {
    it(`is not refined ${name}`, async () => {
      machine = { ...machine, ...change };
      await typed('const a = █', 'f(x);');
      const before = engine.requests.length;
      await pass(TYPING_GAP_MS + 1);
      assert.equal(engine.requests.length, before);
    });
  }

  it('is not refined if the size is fixed', async () => {
    settings = { ...AUTO, submodel: 'S' };
    await typed('const a = █', 'f(x);');
    await pass(TYPING_GAP_MS + 1);
    assert.deepEqual(widths(), [S, S]);
  });

  it('is not refined if a larger one would save too little', async () => {
    for (let i = 0; i < 1000; i++) history.answered(cursorContextAt('word start'), 6);
    await typed('const a = █', 'f(x);');
    await pass(TYPING_GAP_MS + 1);
    assert.equal(engine.requests.length, 2);
  });

  describe('during its refinement', () => {
    beforeEach(async () => {
      await typed('const a = █', 'f(x);');
      await pass(TYPING_GAP_MS + 1);
    });
    const isStopped = () => engine.requests[2]!.signal.aborted;

    it('stops that with the next key, unless it has written the key already', async () => {
      assert.equal(textOf(await ask('const a = f█')), '(x);');
      assert.equal(isStopped(), true);
    });

    it('stops that with the edit already', () => {
      pipeline.edited('file:///a.ts', 'f', 0);
      assert.equal(isStopped(), true);
    });

    it('lets it continue if the typed text agrees with its text', async () => {
      engine.write('f(x');
      pipeline.edited('file:///a.ts', 'f', 0);
      assert.equal(textOf(await ask('const a = f█')), '(x);');
      assert.equal(isStopped(), false);
      engine.write(', y);');
      engine.end();
      await settle();
      assert.equal(textOf(await ask('const a = f█')), '(x);', 'it is being read');
      assert.equal(textOf(await ask('const a = f(█')), 'x, y);');
      assert.equal(engine.requests.length, 3);
    });

    it('joins it if only its text agrees with the typed text', async () => {
      engine.write('g(');
      const outcome = ask('const a = g█');
      await settle();
      engine.write('y);');
      engine.end();
      assert.equal(textOf(await outcome), '(y);');
      assert.equal(engine.requests.length, 3);
    });

    it('stops it for a request by hand, which gets a fresh answer', async () => {
      engine.write('g(');
      const outcome = ask('const a = █', true);
      await settle();
      assert.equal(isStopped(), true);
      assert.deepEqual(widths()[3], XL);
      engine.write('h(z);');
      engine.end();
      assert.equal(textOf(await outcome), 'h(z);');
    });
  });
});
