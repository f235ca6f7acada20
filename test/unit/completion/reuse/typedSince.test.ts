import assert from 'node:assert/strict';
import { isSameSuffix, TypedSince } from '../../../../src/completion/reuse/typedSince';
import { requestAt } from '../hand';
import { sinceAt } from './earlier';

describe('the text typed since an earlier position', () => {
  const long = Array.from({ length: 40 }, (_, i) => `const value${i} = ${i};\n`).join('');

  const cases: [string, string, string, string | undefined][] = [
    ['is nothing if the text is the same', 'a = █', 'a = █', ''],
    ['is the text in between', 'a = █', 'a = f(█', 'f('],
    ['may span lines', 'a = █', 'a = f();\nb█', 'f();\nb'],
    ['is unknown after a deletion', 'a = f█', 'a = █', undefined],
    ['is unknown if other text is there', 'a = █', 'b = f█', undefined],
    ['is found if the excerpt begins later', `${long}a = █`, `${long.slice(100)}a = f█`, 'f'],
    ['is unknown if too little of the excerpt is left', 'x();\na = █', 'a = f█', undefined],
    [
      'is unknown if more was typed than any suggestion is long',
      `${long}█`,
      `${long.slice(9)}${'x'.repeat(1001)}█`,
      undefined,
    ],
  ];
  for (const [name, then, now, expected] of cases) {
    it(name, () => {
      assert.equal(sinceAt(now).at(requestAt(then)), expected);
    });
  }

  it('is unknown in another document', () => {
    assert.equal(sinceAt('a = f█', 'file:///b.ts').at(requestAt('a = █')), undefined);
  });

  it('is computed once for each position', () => {
    let reads = 0;
    const since = new TypedSince(requestAt('a = f█'));
    const position = {
      document: 'file:///a.ts',
      suffix: '',
      get prefix() {
        reads++;
        return 'a = ';
      },
    };
    assert.equal(since.at(position), 'f');
    const [readsOnce] = [reads];
    assert.equal(since.at(position), 'f');
    assert.equal(reads, readsOnce);
  });
});

describe('the text after the cursor', () => {
  const text = 'const value = compute(first, second);\n'.repeat(10);
  const cases: [string, string, string, boolean][] = [
    ['is the same if both are empty', '', '', true],
    ['differs if one is empty', ');', '', false],
    ['differs if little is left to compare', ');\n', ');\nnext();', false],
    ['is the same if one excerpt ends earlier', text, text.slice(0, 250), true],
    ['differs in one character', text, text.replace('first', 'other'), false],
  ];
  for (const [name, a, b, expected] of cases) {
    it(name, () => {
      assert.equal(isSameSuffix(a, b), expected);
      assert.equal(isSameSuffix(b, a), expected);
    });
  }
});
