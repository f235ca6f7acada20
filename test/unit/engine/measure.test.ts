import assert from 'node:assert/strict';
import type { Engine } from '../../../src/engine/engine';
import { measureCosts } from '../../../src/engine/measure';
import type { CheckpointConfig } from '../../../src/matlm/config';
import { exampleConfig } from '../model';

describe('the measured costs', () => {
  /** Takes a millisecond a token of the prompt, and two a token of the text. */
  const engine: Engine = {
    generate: ({ prompt, maxTokens }, _signal, emit) => {
      const prefilledTokens = prompt.length;
      emit({ type: 'prefill', reusedTokens: 0, prefilledTokens, prefillMs: prefilledTokens });
      const decodeMs = 2 * (maxTokens - 1);
      emit({ type: 'end', reason: 'length', decodedTokens: maxTokens, passes: maxTokens - 1, decodeMs });
    },
  };
  const cost = { prefillMsPerToken: 1, decodeMsPerToken: 2 };
  const config = exampleConfig();

  it('tell whoever waits for them of each step, because a pass of a large model may take half a second', async () => {
    let steps = 0;
    let works = 0;
    await measureCosts(engine, config, async (work) => {
      const before = steps;
      const result = await work(() => steps++);
      assert.equal(steps - before, 2, 'the prefill and the end');
      works++;
      return result;
    });
    assert.ok(works >= 3, `${works}`);
  });

  it('are of all sizes that skip no layer', async () => {
    assert.deepEqual(await measureCosts(engine, config), { S: cost, M: cost, L: cost, XL: cost });
  });

  it('are of XL alone if the model was not trained nested', async () => {
    const { XL = [] } = config.granularities;
    const dense: CheckpointConfig = { ...config, granularities: { XL }, frontier: [] };
    assert.deepEqual(await measureCosts(engine, dense), { XL: cost });
  });
});
