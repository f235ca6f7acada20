import assert from 'node:assert/strict';
import { remainingOf } from '../../../../src/completion/reuse/remaining';
import { generationAt, sinceAt } from './earlier';

const remaining = (then: string, suggested: string, now: string, replaces = 0, document?: string) =>
  remainingOf(generationAt(then, suggested, { suggestion: { text: suggested, replaces } }), sinceAt(now, document))
    ?.suggestion;

describe('typing along with a suggestion', () => {
  const cases: [string, string, string, string, { text: string; replaces: number } | undefined, number?][] = [
    ['keeps it as it is if nothing was typed', 'a.█', 'push(b);', 'a.█', { text: 'push(b);', replaces: 0 }],
    ['keeps the rest of it', 'a.█', 'push(b);', 'a.pu█', { text: 'sh(b);', replaces: 0 }],
    ['ends if other text is typed', 'a.█', 'push(b);', 'a.po█', undefined],
    ['ends if all of it is typed', 'a.█', 'b', 'a.b█', undefined],
    ['ends if text before it was deleted', 'a.█', 'push(b);', 'a█', undefined],
    ['replaces the bracket that the editor closed', 'a.█', 'push(b);', 'a.push(█)', { text: 'b);', replaces: 1 }],
    ['replaces earlier brackets too', 'f(█)', 'g(b));', 'f(g(█))', { text: 'b));', replaces: 2 }, 1],
    ['replaces brackets within brackets', 'a█', '([{x}]);', 'a([{█}])', { text: 'x}]);', replaces: 3 }],
    ['ends if the suggestion does not close that bracket', 'a█', '(b', 'a(█)', undefined],
    ['ends if it was cut before it closes that bracket', 'if█', ' (isValid(x)', 'if (█)', undefined],
    ['knows that a bracket in a string closes nothing', 's.at█', '("(");', 's.at(█)', { text: '"(");', replaces: 1 }],
    ['ends if it closes only a bracket of its own', 'f█', '([i for i in g(x)', 'f(█)', undefined],
    ['ends if it closes the brackets in another order', 'a█', '([b)]', 'a([█])', undefined],
    [
      'replaces a bracket behind one of its own',
      'if█',
      ' (isValid(x)) {',
      'if (█)',
      { text: 'isValid(x)) {', replaces: 1 },
    ],
    ['replaces the quote that the editor closed', 'a = █', "'b';", "a = '█'", { text: "b';", replaces: 1 }],
    ['ends if the text after it changed', 'a.█;', 'b', 'a.█;x', undefined],
  ];
  for (const [name, then, suggested, now, expected, replaces] of cases) {
    it(name, () => {
      assert.deepEqual(remaining(then, suggested, now, replaces), expected);
    });
  }

  it('ends in another document', () => {
    assert.equal(remaining('a.█', 'push(b);', 'a.pu█', 0, 'file:///b.ts'), undefined);
  });

  it('replaces less if a bracket that it replaces was typed over', () => {
    assert.deepEqual(remaining('f(█)\n', 'b).c;', 'f(b)█\n', 1), { text: '.c;', replaces: 0 });
    assert.equal(remaining('f(█);\n', 'b).c;', 'f(b)█x;\n', 1), undefined);
  });

  const long = Array.from({ length: 40 }, (_, i) => `const value${i} = ${i};\n`).join('');

  it('continues if the excerpt ends earlier because of an inserted bracket', () => {
    const now = `a.push(█)${`\n${long}`.slice(0, 499)}`;
    assert.deepEqual(remaining(`a.█${`\n${long}`.slice(0, 500)}`, 'push(b);', now), { text: 'b);', replaces: 1 });
    assert.equal(remaining(`a.█${`\n${long}`.slice(0, 500)}`, 'push(b);', now.replace('value1 ', 'other ')), undefined);
  });

  it('continues if the excerpt begins later now', () => {
    assert.deepEqual(remaining(`${long}a.█`, 'push(b);', `${long.slice(100)}a.pu█`), { text: 'sh(b);', replaces: 0 });
  });
});
