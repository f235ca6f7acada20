import assert from 'node:assert/strict';
import { Planner, requestSettings } from '../../../src/completion/plan';
import { shapeByIndentation } from '../../../src/completion/syntax/shape';
import { CostModel } from '../../../src/governor/costs';
import { History } from '../../../src/governor/history';
import { UNKNOWN_MACHINE } from '../../../src/governor/machine';
import { cursorContextAt } from '../../../src/governor/place';
import { AUTO } from '../../../src/governor/settings';
import { TypingRhythm } from '../../../src/governor/typing';
import { SIZES } from '../../../src/matlm/config';
import { exampleConfig, small } from '../model';
import { requestAt } from './hand';

const COST = { prefillMsPerToken: 1, decodeMsPerToken: 1 };
const SETTINGS = requestSettings(AUTO, 'balanced');

describe('a plan', () => {
  let planner: Planner;
  let history: History;

  beforeEach(async () => {
    const config = exampleConfig();
    history = new History();
    planner = new Planner({
      checkpoint: { ...(await small()), config },
      costs: new CostModel(config, Object.fromEntries(SIZES.map((size) => [size, COST]))),
      rhythm: new TypingRhythm(),
      history,
      syntax: { shapeAt: (_languageId, excerpt) => Promise.resolve(shapeByIndentation(excerpt, false)) },
      machine: () => UNKNOWN_MACHINE,
      now: () => 0,
    });
  });

  async function planned(...args: Parameters<Planner['plan']>) {
    const plan = await planner.plan(...args);
    assert.ok(plan && 'prompt' in plan, JSON.stringify(plan));
    return plan;
  }

  it('has a key for the submodel, the required score and a line or a block', async () => {
    const fixed = requestSettings({ ...AUTO, submodel: 'M' }, 'eager');
    assert.equal((await planned(requestAt('const a = █'), fixed)).cacheKey, 'M 0.3 line');
    assert.equal((await planned(requestAt('const a = █', { explicit: true }), fixed)).cacheKey, 'M 0 line');
    assert.equal((await planned(requestAt('if (a) {\n  █\n}'), fixed)).cacheKey, 'M 0.3 block');
  });

  it('counts only the tokens that the engine has not read as new', async () => {
    const byHand = requestAt('const a = █', { explicit: true });
    const msOf = (reason: string) => Number(/about (\d+) ms/.exec(reason)![1]);
    const { prompt, decision } = await planned(byHand, SETTINGS);
    planner.wasRead(prompt.tokens);
    const again = await planned(byHand, SETTINGS);
    // One millisecond a token, by the costs above.
    assert.equal(msOf(decision.reason) - msOf(again.decision.reason), prompt.tokens.length);
  });

  it('knows the cursor’s context, and whether the typed text diverged', async () => {
    const { cursorContext } = await planned(requestAt('const a = █'), SETTINGS, { diverged: true });
    assert.deepEqual(cursorContext, { place: 'word start', seen: false, diverged: true });
  });

  it('is none if it is not wanted any more', async () => {
    assert.equal(await planner.plan(requestAt('const a = █'), SETTINGS, { isWanted: () => false }), undefined);
  });

  it('is remembered only for a request: what else is declined says nothing of the place', async () => {
    const request = requestAt('const a = █');
    const quiet = requestSettings({ ...AUTO, manualOnly: true }, 'balanced');
    for (const purpose of ['speculative', 'refinement', 'requested'] as const) {
      const declined = await planner.plan(request, quiet, { purpose });
      assert.ok(declined && !('prompt' in declined));
      assert.equal(history.declinedInARow(cursorContextAt('word start')), purpose === 'requested' ? 1 : 0, purpose);
    }
  });
});
