import assert from 'node:assert/strict';
import { type CodePlace, codePlaceAt, isSeen } from '../../../src/governor/place';

describe('the place in the code', () => {
  const cases: [string, CodePlace][] = [
    ['function f() {\n  █', 'block start'],
    ['def f():\n    █', 'block start'],
    ['const f = () =>\n  █', 'block start'],
    ['const a = 1;\n█', 'line start'],
    ['if (a) {\n\n  █', 'block start'],
    ['user.█', 'after a dot'],
    ['const █', 'word start'],
    ['f(█', 'word start'],
    ['const a█', 'inside a word'],
    ['const ab█', 'inside a word'],
    ['const abc█', 'deep in a word'],
    ['a =█', 'after a symbol'],
    ['done();█', 'statement end'],
    ['f(a)█', 'statement end'],
    ['// what█', 'comment'],
    ['  * what █', 'comment'],
    ['# what█', 'comment'],
    ['a(); // what█', 'comment'],
    ['#include█', 'deep in a word'],
    ['█', 'line start'],
  ];
  for (const [text, place] of cases) {
    it(`is ${place} in ${JSON.stringify(text)}`, () => {
      assert.equal(codePlaceAt(text.replace('█', '')), place);
    });
  }
});

describe('the text before the cursor', () => {
  const line = 'return total(readings);';
  const cases: [string, string, boolean][] = [
    ['occurs above too', `${line}\n${line}█`, true],
    ['occurs below too', `${line}█\n${line}`, true],
    ['occurs once', `${line}█`, false],
    ['differs from the text above', `${line}\nreturn total(values);█`, false],
    ['is too short to tell', 'a = 1;\na = 1;█', false],
  ];
  for (const [name, text, expected] of cases) {
    it(`${name}: ${expected ? 'seen' : 'new'}`, () => {
      const [prefix = '', suffix = ''] = text.split('█');
      assert.equal(isSeen(prefix, suffix), expected);
    });
  }
});
