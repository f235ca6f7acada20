import assert from 'node:assert/strict';
import { closerOf, closingHead, isClosingLine, keyOfPair } from '../../../../src/completion/syntax/closers';

describe('closing marks', () => {
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
    it(`are split into single marks in ${languageId}: ${JSON.stringify(rest)}`, () => {
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
    it(`${isOne ? 'form' : 'do not form'} a line of their own in ${languageId}: ${JSON.stringify(line)}`, () => {
      assert.equal(isClosingLine(line, languageId), isOne);
    });
  }

  it('are inserted by an editor after a key', () => {
    assert.equal(closerOf('(', 'f', 'rust'), ')');
    assert.equal(closerOf("'", 'f<', 'rust'), undefined);
    assert.equal(closerOf("'", 'don', 'typescript'), undefined);
    assert.equal(closerOf("'", 'a = ', 'typescript'), "'");
    assert.equal(closerOf('>', '<ul class="a"', 'html'), '</ul>');
    assert.equal(closerOf('>', '<br', 'html'), undefined);
    assert.equal(closerOf('>', 'a: Map<string', 'typescriptreact'), undefined);
    assert.equal(closerOf('*', '/*', 'typescript'), ' */');
  });

  it('are not part of the typed text if an edit inserted a whole pair', () => {
    assert.equal(keyOfPair('()', 'typescript'), '(');
    assert.equal(keyOfPair('/** */', 'typescript'), '/**');
    assert.equal(keyOfPair('<!---->', 'html'), '<!--');
    assert.equal(keyOfPair("''", 'rust'), "''");
    assert.equal(keyOfPair('ab', 'typescript'), 'ab');
  });
});
