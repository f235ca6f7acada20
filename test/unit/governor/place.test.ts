import assert from 'node:assert/strict';
import { type CodePlace, codePlaceAt } from '../../../src/governor/place';

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
