import assert from 'node:assert/strict';
import { english, type Phrase } from '../../../src/localisation/phrase';
import { type ModelInUse, Models } from '../../../src/completion/models';
import type { Prompt } from '../../../src/completion/prompt/prompt';
import { Planner, type PlannerParts, requestSettings } from '../../../src/completion/plan';
import { shapeByIndentation } from '../../../src/completion/syntax/shape';
import type { MemoryMatch, MemoryPlace } from '../../../src/engine/memory';
import { CostModel } from '../../../src/governor/costs';
import { DutyCycle, WINDOW_MS } from '../../../src/governor/dutyCycle';
import { History } from '../../../src/governor/history';
import { UNKNOWN_MACHINE } from '../../../src/governor/machine';
import { AUTO } from '../../../src/governor/settings';
import { TypingRhythm } from '../../../src/governor/typing';
import { SIZES } from '../../../src/matlm/config';
import { exampleConfig, small } from '../model';
import { HandEngine, requestAt } from './hand';

const COST = { prefillMsPerToken: 1, decodeMsPerToken: 1 };
const SETTINGS = requestSettings(AUTO, 'balanced');

describe('a plan', () => {
  let planner: Planner;
  let parts: PlannerParts;
  let model: ModelInUse;

  beforeEach(async () => {
    const config = exampleConfig();
    const checkpoint = { ...(await small()), config };
    model = {
      checkpoint,
      engine: new HandEngine((text) => checkpoint.tokenizer.encode(text)),
      costs: new CostModel(config, Object.fromEntries(SIZES.map((size) => [size, COST]))),
    };
    parts = {
      models: new Models(model),
      rhythm: new TypingRhythm(),
      history: new History(),
      syntax: { shapeAt: (_languageId, excerpt) => Promise.resolve(shapeByIndentation(excerpt, false)) },
      machine: () => UNKNOWN_MACHINE,
      now: () => 0,
    };
    planner = new Planner(parts);
  });

  const cache = () => parts.models.main.cache;

  async function planned(...args: Parameters<Planner['plan']>) {
    const plan = await planner.plan(...args);
    assert.ok(plan && 'prompt' in plan, JSON.stringify(plan));
    return plan;
  }

  it('has a key for the submodel, the required score and a line or a block', async () => {
    const fixed = requestSettings({ ...AUTO, submodel: 'M' }, 'eager');
    assert.equal((await planned(requestAt('const a = █'), fixed)).cacheKey, 'M 0.3 line');
    assert.equal((await planned(requestAt('const a = █', { explicit: true }), fixed)).cacheKey, 'M 0 line 0');
    assert.equal((await planned(requestAt('if (a) {\n  █\n}'), fixed)).cacheKey, 'M 0.3 block');
  });

  it('has another key by hand if the workspace has changed, and the same while typing', async () => {
    const keyOf = async (explicit: boolean, revision: number) =>
      (await planned({ ...requestAt('const a = █', { explicit }), memory: { revision } }, SETTINGS)).cacheKey;
    assert.notEqual(await keyOf(true, 1), await keyOf(true, 2));
    assert.equal(await keyOf(false, 1), await keyOf(false, 2));
  });

  it('counts only tokens outside the engine’s cache as new', async () => {
    const byHand = requestAt('const a = █', { explicit: true });
    const msOf = (reason: Phrase) => Number(/about (\d+) ms/.exec(english(reason))![1]);
    const { prompt, decision } = await planned(byHand, SETTINGS);
    cache().wasRead(prompt.tokens);
    const again = await planned(byHand, SETTINGS);
    // By the costs above, one millisecond per token.
    assert.equal(msOf(decision.reason) - msOf(again.decision.reason), prompt.tokens.length);
  });

  it('knows the cursor’s context, and whether the typed text diverged', async () => {
    const { cursorContext } = await planned(requestAt('const a = █'), SETTINGS, { diverged: true });
    assert.deepEqual(cursorContext, { place: 'word start', seen: false, diverged: true });
  });

  describe('for a model whose suffix comes last', () => {
    const SUFFIX = `\n${Array.from({ length: 30 }, (_, i) => `value${i} = ${i};\n`).join('')}`;
    const lengthOf = ({ prompt: { tokens, textEnd } }: { prompt: Prompt }) => tokens.length - textEnd;
    let nowMs: number;

    beforeEach(() => {
      nowMs = 0;
      planner = plannerOf();
    });

    function plannerOf(dutyCycle?: DutyCycle): Planner {
      const { checkpoint } = model;
      const psm = { ...checkpoint, prompt: { ...checkpoint.prompt, order: 'psm' as const } };
      parts = { ...parts, models: new Models({ ...model, checkpoint: psm }) };
      return new Planner({ ...parts, now: () => nowMs }, dutyCycle);
    }

    /** The user types at this pace, and the request comes after a pause. */
    function types(gapMs: number, pauseMs: number): void {
      for (let i = 0; i < 10; i++) parts.rhythm.key((nowMs += gapMs), 'inside a word');
      nowMs += pauseMs;
    }

    it('is short while the user types and long in a pause', async () => {
      const request = requestAt('const a = b█', { suffix: SUFFIX });
      types(120, 50);
      const typing = await planned(request, SETTINGS);
      nowMs += 5000;
      const pause = await planned(request, SETTINGS);
      const byHand = await planned({ ...request, explicit: true }, SETTINGS);
      // A millisecond a token: half of the 70 that are left until the next key, and of the 200 in a pause.
      assert.ok(lengthOf(typing) <= 37, `${lengthOf(typing)} while typing`);
      assert.ok(lengthOf(pause) > 60 && lengthOf(pause) <= 102, `${lengthOf(pause)} in a pause`);
      assert.ok(lengthOf(byHand) > 110, `${lengthOf(byHand)} by hand`);
    });

    it('counts the suffix as new after each key', async () => {
      const { prompt } = await planned(requestAt('const a = b█', { suffix: SUFFIX, explicit: true }), SETTINGS);
      cache().wasRead(prompt.tokens);
      const next = await planned(requestAt('const a = b;\n█', { suffix: SUFFIX, explicit: true }), SETTINGS);
      assert.ok(cache().unreadOf(next.prompt.tokens) >= lengthOf(next));
    });

    it('is not read ahead', async () => {
      const dutyCycle = new DutyCycle();
      nowMs = WINDOW_MS;
      dutyCycle.worked(0.6 * WINDOW_MS, WINDOW_MS);
      const busy = plannerOf(dutyCycle);
      types(120, 50);
      const declined = await busy.plan(requestAt(`${'const a = b;\n'.repeat(60)}c█`, { suffix: SUFFIX }), SETTINGS);
      assert.ok(declined && 'unread' in declined && declined.unread, 'nothing is to be read ahead');
      assert.equal(declined.unread.tokens.at(-1), model.checkpoint.prompt.tokens.suffix);
    });
  });

  describe('with a memory of the workspace', () => {
    const SURE: MemoryMatch = { length: 12, count: 3, topShare: 1 };
    let looked: { tokens: readonly number[]; place: MemoryPlace }[];

    const plannerFinding = (match: MemoryMatch | undefined) =>
      new Planner({
        ...parts,
        models: new Models({
          ...model,
          lookUp: (tokens, place) => {
            looked.push({ tokens, place });
            return Promise.resolve(match);
          },
        }),
      });

    beforeEach(() => {
      looked = [];
    });

    it('takes the cheapest submodel if the memory is sure, for this place only', async () => {
      planner = plannerFinding(SURE);
      const here = { ...requestAt('const a = █'), memory: { document: 3, hiddenLines: [4, 4] as const } };
      const { decision } = await planned(here, SETTINGS);
      assert.equal(decision.submodel.name, 'S');
      assert.match(english(decision.reason), /the workspace says how the text goes on$/);
      const { tokenizer } = model.checkpoint;
      assert.equal(tokenizer.decode(looked[0]!.tokens), 'const a = ');
      assert.equal(looked[0]!.place, here.memory);
    });

    it('takes the same as without if the memory is not sure or answers late', async () => {
      const without = await planned(requestAt('const a = █'), SETTINGS);
      for (const match of [{ ...SURE, length: 11 }, { ...SURE, topShare: 0.9 }, undefined]) {
        planner = plannerFinding(match);
        const { decision } = await planned(requestAt('const a = █'), SETTINGS);
        assert.equal(decision.submodel.name, without.decision.submodel.name);
        assert.notEqual(decision.submodel.name, 'S');
      }
    });

    it('is not looked up if it could not change the submodel', async () => {
      planner = plannerFinding(SURE);
      const byHand = await planned(requestAt('const a = █', { explicit: true }), SETTINGS);
      const fixed = await planned(requestAt('const a = █'), requestSettings({ ...AUTO, submodel: 'XL' }, 'balanced'));
      assert.deepEqual(
        [byHand, fixed].map((plan) => plan.decision.submodel.name),
        ['XL', 'XL'],
      );
      assert.deepEqual(looked, []);
    });

    it('does not keep the cheapest submodel for the next place', async () => {
      let match: MemoryMatch | undefined = SURE;
      planner = new Planner({
        ...parts,
        models: new Models({ ...model, lookUp: () => Promise.resolve(match) }),
      });
      await planned(requestAt('const a = █'), SETTINGS);
      match = undefined;
      assert.notEqual((await planned(requestAt('const b = █'), SETTINGS)).decision.submodel.name, 'S');
    });
  });

  it('is none if it is no longer wanted', async () => {
    assert.equal(await planner.plan(requestAt('const a = █'), SETTINGS, { isWanted: () => false }), undefined);
  });

  it('names the prompt to read ahead if it is declined and the pause would have to wait for it', async () => {
    const dutyCycle = new DutyCycle();
    const busy = new Planner(
      { ...parts, rhythm: typingAt(100), machine: () => UNKNOWN_MACHINE, now: () => NOW_MS },
      dutyCycle,
    );
    dutyCycle.worked(NOW_MS - 0.4 * WINDOW_MS, NOW_MS);
    const cold = await busy.plan(requestAt(`${'const a = b(c);\n'.repeat(80)}const d = █`), SETTINGS);
    assert.ok(cold && 'unread' in cold && cold.unread, JSON.stringify(cold));
    assert.ok(cold.unread.tokens.length > 300 && cold.unread.submodel.name === 'XS');
    cache().wasRead(cold.unread.tokens);
    const warm = await busy.plan(requestAt(`${'const a = b(c);\n'.repeat(80)}const d = █`), SETTINGS);
    assert.ok(warm && !('prompt' in warm) && warm.unread === undefined, JSON.stringify(warm));
  });

  it('knows which tokens a submodel with skipped layers has prefilled', async () => {
    const { S = [], XS = [] } = exampleConfig().granularities;
    const { prompt } = await planned(requestAt('const a = █', { explicit: true }), SETTINGS);
    const msNow = async () => {
      const { decision } = await planned(requestAt('const a = █', { explicit: true }), SETTINGS);
      return Number(/about (\d+) ms/.exec(english(decision.reason))![1]);
    };
    const coldMs = await msNow();
    cache().wasRead(prompt.tokens, XS);
    assert.equal(cache().unreadOf(prompt.tokens), 0);
    assert.equal(await msNow(), coldMs, 'the larger ones read it again');
    cache().wasRead(prompt.tokens, S);
    const warmMs = await msNow();
    assert.ok(warmMs < coldMs);
    cache().wasRead([...prompt.tokens, 5], XS);
    assert.equal(await msNow(), warmMs, 'what was whole stays whole');
  });

  it('shows the model the same text after the cursor while the editor closes brackets', async () => {
    const { prompt } = await planned(requestAt('function f() █\nfoo();\n'), SETTINGS);
    cache().wasRead(prompt.tokens);
    const opened = await planned(requestAt('function f() {\n  █\n}\nfoo();\n'), SETTINGS);
    assert.ok(cache().unreadOf(opened.prompt.tokens) < 12, String(cache().unreadOf(opened.prompt.tokens)));
  });
});

const NOW_MS = 100_000;

function typingAt(gapMs: number): TypingRhythm {
  const rhythm = new TypingRhythm();
  for (let key = 6; key > 0; key--) rhythm.key(NOW_MS - key * gapMs, 'word start');
  return rhythm;
}
