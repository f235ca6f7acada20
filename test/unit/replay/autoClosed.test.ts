import assert from 'node:assert/strict';
import { AutoClosed } from '../../../src/replay/autoClosed';

describe('text that the editor closes by itself', () => {
  /** The inserted text after the cursor once some text was typed. */
  function after(text: string, length: number, languageId = 'typescript'): string {
    const closed = new AutoClosed(languageId);
    for (let at = 0; at < length;) {
      const keys = /^(\n[ \t]*|[^])/.exec(text.slice(at))![0];
      const line = text.slice(text.lastIndexOf('\n', at - 1) + 1, at);
      closed.typed(keys, line, text.slice(at + keys.length));
      at += keys.length;
    }
    return closed.text;
  }
  const cases: [string, string, string][] = [
    ['is closed behind the cursor', 'call([', '])'],
    ['is typed over', 'call([a])', ''],
    ['goes to the line below, with the indentation of its own', '  if (a) {\n    b', '\n  }'],
    ['is reached at the end of the body', 'if (a) {\n  b;\n\n  c;\n}', ''],
    ['leaves the bracket of the outer body', 'f() {\n  if (a) {\n    b;\n  }\n  c', '\n}'],
    ['closes a quote', "x = 'a", "'"],
    ['takes no apostrophe for a quote', "// don't", ''],
    ['is deleted if it is not typed over', "// as in 'a\nnext", ''],
  ];
  for (const [name, text, expected] of cases) {
    it(name, () => {
      assert.equal(after(text, text.length), expected);
    });
  }

  const languages: [string, string, string, string][] = [
    ['html', 'closes a tag', '<ul><li class="a">', '</li></ul>'],
    ['html', 'closes no tag that holds nothing', '<img src="a"><br>', ''],
    ['html', 'has the closing tag below the body', '<ul>\n  ', '\n</ul>'],
    ['html', 'closes a comment', '<!-- a', '-->'],
    ['typescriptreact', 'closes a tag', 'return <b>', '</b>'],
    ['typescriptreact', 'takes no type argument for a tag', 'const a = new Map<string>', ''],
    ['typescriptreact', 'takes no arrow for the end of a tag', '<A b={() =>', '}'],
    ['typescript', 'closes a comment for documentation', '/** a', ' */'],
    ['python', 'closes no such comment', '/** a', ''],
    ['rust', 'takes no lifetime for a quote', "fn f<'a", ''],
    ['markdown', 'closes no quote', 'the "word', ''],
    ['css', 'closes a quote', 'content: "a', '"'],
  ];
  for (const [languageId, name, text, expected] of languages) {
    it(`${name}, in ${languageId}`, () => {
      assert.equal(after(text, text.length, languageId), expected);
    });
  }

  it('is replaced by a suggestion that closes it too', () => {
    const closed = new AutoClosed('typescript');
    closed.typed('(', 'call', '');
    closed.taken(1);
    assert.equal(closed.text, '');
  });
});
