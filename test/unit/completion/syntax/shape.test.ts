import assert from 'node:assert/strict';
import { join } from 'node:path';
import { Grammars } from '../../../../src/completion/syntax/grammars';
import { GRAMMARS } from '../../../../src/completion/syntax/languages';
import { shapeByIndentation, SyntaxByGrammar } from '../../../../src/completion/syntax/shape';
import { ROOT } from '../../model';

const EMPTY = 'the block is empty';
const HEAD = 'the body is missing';
const COMMENT = 'a comment describes the next statement';
const LINE = 'the rest of a line';

/** By language, texts with a drawn cursor and the reasons for a block or a line. */
const shapes: Record<string, [string, string][]> = {
  typescript: [
    ['function f() {\n  █\n}', EMPTY],
    ['function f() {█}', EMPTY],
    ['class A {\n  private a = 1;\n\n  f(): void {\n    █\n  }\n}', EMPTY],
    ['class A {\n  █\n}', EMPTY],
    ['interface A {\n  █\n}', EMPTY],
    ['const a = {\n  █\n};', EMPTY],
    ['items.map((item) => {\n  █\n});', EMPTY],
    ['function f() {\n  // to do\n  █\n}', EMPTY],
    ['function f(a: number) █', HEAD],
    ['function f(a: number): █', HEAD],
    ['function f(a: number): string █', HEAD],
    ['class A {\n  f() █\n}', HEAD],
    ['if (a > b) █\n', HEAD],
    ['for (const a of b) █\n', HEAD],
    ['items.forEach((item) => █);', HEAD],
    ['class A extends B █', HEAD],
    ['f();\n\n// Add up all prices.\n█\n', COMMENT],
    ['class A {\n  a = 1;\n\n  /** The sum of both. */\n  █\n}', COMMENT],
    ['function f() {\n  a();\n  █\n}', LINE],
    ['function f() {\n  █\n  return 1;\n}', LINE],
    ['const a = █', LINE],
    ['const a = [█];', LINE],
    ['return █;', LINE],
    ['a();█', 'the line is complete'],
    ['a();█ // why', LINE],
    ['const text = "function f() {█";', LINE],
    ['// function f() {█', LINE],
    ['const a = `${█}`;', LINE],
    ['f(a, █)', LINE],
    ['const { █ } = a;', LINE],
    ['// Add up all prices.\n█\nconst a = sum(prices);', LINE],
    ['f(); // trailing words here\n█\n', LINE],
    ['//\n█\n', LINE],
  ],
  typescriptreact: [
    ['const A = () => <div>\n  █\n</div>;', EMPTY],
    ['function A() {\n  █\n}', EMPTY],
    ['const A = () => <div>{█}</div>;', LINE],
  ],
  javascript: [
    ['function f() {\n  █\n}', EMPTY],
    ['while (a) █\n', HEAD],
    ['a = █', LINE],
  ],
  python: [
    ['def f(a):\n    █\n', EMPTY],
    ['class A:\n    def f(self):\n        █\n\n    def g(self):\n        return 1\n', EMPTY],
    ['if a:█\n', EMPTY],
    ['def f(a, b)█\n', HEAD],
    ['for a in b█\n', HEAD],
    ['# Add up all prices.\n█\n', COMMENT],
    ['def f():\n    a = 1\n    █\n', LINE],
    ['a[1:█]', LINE],
    ['a: █', LINE],
  ],
  json: [
    ['{\n  "a": {\n    █\n  }\n}', EMPTY],
    ['{\n  "a": █\n}', LINE],
  ],
  css: [
    ['a {\n  █\n}', EMPTY],
    ['.button:hover █\n', HEAD],
    ['a {\n  color: █;\n}', LINE],
  ],
  html: [
    ['<ul>\n  █\n</ul>', EMPTY],
    ['<ul>\n  <li>a</li>\n  █\n</ul>', LINE],
  ],
  go: [
    ['package a\n\nfunc f() {\n\t█\n}', EMPTY],
    ['package a\n\nfunc f(a int) █\n', HEAD],
    ['package a\n\n// F adds up all prices.\n█\n', COMMENT],
    ['package a\n\nvar a = █', LINE],
  ],
  rust: [
    ['fn f() {\n    █\n}', EMPTY],
    ['struct A {\n    █\n}', EMPTY],
    ['fn f(a: u8) -> u8 █\n', HEAD],
    ['let a = █;', LINE],
  ],
  c: [
    ['int f(void) {\n  █\n}', EMPTY],
    ['int f(int a) █\n', HEAD],
    ['int a = █;', LINE],
  ],
  cpp: [
    ['class A {\n  █\n};', EMPTY],
    ['void A::f() █\n', HEAD],
    ['auto a = █;', LINE],
  ],
  java: [
    ['class A {\n  void f() {\n    █\n  }\n}', EMPTY],
    ['class A {\n  void f(int a) █\n}', HEAD],
    ['class A {\n  int a = █;\n}', LINE],
  ],
};

function excerptOf(text: string) {
  const [prefix = '', suffix = ''] = text.split('█');
  return { path: 'a', prefix, prefixStart: 0, suffix };
}

describe('one line or a block', () => {
  const grammars = new Grammars(join(ROOT, 'dist', 'grammars'));
  const syntax = new SyntaxByGrammar(grammars);

  before(() => Promise.all(Object.keys(GRAMMARS).map((language) => grammars.load(language))));
  after(() => {
    grammars.dispose();
  });

  for (const [language, cases] of Object.entries(shapes)) {
    for (const [text, reason] of cases) {
      it(`in ${language}, ${JSON.stringify(text)}: ${reason}`, async () => {
        const shape = await syntax.shapeAt(language, excerptOf(text), false);
        assert.deepEqual([shape.reason, shape.block], [reason, reason !== LINE]);
      });
    }
  }

  it('every grammar is there', () => {
    for (const language of Object.keys(GRAMMARS)) assert.ok(grammars.get(language), language);
  });
});

describe('one line or a block, in a language without a grammar', () => {
  const cases: [string, string][] = [
    ['function f() {\n  █\n}', EMPTY],
    ['def f():\n  █', EMPTY],
    ['{\n  █\n  a: 1\n}', LINE],
    ['-- Add up all prices.\n█\n', COMMENT],
    ['a = █', LINE],
  ];
  for (const [text, reason] of cases) {
    it(`${JSON.stringify(text)}: ${reason}`, () => {
      assert.equal(shapeByIndentation(excerptOf(text), false).reason, reason);
    });
  }

  it('a block if the user asks by hand at the end of a line', () => {
    assert.equal(shapeByIndentation(excerptOf('a = █\n'), true).reason, 'asked for by hand');
    assert.equal(shapeByIndentation(excerptOf('f(█)\n'), true).block, false);
  });
});
