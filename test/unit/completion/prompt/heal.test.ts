import assert from 'node:assert/strict';
import { healingPrefix } from '../../../../src/completion/prompt/heal';
import type { Tokenizer } from '../../../../src/matlm/tokenizer';
import { small } from '../../model';

describe('the healing prefix', () => {
  let tokenizer: Tokenizer;
  before(async () => {
    ({ tokenizer } = await small());
  });

  const cases: [string, string, string][] = [
    ['a word that the cursor cuts', 'if (x) cons█', ' cons'],
    ['a part of a word in camelCase', 'getFoo█', 'Foo'],
    ['the first letter of a name', 'get█', 'get'],
    ['a digit alone', 'x12█', '2'],
    ['a blank, which the next word may begin with', 'return █', ' '],
    ['several blanks', 'a   █', '   '],
    ['a tab in a line', 'a\t█', '\t'],
    ['a line end', 'a;\n█', '\n'],
    ['a line end with its indentation', 'a {\n    █', '\n    '],
    ['a line end with tabs', 'a {\n\t\t█', '\n\t\t'],
    ['a CRLF line end', 'a {\r\n\t█', '\r\n\t'],
    ['a line end without the blanks before it', 'a {  \n█', '\n'],
    ['a run of punctuation', 'foo(() █', ' '],
    ['punctuation together with the blank before it', 'x =>█', ' =>'],
    ['letters beyond ASCII', 'const größ█', 'öß'],
    ['characters that are two units of UTF-16', "x = '😀█", " '😀"],
    ['nothing of an empty document', '█', ''],
    ['nothing of a run longer than any token', `// ${'='.repeat(60)}█`, ''],
  ];
  for (const [name, text, expected] of cases) {
    it(name, () => {
      assert.equal(healingPrefix(tokenizer, text.replace('█', '')), expected);
    });
  }

  it('leaves tokens that are a prefix of the whole text’s tokens, for any text', () => {
    const pieces = [
      'cons',
      'ole',
      '.',
      ' ',
      '  ',
      '\t',
      '\n',
      '\r\n',
      '\n    ',
      '世界',
      'é',
      '😀',
      '=>',
      '({',
      '12',
      'getFoo',
      '_x',
    ];
    let seed = 11;
    const below = (n: number) => (seed = (seed * 16807) % 2147483647) % n;
    for (let round = 0; round < 3000; round++) {
      const text = Array.from({ length: 1 + below(9) }, () => pieces[below(pieces.length)]!).join('');
      const back = healingPrefix(tokenizer, text);
      assert.ok(text.endsWith(back));
      const kept = tokenizer.encode(text.slice(0, text.length - back.length));
      assert.deepEqual(tokenizer.encode(text).slice(0, kept.length), kept, JSON.stringify(text));
    }
  });
});
