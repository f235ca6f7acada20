import assert from 'node:assert/strict';
import { acceptanceOutcome } from '../../../../src/completion/reuse/acceptanceOutcome';
import { generationAt, sinceAt } from './earlier';

describe('what became of a suggestion', () => {
  const cases: [string, string, string, string, number | 'open' | 'lost'][] = [
    ['was accepted', 'a = █', 'f(x);', 'a = f(x);█', 5],
    ['was accepted, and more was typed', 'a = █', 'f(x);', 'a = f(x); // yes█', 5],
    ['is being typed', 'a = █', 'f(x);', 'a = f(█', 'open'],
    ['was not what was typed', 'a = █', 'f(x);', 'a = g█', 0],
    ['was right but for its end', 'a = █', 'f(x);', 'a = f(y█', 0],
    ['was right in its first line', 'a = █', 'f(x);\nb();', 'a = f(x);\nc█', 5],
    ['is unknown if the cursor moved elsewhere', 'a = █', 'f(x);', 'b█', 'lost'],
  ];
  for (const [name, then, text, now, expected] of cases) {
    it(name, () => {
      const outcome = acceptanceOutcome(generationAt(then, text), sinceAt(now));
      assert.equal(outcome.kind === 'settled' ? outcome.characters : outcome.kind, expected);
    });
  }

  it('is unknown if the user went on in another document', () => {
    assert.equal(acceptanceOutcome(generationAt('a = █', 'f();'), sinceAt('a = f();█', 'file:///b.ts')).kind, 'lost');
  });
});
