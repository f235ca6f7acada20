import assert from 'node:assert/strict';
import { importsOf } from '../../../../src/completion/prompt/imports';
import { documentPath } from '../../../../src/completion/prompt/path';

describe('the imports of a document', () => {
  const cases: [string, string, string][] = [
    [
      'TypeScript',
      "// head\nimport a from 'a';\nimport {\n  b,\n  c,\n} from 'b';\n\nrun();\n",
      "import a from 'a';\nimport {\n  b,\n  c,\n} from 'b';\n",
    ],
    ['CommonJS', "'use strict';\nconst a = require('a');\nconst b = 1;\n", "const a = require('a');\n"],
    ['Python', 'import os\nfrom a import (\n    b,\n)\nx = 1\n', 'import os\nfrom a import (\n    b,\n)\n'],
    ['C', '#include <stdio.h>\nint main() {}\n', '#include <stdio.h>\n'],
    ['Rust', 'use std::io;\npub use a::b;\nfn main() {}\n', 'use std::io;\npub use a::b;\n'],
    ['nothing', 'const importance = 1;\nimporter();\n', ''],
  ];
  for (const [name, head, expected] of cases) {
    it(`are found in ${name}`, () => {
      assert.equal(importsOf(head, 1000), expected);
    });
  }

  it('are cut at whole imports, without the unfinished line at the end of the head', () => {
    assert.equal(
      importsOf("import a from 'a';\nimport b from 'b';\nimport c fr", 1000),
      "import a from 'a';\nimport b from 'b';\n",
    );
    assert.equal(importsOf("import a from 'a';\nimport b from 'b';\n", 20), "import a from 'a';\n");
  });
});

describe("a document's path in the prompt", () => {
  const cases: [string, string, string, string][] = [
    ['is as it is in the project', 'src/a.ts', 'typescript', 'src/a.ts'],
    ['has forward slashes', 'src\\a.ts', 'typescript', 'src/a.ts'],
    ['is the name alone outside the project', '/home/me/private/a.ts', 'typescript', 'a.ts'],
    ['tells the language of an untitled document', 'Untitled-1', 'python', 'Untitled-1.py'],
    ["tells the language of a notebook's cell", 'study/a.ipynb', 'python', 'study/a.py'],
    ['stays if the language is not known', 'Makefile', 'makefile', 'Makefile'],
    ['stays if the language has the name of an object’s property', 'notes', 'constructor', 'notes'],
  ];
  for (const [name, path, language, expected] of cases) {
    it(name, () => {
      assert.equal(documentPath(path, language), expected);
    });
  }
});
