import assert from 'node:assert/strict';
import { phrase, verbatim } from '../../../src/localisation/phrase';
import { describe as describeOutcome, type Outcome } from '../../../src/completion/outcome';

describe('an outcome in the log', () => {
  const suggestion = { text: 'secret();', replaces: 0 };
  const work = {
    submodel: 'XL',
    reason: phrase('a pause in typing'),
    promptTokens: 200,
    prefilledTokens: 12,
    decodedTokens: 5,
    passes: 4,
    prefillMs: 3,
    decodeMs: 20,
    latencyMs: 23.4,
  };
  const took = 'XL, 23 ms (prefill 12 of 200 tokens, 5 decoded): a pause in typing';
  const reason = verbatim('because');

  const cases: [Outcome, string][] = [
    [{ kind: 'shown', suggestion, work }, `shown, ${took}`],
    [{ kind: 'reused', suggestion, submodel: 'S', reason }, 'reused, because'],
    [{ kind: 'kept', suggestion, submodel: 'S', reason, work }, `kept, because, ${took}`],
    [{ kind: 'gated', cause: 'selection', reason }, 'gated, because'],
    [{ kind: 'declined', reason, considered: 'S' }, 'declined, because'],
    [{ kind: 'unsure', reason, submodel: 'S' }, 'unsure, because'],
    [{ kind: 'unsure', reason, submodel: 'XL', work }, `unsure, because, ${took}`],
    [{ kind: 'empty', reason, work }, `empty, because, ${took}`],
    [{ kind: 'superseded', reason }, 'superseded, because'],
    [{ kind: 'failed', reason }, 'failed, because'],
  ];
  for (const [outcome, line] of cases) {
    it(`is one line with its reason and nothing of the text: ${line.split(',')[0]}`, () => {
      assert.equal(describeOutcome(outcome), line);
    });
  }
});
