import assert from 'node:assert/strict';
import { judge } from '../../../../src/cli/evaluation/judge';
import { type Kind, type Span } from '../../../../src/cli/evaluation/spans';
import { firstWord } from '../../../../src/cli/evaluation/words';

/** A span from the document with its cursor drawn as █ and what its author wrote there. */
function spanOf(document: string, truth: string, kind: Kind = 'rest'): Span {
  const [prefix = '', suffix = ''] = document.split('█');
  const linePrefix = prefix.slice(prefix.lastIndexOf('\n') + 1);
  const below = suffix.slice(suffix.indexOf('\n'));
  const original = linePrefix + truth + (kind === 'brackets' ? below : suffix);
  return { kind, path: 'a.ts', prefix, suffix, truth, original };
}

describe('the judgement of a suggestion', () => {
  const cases: [string, Span, string, number, { accepted: boolean; right: boolean; duplicates: boolean }][] = [
    ['the author’s line', spanOf('const a = █\nb();', 'f(x);'), 'f(x);', 0, verdict('accepted')],
    ['half of it', spanOf('const a = █\nb();', 'f(x);'), 'f(', 0, verdict('right')],
    ['another line', spanOf('const a = █\nb();', 'f(x);'), 'g(y);', 0, verdict('wrong')],
    ['too much', spanOf('const a = █\nb();', 'f(x)'), 'f(x, y)', 0, verdict('wrong')],
    ['the line that follows', spanOf('a();\n█\nb();', 'c();', 'line'), 'b();', 0, verdict('duplicates')],
    ['the first line of two', spanOf('{\n  █\n}', 'a();\n  b();', 'block'), 'a();\n  c();', 0, verdict('half')],
    ['a bracket twice', spanOf('f(█)\nb();', 'x);', 'brackets'), 'y)', 0, verdict('duplicates')],
    ['the text in the brackets', spanOf('f(█)\nb();', 'x);', 'brackets'), 'x', 0, verdict('accepted')],
    ['a bracket replaced', spanOf('if (█)\nb();', 'x) {', 'brackets'), 'x) {', 1, verdict('accepted')],
  ];
  for (const [name, span, text, replaces, expected] of cases) {
    it(`of ${name}`, () => {
      const { accepted, right, duplicates } = judge(span, { text, replaces });
      assert.deepEqual({ accepted, right, duplicates }, expected);
    });
  }

  it('is exact if the suggestion is the author’s text and no more', () => {
    const exact = (text: string) => judge(spanOf('  █\nb();', 'return x;', 'line'), { text, replaces: 0 }).exact;
    assert.deepEqual(['return x;', 'return x;\n  bar();', 'return'].map(exact), [true, false, false]);
  });

  it('of none', () => {
    const { shown, chars } = judge(spanOf('a█', 'b'), undefined);
    assert.deepEqual({ shown, chars }, { shown: false, chars: 0 });
  });

  it('counts the characters that a right suggestion saves, less those that it replaces', () => {
    assert.equal(judge(spanOf('if (█)\nb();', 'x) {', 'brackets'), { text: 'x) {', replaces: 1 }).chars, 3);
    assert.equal(judge(spanOf('a = █', 'b;'), { text: 'c;', replaces: 0 }).chars, 0);
  });
});

function verdict(what: 'accepted' | 'half' | 'right' | 'wrong' | 'duplicates') {
  return {
    accepted: what === 'accepted' || what === 'half',
    right: what === 'accepted' || what === 'right',
    duplicates: what === 'duplicates',
  };
}

describe('VS Code’s words', () => {
  const cases: [string, string | undefined][] = [
    ['const total = 1;\nreturn to█', 'tal'],
    ['const total = 1;\nconst tone = 2;\nto█', 'ne'],
    ['const total = 1;\nreturn █', undefined],
    ['const total = 1;\nreturn 1█', undefined],
    ['return tot█\nconst total = 1;', 'al'],
    ['const a = 1;\nreturn zz█', undefined],
  ];
  for (const [document, expected] of cases) {
    it(`at ${JSON.stringify(document)}: ${expected ?? 'none'}`, () => {
      assert.equal(firstWord(spanOf(document, ''))?.text, expected);
    });
  }
});
