import assert from 'node:assert/strict';
import { hasDiverged } from '../../../../src/completion/reuse/divergence';
import { generationAt, sinceAt } from './earlier';

describe('the typed text', () => {
  const cases: [string, string, boolean][] = [
    ['has not diverged before a key', 'a = █', false],
    ['has not diverged if it agrees with the model’s output', 'a = f(█', false],
    ['has not diverged if it continues after the model’s output', 'a = f(x);  //█', false],
    ['has diverged if it is other text', 'a = g█', true],
    ['has not diverged on the next line', 'a = g();\n█', false],
    ['is unknown, and has not diverged, elsewhere', 'b = █', false],
  ];
  for (const [name, drawn, expected] of cases) {
    it(name, () => {
      assert.equal(hasDiverged(generationAt('a = █', 'f(x);'), sinceAt(drawn)), expected);
    });
  }

  it('is compared with all of the model’s output, shown or not', () => {
    const hidden = generationAt('a = █', 'f(x);', { suggestion: { text: 'other', replaces: 0 } });
    assert.equal(hasDiverged(hidden, sinceAt('a = f█')), false);
    assert.equal(hasDiverged(hidden, sinceAt('a = o█')), true);
  });
});
