import assert from 'node:assert/strict';
import { namesOf, type Private, withoutPrivate } from '../../../../src/ui/diagnostics/redact';

const NONE: Private = { paths: [], names: [] };
const ANNA: Private = {
  paths: ['/home/anna', '/home/anna/My Models', 'C:\\Users\\Anna Maria', '/srv/Größe und Maß'],
  names: ['anna', 'Anna Maria', 'annas-laptop'],
};

/** A message, and what is left of it. */
const CASES: readonly [what: string, text: string, rest: string, known?: Private][] = [
  ['a path of Linux', '/opt/models/config.json: the file is empty', '<path>: the file is empty'],
  ['a path of macOS', '/Users/anna/Library/x.node: no', '<path>: no'],
  ['a path at the end of a sentence', 'looked at /opt/a.node and /opt/b.node.', 'looked at <path> and <path>.'],
  ['a path in brackets', 'the engine ended (/opt/a.js:12)', 'the engine ended (<path>)'],
  [
    'a quoted path with blanks',
    "ENOENT: no such file or directory, open '/home/eva/My Models/config.json'",
    "ENOENT: no such file or directory, open '<path>'",
  ],
  ['a quoted folder with blanks at its end', 'scandir "/home/eva/My Models"', 'scandir "<path>"'],
  ['a folder with blanks on the way', '/home/eva/My old models/config.json: bad', '<path>: bad'],
  ['a file with blanks', '/home/eva/my model.safetensors: cut off', '<path>: cut off'],
  ['a path of Windows', 'C:\\Users\\Eva\\model.safetensors: cut off', '<path>: cut off'],
  ['a path of Windows with blanks', 'D:\\My Models\\the best one.bin: cut off', '<path>: cut off'],
  ['a drive in lower case with slashes', 'c:/Users/Eva/x.json is missing', '<path> is missing'],
  ['an escaped path of Windows', '{"path":"C:\\\\Users\\\\Eva\\\\x.json"}', '{"path":"<path>"}'],
  ['a UNC path', 'cannot open \\\\server\\share\\Eva\\x.json, sorry', 'cannot open <path>, sorry'],
  ['a UNC path with blanks', '\\\\server\\Team Share\\x y.json: no', '<path>: no'],
  ['a UNC path with slashes', 'at //server/share/x.json', 'at <path>'],
  ['a long path of Windows', '\\\\?\\C:\\Users\\Eva\\x.json: too long', '<path>: too long'],
  ['a file URL', 'file:///home/eva/My%20Models/x.js:3:1 failed', '<path> failed'],
  ['a file URL of Windows', 'file:///c%3A/Users/Eva/x.js', '<path>'],
  ['a remote address', 'vscode-remote://ssh-remote+eva%40host/srv/x.ts is open', '<path> is open'],
  ['a web address', 'see https://eva.example/x?y=z for it', 'see <path> for it'],
  ['a home folder', '~/models/x.json: no', '<path>: no'],
  ['a known folder with blanks at its end', '/home/anna/My Models: no such folder', '<path>: no such folder', ANNA],
  ['a file in a known folder', '/home/anna/My Models/my x.json: bad', '<path>: bad', ANNA],
  ['a known folder in other slashes', 'c:/users/anna maria/x.json is missing', '<path> is missing', ANNA],
  ['a known folder in a URL', 'at file:///C:/Users/Anna%20Maria/x.js', 'at <path>', ANNA],
  ['a known folder that is not ASCII', '/srv/Größe und Maß: no such folder', '<path>: no such folder', ANNA],
  ['a user’s name', 'anna may not do this', '<name> may not do this', ANNA],
  ['a name of two words, and a machine’s', 'Anna Maria@annas-laptop', '<name>@<name>', ANNA],
  ['no name inside another word', 'Susanna planned it', 'Susanna planned it', ANNA],
  [
    'a folder with blanks at its end, before a colon',
    'cannot open D:\\Eva Private: no such file',
    'cannot open <path>: no such file',
  ],
  ['a home folder with blanks at its end', '/Users/eva maria', '<path>'],
  ['an apostrophe in a quoted path', "open '/home/o'brien/My Docs/x.ts' failed", "open '<path>' failed"],
  ['no text between two quoted paths', "rename '/a/b' -> '/c/d', 'e'", "rename '<path>' -> '<path>', 'e'"],
  ['a path after a word and a colon', 'cwd:/home/eva/x', '<path>'],
  ['a relative path', '../../eva/secret.ts is closed', '<path> is closed'],
  ['an address of a person', 'write to eva.k@example.co.uk, please', 'write to <name>, please'],
  [
    'the text after a path and a colon',
    '/a/b.node: wrong ELF class: ELFCLASS32',
    '<path>: wrong ELF class: ELFCLASS32',
  ],
  ['no text without a path', 'ended by SIGSEGV (3/4 done), and/or not; 5 % of a core: n/a', ''],
  ['no fraction and no option', 'reads 1/2 of --max-old-space, a:b, C: is a letter', ''],
];

describe('what is passed on leaves out', () => {
  for (const [what, text, rest, known = NONE] of CASES) {
    it(what, () => {
      assert.equal(withoutPrivate(text, known), rest === '' ? text : rest);
    });
  }

  it('a path with blanks at the end of a long message, of which only a part is passed on', () => {
    const known: Private = { paths: ['C:\\Users\\Eva Maria Kahn'], names: [] };
    for (let before = 960; before <= 1000; before++) {
      const left = withoutPrivate(`${'x'.repeat(before)} C:\\Users\\Eva Maria Kahn\\a b.ts`, known);
      assert.doesNotMatch(left, /Eva|Maria|Kahn/);
      assert.ok(left.length <= 1000);
    }
  });

  it('the parts of names, but not those of a system’s account', () => {
    assert.deepEqual(namesOf(['Eva Kahn', 'ekahn'], 'evas-mac.corp.example'), [
      ...['Eva Kahn', 'Eva', 'Kahn', 'ekahn'],
      ...['evas-mac.corp.example', 'evas-mac'],
    ]);
    assert.deepEqual(namesOf(['root', 'root'], 'localhost.localdomain'), ['localhost.localdomain']);
  });

  it('everything private of every message that holds it, wherever it stands', () => {
    const places = [
      '/home/anna/My Models/a b/x.json',
      'C:\\Users\\Anna Maria\\My Models\\x.json',
      '/home/anna/My Models',
    ];
    const messages = ['% is bad', 'bad: %', "open '%'", '(%)', 'looked at % and %. Reinstall it.', '%:3:1', '[%,%]'];
    for (const place of places) {
      for (const message of messages) {
        const left = withoutPrivate(message.replaceAll('%', place), ANNA);
        assert.doesNotMatch(left, /anna|maria|models|x\.json/i, message);
      }
    }
  });
});
