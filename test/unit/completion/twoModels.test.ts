import assert from 'node:assert/strict';
import type { Outcome } from '../../../src/completion/outcome';
import { Pipeline } from '../../../src/completion/pipeline';
import type { ModelInUse } from '../../../src/completion/models';
import type { CompletionRequest } from '../../../src/completion/request';
import { shapeByIndentation } from '../../../src/completion/syntax/shape';
import { CostModel } from '../../../src/governor/costs';
import { History } from '../../../src/governor/history';
import { type Machine, UNKNOWN_MACHINE } from '../../../src/governor/machine';
import { cursorContextAt } from '../../../src/governor/place';
import { AUTO, type GovernorSettings } from '../../../src/governor/settings';
import { TYPING_GAP_MS, TypingRhythm } from '../../../src/governor/typing';
import type { Checkpoint } from '../../../src/matlm/checkpoint';
import { exampleConfig, small } from '../model';
import { HandEngine, requestAt, settle } from './hand';

const OURS = {
  S: { prefillMsPerToken: 0, decodeMsPerToken: 1 },
  XL: { prefillMsPerToken: 0, decodeMsPerToken: 2 },
};
/** Too slow for a key and for a pause, and fast enough by hand. */
const IMPORTED = { XL: { prefillMsPerToken: 0.1, decodeMsPerToken: 100 } };

describe('a completion with two models in use', () => {
  let main: Checkpoint;
  let imported: ModelInUse;
  let engine: HandEngine;
  let otherEngine: HandEngine;
  let pipeline: Pipeline;
  let rhythm: TypingRhythm;
  let machine: Machine;
  let settings: GovernorSettings;
  let nowMs: number;
  let history: History;
  let waiting: { readonly untilMs: number; readonly resolve: () => void }[];
  /** Requests that the editor should repeat. */
  let repeated: CompletionRequest[];

  before(async () => {
    main = { ...(await small()), config: exampleConfig(), calibration: undefined };
  });

  beforeEach(() => {
    nowMs = 0;
    waiting = [];
    repeated = [];
    history = new History();
    settings = AUTO;
    machine = { ...UNKNOWN_MACHINE, powerSource: 'mains', cpuBusyByOthersShare: 0 };
    rhythm = new TypingRhythm();
    const encode = (text: string) => main.tokenizer.encode(text);
    engine = new HandEngine(encode);
    otherEngine = new HandEngine(encode);
    pipeline = new Pipeline({
      engine,
      checkpoint: main,
      costs: new CostModel(main.config, OURS),
      rhythm,
      history,
      syntax: { shapeAt: (_languageId, excerpt) => Promise.resolve(shapeByIndentation(excerpt, false)) },
      settings: () => settings,
      eagerness: () => 'balanced',
      onFault: (reason) => assert.fail(reason),
      machine: () => machine,
      now: () => nowMs,
      wait: (delayMs, signal) =>
        new Promise((resolve) => {
          waiting.push({ untilMs: nowMs + delayMs, resolve });
          signal.addEventListener('abort', () => {
            resolve();
          });
        }),
      onRested: (request) => repeated.push(request),
    });
    const { XL = [] } = main.config.granularities;
    const config = { ...main.config, granularities: { XL }, frontier: [] };
    imported = {
      checkpoint: { ...main, config },
      engine: otherEngine,
      costs: new CostModel(config, IMPORTED, { name: 'Other', relativeBits: 0.8 }),
    };
    pipeline.use(imported);
  });

  const ask = (text: string, explicit = false) =>
    pipeline.complete(requestAt(text, { explicit }), new AbortController().signal);
  const textOf = (outcome: Outcome) => ('suggestion' in outcome ? outcome.suggestion.text : undefined);
  const submodelOf = (outcome: Outcome) => ('work' in outcome ? outcome.work.submodel : undefined);

  async function answered(by: HandEngine, text: string, explicit = false): Promise<Outcome> {
    const outcome = ask(text, explicit);
    await settle();
    by.write('f(x);');
    by.end();
    return outcome;
  }

  it('comes from the main one while the user types, and from the better one by hand', async () => {
    for (let key = 0; key < 4; key++) rhythm.key((nowMs += 100), 'word start');
    assert.ok(pipeline.models.main.costs.has(submodelOf(await answered(engine, 'const a = █'))!));
    assert.equal(submodelOf(await answered(otherEngine, 'const b = █', true)), 'Other');
  });

  it('comes from the other one on battery too if the user asks by hand', async () => {
    machine = { ...machine, powerSource: 'battery', chargeShare: 0.9 };
    assert.equal(submodelOf(await answered(otherEngine, 'const a = █', true)), 'Other');
  });

  it('comes from the other one if the user fixed that', async () => {
    settings = { ...AUTO, submodel: 'Other' };
    for (let key = 0; key < 4; key++) rhythm.key((nowMs += 100), 'word start');
    assert.equal(submodelOf(await answered(otherEngine, 'const a = █')), 'Other');
  });

  it('reads the prompt in the cache of the one that answers', async () => {
    machine = UNKNOWN_MACHINE; // so that nothing is decoded ahead
    await answered(otherEngine, 'const a = █', true);
    const { main: ours, all } = pipeline.models;
    const [, other] = all;
    const prompt = otherEngine.requests[0]!.request.prompt;
    assert.equal(other?.cache.unreadOf(prompt), 0);
    assert.equal(ours.cache.unreadOf(prompt), prompt.length);
  });

  it('comes from the main one once the other was removed', async () => {
    pipeline.drop(imported);
    assert.equal(submodelOf(await answered(engine, 'const a = █', true)), 'XL');
  });

  it('shows what the other one wrote while the user types along, after it was removed too', async () => {
    await answered(otherEngine, 'const a = █', true);
    pipeline.drop(imported);
    const outcome = await ask('const a = f(█');
    assert.equal(outcome.kind === 'reused' && outcome.suggestion.text, 'x);');
  });

  describe('in a pause', () => {
    const CONTEXT = cursorContextAt('word start');

    beforeEach(() => {
      // So much is right there that the better model is worth its time.
      for (let i = 0; i < 200; i++) {
        history.answered(CONTEXT, 3);
        history.agreed(CONTEXT, 20, 1);
      }
      for (let key = 0; key < 4; key++) rhythm.key((nowMs += 70), 'word start');
    });

    async function pause(): Promise<void> {
      nowMs += TYPING_GAP_MS + 1;
      for (const { untilMs, resolve } of waiting) if (untilMs <= nowMs) resolve();
      await settle();
    }

    /** The main model has written this, and nothing ahead of it. */
    async function typed(text: string, written: string): Promise<Outcome> {
      const outcome = ask(text);
      await settle();
      if (written !== '') engine.write(written);
      engine.end();
      await outcome;
      await settle();
      if (engine.requests.length === 2) engine.end();
      await settle();
      return outcome;
    }

    it('is refined by the better model, and shown when the next key agrees', async () => {
      await typed('const a = █', 'f(x);');
      assert.equal(otherEngine.requests.length, 0);
      await pause();
      assert.equal(otherEngine.requests.length, 1);
      otherEngine.write('f(x, y);');
      otherEngine.end();
      await settle();
      assert.equal(textOf(await ask('const a = █')), 'f(x);', 'it is being read');
      assert.equal(textOf(await ask('const a = f(█')), 'x, y);');
      assert.deepEqual(repeated, []);
    });

    it('comes from the better model if the main one had nothing to show', async () => {
      assert.equal((await typed('const a = █', '')).kind, 'empty');
      await pause();
      otherEngine.write('f(x);');
      otherEngine.end();
      await settle();
      assert.equal(repeated.length, 1);
      const outcome = await pipeline.complete(repeated[0]!, new AbortController().signal);
      assert.equal(outcome.kind, 'shown');
      assert.deepEqual([textOf(outcome), submodelOf(outcome)], ['f(x);', 'Other']);
      assert.equal(engine.requests.length + otherEngine.requests.length, 2, 'nothing was decoded for it');
    });

    it('says nothing about the main model if the other one’s text was accepted', async () => {
      await typed('let z = █', 'q;');
      await pause();
      otherEngine.end();
      await typed('const a = █', '');
      await pause();
      otherEngine.write('f(x);');
      otherEngine.end();
      await settle();
      await pipeline.complete(repeated[0]!, new AbortController().signal);
      const before = history.expect(CONTEXT).rightShare;
      void ask('const a = f(x);█');
      await settle();
      assert.equal(history.expect(CONTEXT).rightShare, before);
    });

    it('joins the better model’s decode if the typed text agrees with it and nothing was shown', async () => {
      await typed('const a = █', '');
      await pause();
      otherEngine.write('f(');
      pipeline.edited('file:///a.ts', 'f', 0);
      const outcome = ask('const a = f█');
      await settle();
      otherEngine.write('x);');
      otherEngine.end();
      assert.equal(textOf(await outcome), '(x);');
      assert.deepEqual(repeated, []);
    });

    it('is not asked of the better model once the user continues', async () => {
      await typed('const a = █', '');
      pipeline.edited('file:///a.ts', 'z', 0);
      await pause();
      assert.equal(otherEngine.requests.length, 0);
    });

    it('is not asked of another model if there is none', async () => {
      pipeline.drop(imported);
      await typed('const a = █', '');
      const before = engine.requests.length;
      await pause();
      assert.equal(engine.requests.length, before);
    });

    it('has the better model’s prompt read first if that takes long, and a key stops it at once', async () => {
      const long = `${'const a = b(c);\n'.repeat(60)}const d = █`;
      for (let i = 0; i < 9; i++) imported.costs.observe(imported.costs.named('Other').submodel, 100, 800, 0, 0);
      await typed(long, 'f(x);');
      await pause();
      const [first] = otherEngine.requests;
      assert.equal(first?.request.maxTokens, 0, 'it only reads');
      assert.ok(first.request.prompt.length < 64, 'in short chunks, because it is slow');
      pipeline.edited('file:///a.ts', 'z', 0);
      assert.equal(first.signal.aborted, true);
      await settle();
      assert.equal(otherEngine.requests.length, 1);
    });

    it('comes from the better model once its prompt was read', async () => {
      const long = `${'const a = b(c);\n'.repeat(60)}const d = █`;
      for (let i = 0; i < 9; i++) imported.costs.observe(imported.costs.named('Other').submodel, 100, 800, 0, 0);
      await typed(long, 'f(x);');
      await pause();
      let read = 0;
      while (otherEngine.requests.at(-1)!.request.maxTokens === 0) {
        read++;
        otherEngine.end('length');
        await settle();
        assert.ok(read < 200);
      }
      assert.ok(read > 2, String(read));
      otherEngine.write('f(x, y);');
      otherEngine.end();
      await settle();
      assert.equal(textOf(await ask(long.replace('█', 'f(█'))), 'x, y);');
    });
  });
});
