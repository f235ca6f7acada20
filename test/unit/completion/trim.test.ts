import assert from 'node:assert/strict';
import { confident, cursorOf, isComplete, trim } from '../../../src/completion/trim';

/** The text with its cursor drawn as █. */
function at(text: string, multiline: boolean) {
  const [prefix = '', suffix = ''] = text.split('█');
  return cursorOf(prefix, suffix, multiline);
}

/** What the document becomes when the suggestion is accepted, or undefined where nothing is suggested. */
function accepted(text: string, written: string, multiline: boolean): string | undefined {
  const suggestion = trim(written, at(text, multiline));
  const [prefix = '', suffix = ''] = text.split('█');
  return suggestion && prefix + suggestion.text + suffix.slice(suggestion.replaces);
}

describe('trimming a single line', () => {
  const cases: [string, string, string, string | undefined][] = [
    ['keeps the line', 'const a = █\nb();', 'f(x);\nmore();', 'const a = f(x);\nb();'],
    ['takes nothing from the next line', 'const a = 1;█', '\nconst b = 2;', undefined],
    ['drops blanks at its end', 'return █', 'x;  \n', 'return x;'],
    ['drops a bracket that the editor closed already', 'call(█)', 'a, b)', 'call(a, b)'],
    ['drops a bracket and a semicolon that follow', 'call(█);', 'a, b);', 'call(a, b);'],
    ['leaves the editor’s bracket where the text closes its own', 'call(█)', 'a, f(b)', 'call(a, f(b))'],
    ['replaces a bracket that it closes further in', 'if (█)', 'a) {', 'if (a) {'],
    ['drops a quote that follows', "import x from './█';", "x';", "import x from './x';"],
    ['suggests nothing but blanks never', 'x();█', '   \n', undefined],
  ];
  for (const [name, text, written, expected] of cases) {
    it(name, () => {
      assert.equal(accepted(text, written, false), expected);
    });
  }
});

describe('trimming several lines', () => {
  const cases: [string, string, string, string | undefined][] = [
    ['keeps a block that it opens and closes', 'if (a) █\n', '{\n  b();\n}\nc();', 'if (a) {\n  b();\n}\n'],
    [
      'ends where the block ends that the cursor stands in',
      '  f() {\n    █\n  }',
      'a();\n    b();\n  }\n\n  g() {',
      '  f() {\n    a();\n    b();\n  }',
    ],
    [
      'ends before the line that follows already',
      '  a();\n  █\n  return x;',
      'b();\n  return x;',
      '  a();\n  b();\n  return x;',
    ],
    [
      'keeps an inner bracket that only resembles it',
      'f() {\n  █\n}',
      'if (a) {\n    b();\n  }\n  c();',
      'f() {\n  if (a) {\n    b();\n  }\n}',
    ],
    ['ends a loop of lines', '█', 'a(123);\nb(123);\na(123);\nb(123);', 'a(123);\nb(123);'],
    [
      'ends a loop of blocks',
      '█',
      'if (task.id === id) {\n  a();\n  b();\n}\nif (task.id === id) {\n  c();',
      'if (task.id === id) {\n  a();\n  b();\n}',
    ],
    ['ends at two blank lines', 'a();█', '\nb();\n\n\nc();', 'a();\nb();'],
    [
      'shows eight lines at the most',
      '█',
      Array.from({ length: 20 }, (_, i) => `line${i}();`).join('\n'),
      Array.from({ length: 8 }, (_, i) => `line${i}();`).join('\n'),
    ],
  ];
  for (const [name, text, written, expected] of cases) {
    it(name, () => {
      assert.equal(accepted(text, written, true), expected);
    });
  }
});

describe('confidence', () => {
  const pieces = (...list: [string, number][]) => list.map(([text, probability]) => ({ text, probability }));

  it('shows all that the model is sure of', () => {
    assert.equal(confident(pieces(['a', 0.9], ['(b)', 0.5]), 0.1), 'a(b)');
  });

  it('ends before the first guess', () => {
    assert.equal(confident(pieces(['a', 0.9], ['.', 0.9], ['b', 0.01], ['c', 0.9]), 0.1), 'a.');
  });

  it('drops a word of which only the beginning is sure', () => {
    assert.equal(confident(pieces(['this', 0.9], ['.', 0.9], ['get', 0.9], ['Foo', 0.01]), 0.1), 'this.');
  });
});

describe('a decode', () => {
  it('is complete with its line, where one line is wanted', () => {
    const cursor = at('const a = █', false);
    assert.equal(isComplete('f(x)', cursor), false);
    assert.equal(isComplete('\n', cursor), false);
    assert.equal(isComplete('f(x);\n', cursor), true);
  });

  it('is complete when it leaves its block', () => {
    const cursor = at('  f() {\n    █\n  }', true);
    assert.equal(isComplete('a();\n    b();\n', cursor), false);
    assert.equal(isComplete('a();\n    b();\n  }\n', cursor), true);
  });

  it('is complete when it repeats itself', () => {
    assert.equal(isComplete('again();\nagain();\n', at('█', true)), true);
  });
});
