import assert from 'node:assert/strict';
import { closerOf, closingHead, isClosingLine, keyOfPair } from '../../../../src/completion/syntax/closers';

describe('what closes', () => {
  const heads: [string, string, string[], number][] = [
    ['typescript', ')]}', [')', ']', '}'], 3],
    ['typescript', ') { a', [')'], 1],
    ['typescript', ' */', ['*/'], 3],
    ['python', ' */', [], 0],
    ['html', '</a></li> b', ['</a>', '</li>'], 9],
    ['typescriptreact', '} />', ['}', '/>'], 4],
    ['jinja-html', ' -%}</b>', ['-%}', '</b>'], 8],
    ['lua', ']] --', [']', ']'], 2],
    ['markdown', '**', ['*', '*'], 2],
    ['typescript', '; )', [], 0],
  ];
  for (const [languageId, rest, marks, length] of heads) {
    it(`is told mark by mark in ${languageId}: ${JSON.stringify(rest)}`, () => {
      assert.deepEqual(closingHead(rest, languageId), { marks, length });
    });
  }

  const lines: [string, string, boolean][] = [
    ['typescript', ' */', true],
    ['python', '    """', true],
    ['markdown', '```', true],
    ['markdown', '---', true],
    ['html', '-->', true],
    ['typescript', '---', false],
    ['python', ' */', false],
    ['typescript', ' *', false],
    ['typescript', '', false],
  ];
  for (const [languageId, line, isOne] of lines) {
    it(`${isOne ? 'is' : 'is not'} a line of its own in ${languageId}: ${JSON.stringify(line)}`, () => {
      assert.equal(isClosingLine(line, languageId), isOne);
    });
  }

  it('is what an editor may have written on the rest of the line', () => {
    assert.deepEqual(closingHead(');', 'typescript'), { marks: [')'], length: 1 });
    assert.deepEqual(closingHead('</b>', 'html'), { marks: ['</b>'], length: 4 });
    assert.deepEqual(closingHead('</b>', 'rust'), { marks: [], length: 0 });
    assert.deepEqual(closingHead(' */', 'java'), { marks: ['*/'], length: 3 });
  });

  it('is what an editor writes behind a key', () => {
    assert.equal(closerOf('(', 'f', 'rust'), ')');
    assert.equal(closerOf("'", 'f<', 'rust'), undefined);
    assert.equal(closerOf("'", 'don', 'typescript'), undefined);
    assert.equal(closerOf("'", 'a = ', 'typescript'), "'");
    assert.equal(closerOf('>', '<ul class="a"', 'html'), '</ul>');
    assert.equal(closerOf('>', '<br', 'html'), undefined);
    assert.equal(closerOf('>', 'a: Map<string', 'typescriptreact'), undefined);
    assert.equal(closerOf('*', '/*', 'typescript'), ' */');
  });

  it('names the key where an editor wrote a pair at once', () => {
    assert.equal(keyOfPair('()', 'typescript'), '(');
    assert.equal(keyOfPair("''", 'rust'), "''");
    assert.equal(keyOfPair('ab', 'typescript'), 'ab');
  });
});
