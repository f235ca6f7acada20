import assert from 'node:assert/strict';
import { fateOf } from '../../../../src/completion/reuse/fate';

describe('what became of a suggestion', () => {
  const cases: [string, string, string, string, number | 'open' | 'lost'][] = [
    ['was accepted', 'a = █', 'f(x);', 'a = f(x);█', 5],
    ['was accepted, and more was typed', 'a = █', 'f(x);', 'a = f(x); // yes█', 5],
    ['is being typed', 'a = █', 'f(x);', 'a = f(█', 'open'],
    ['was not what was typed', 'a = █', 'f(x);', 'a = g█', 0],
    ['was right but for its end', 'a = █', 'f(x);', 'a = f(y█', 0],
    ['was right in its first line', 'a = █', 'f(x);\nb();', 'a = f(x);\nc█', 5],
    ['cannot be known where the cursor went elsewhere', 'a = █', 'f(x);', 'b█', 'lost'],
  ];
  for (const [name, then, text, now, expected] of cases) {
    it(name, () => {
      const place = (drawn: string) => ({ document: 'a.ts', prefix: drawn.replace('█', ''), suffix: '' });
      const fate = fateOf({ ...place(then), suggestion: { text, replaces: 0 } }, place(now));
      assert.equal(fate.kind === 'settled' ? fate.characters : fate.kind, expected);
    });
  }
});
