import assert from 'node:assert/strict';
import { typedAlong } from '../../../../src/completion/reuse/reuse';

const place = (text: string, document = 'a.ts') => {
  const [prefix = '', suffix = ''] = text.split('█');
  return { document, prefix, suffix };
};
const along = (then: string, suggested: string, now: string, document = 'a.ts', replaces = 0) =>
  typedAlong({ ...place(then), suggestion: { text: suggested, replaces } }, place(now, document));

describe('typing along with a suggestion', () => {
  const cases: [string, string, string, string, { text: string; replaces: number } | undefined][] = [
    ['keeps it as it is where nothing was typed', 'a.█', 'push(b);', 'a.█', { text: 'push(b);', replaces: 0 }],
    ['keeps what is left of it', 'a.█', 'push(b);', 'a.pu█', { text: 'sh(b);', replaces: 0 }],
    ['ends where something else is typed', 'a.█', 'push(b);', 'a.po█', undefined],
    ['ends where all of it is typed', 'a.█', 'b', 'a.b█', undefined],
    ['ends where text before it was deleted', 'a.█', 'push(b);', 'a█', undefined],
    ['replaces the bracket that the editor closed', 'a.█', 'push(b);', 'a.push(█)', { text: 'b);', replaces: 1 }],
    ['replaces brackets within brackets', 'a█', '([{x}]);', 'a([{█}])', { text: 'x}]);', replaces: 3 }],
    ['ends where the suggestion does not close that bracket', 'a█', '(b', 'a(█)', undefined],
    ['ends where the text after it changed', 'a.█;', 'b', 'a.█;x', undefined],
  ];
  for (const [name, then, suggested, now, expected] of cases) {
    it(name, () => {
      assert.deepEqual(along(then, suggested, now), expected);
    });
  }

  it('ends in another document', () => {
    assert.equal(along('a.█', 'push(b);', 'a.pu█', 'b.ts'), undefined);
  });

  it('replaces less where a bracket that it replaces was typed over', () => {
    assert.deepEqual(along('f(█)\n', 'b).c;', 'f(b)█\n', 'a.ts', 1), { text: '.c;', replaces: 0 });
    assert.equal(along('f(█);\n', 'b).c;', 'f(b)█x;\n', 'a.ts', 1), undefined);
  });

  const long = Array.from({ length: 40 }, (_, i) => `const value${i} = ${i};\n`).join('');

  it('goes on where the excerpt ends earlier for the bracket that the editor closed', () => {
    const now = `a.push(█)${`\n${long}`.slice(0, 499)}`;
    assert.deepEqual(along(`a.█${`\n${long}`.slice(0, 500)}`, 'push(b);', now), { text: 'b);', replaces: 1 });
    assert.equal(along(`a.█${`\n${long}`.slice(0, 500)}`, 'push(b);', now.replace('value1 ', 'other ')), undefined);
  });

  it('goes on where the excerpt begins later meanwhile', () => {
    assert.deepEqual(along(`${long}a.█`, 'push(b);', `${long.slice(100)}a.pu█`), { text: 'sh(b);', replaces: 0 });
  });
});
