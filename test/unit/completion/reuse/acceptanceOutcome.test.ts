import assert from 'node:assert/strict';
import { acceptanceOutcome } from '../../../../src/completion/reuse/acceptanceOutcome';
import { generationAt, sinceAt } from './earlier';

describe('the acceptance outcome of a suggestion', () => {
  const cases: [string, string, string, string, number | 'open' | 'lost'][] = [
    ['is all of it if it was accepted', 'a = █', 'f(x);', 'a = f(x);█', 5],
    ['is all of it if more was typed since', 'a = █', 'f(x);', 'a = f(x); // yes█', 5],
    ['is open while it is typed', 'a = █', 'f(x);', 'a = f(█', 'open'],
    ['is 0 if other text was typed', 'a = █', 'f(x);', 'a = g█', 0],
    ['is 0 if its end was wrong', 'a = █', 'f(x);', 'a = f(y█', 0],
    ['is its first line if only that was right', 'a = █', 'f(x);\nb();', 'a = f(x);\nc█', 5],
    ['is unknown if the cursor moved elsewhere', 'a = █', 'f(x);', 'b█', 'lost'],
  ];
  for (const [name, then, text, now, expected] of cases) {
    it(name, () => {
      const outcome = acceptanceOutcome(generationAt(then, text), sinceAt(now));
      assert.equal(outcome.kind === 'settled' ? outcome.characters : outcome.kind, expected);
    });
  }

  it('is unknown if the user continued in another document', () => {
    assert.equal(acceptanceOutcome(generationAt('a = █', 'f();'), sinceAt('a = f();█', 'file:///b.ts')).kind, 'lost');
  });
});
