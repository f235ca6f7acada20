import assert from 'node:assert/strict';
import { english } from '../../../../src/localisation/phrase';
import type { Decoded } from '../../../../src/completion/decode/decode';
import { generationOf, outcomeOf, workOf } from '../../../../src/completion/reuse/generation';
import { planAt } from './earlier';

const DECODED: Decoded = {
  pieces: [],
  tokens: [7, 8],
  prefilledTokens: 3,
  decodedTokens: 2,
  passes: 1,
  prefillMs: 4,
  decodeMs: 5,
  aborted: false,
  endedBy: 'stop',
};

function generated(drawn: string, pieces: [string, number][], plan: Parameters<typeof planAt>[1] = {}) {
  const planned = planAt(drawn, plan);
  const decoded = { ...DECODED, pieces: pieces.map(([text, probability]) => ({ text, probability })) };
  return generationOf(planned, 'requested', decoded, undefined, workOf(planned, decoded, 130));
}

describe('a generation', () => {
  it('suggests the confident part after the filters', () => {
    const generation = generated('a = █', [
      ['value', 0.9],
      ['s;', 0.9],
      ['\n', 0.9],
      ['more', 0.9],
    ]);
    assert.deepEqual(generation.suggestion, { text: 'values;', replaces: 0 });
    assert.equal(outcomeOf(generation).kind, 'shown');
  });

  it('knows the submodel, the request’s position and the work', () => {
    const { submodel, position, cacheKey, work } = generated('a = █', [['f();', 0.9]], { submodel: 'XL' });
    assert.deepEqual([submodel, position.prefix, cacheKey], ['XL', 'a = ', 'XL 0.5 line']);
    assert.deepEqual(
      [work.submodel, work.promptTokens, work.prefilledTokens, work.decodedTokens, work.passes, work.latencyMs],
      ['XL', 3, 3, 2, 1, 30],
    );
  });

  it('is unsure if the confidence in every part is too low, and keeps the output', () => {
    const generation = generated('a = █', [['f();', 0.3]]);
    assert.deepEqual([generation.suggestion, generation.isUnsure], [undefined, true]);
    assert.deepEqual(generation.pieces, [{ text: 'f();', probability: 0.3 }]);
    const outcome = outcomeOf(generation);
    assert.deepEqual(outcome.kind === 'unsure' && [outcome.submodel, english(outcome.reason)], [
      'S',
      'the confidence was too low',
    ]);
  });

  it('is never unsure if everything is shown', () => {
    assert.deepEqual(generated('a = █', [['f();', 0.01]], { minScore: 0 }).suggestion?.text, 'f();');
    const blank = generated('a = █', [['  ', 0.01]], { minScore: 0 });
    assert.equal(outcomeOf(blank).kind, 'empty');
  });

  it('is empty, and names the filter, if the filters leave nothing', () => {
    const outcome = outcomeOf(generated('f(█);', [[');', 0.99]]));
    assert.match(
      outcome.kind === 'empty' ? english(outcome.reason) : outcome.kind,
      /^the filter \w+ removed all of it$/,
    );
  });

  it('is empty if the model wrote nothing', () => {
    const outcome = outcomeOf(generated('done();█', []));
    assert.equal(outcome.kind === 'empty' && english(outcome.reason), 'nothing to add');
  });
});
