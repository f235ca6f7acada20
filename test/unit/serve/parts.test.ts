import assert from 'node:assert/strict';
import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { TextDocument } from 'vscode-languageserver-textdocument';
import { splitPrompt } from '../../../src/serve/http/markers';
import { insertionOf } from '../../../src/serve/insertion';
import { languageOfText, LanguagesOfTexts } from '../../../src/serve/languageOfText';
import { isSameDocument, linesAround } from '../../../src/serve/lineSets';
import { applyChanges } from '../../../src/serve/lsp/documents';
import { ChangesOnDisk } from '../../../src/serve/workspace/changesOnDisk';
import { FileFinder } from '../../../src/serve/workspace/fileFinder';
import { diskFolder } from '../../../src/workspace/disk';
import { temporaryFolder } from '../../temporary';

describe('a prompt with markers', () => {
  const cases: [name: string, prompt: string, prefix: string, suffix: string][] = [
    ['Qwen', '<|fim_prefix|>a<|fim_suffix|>b<|fim_middle|>', 'a', 'b'],
    ['StarCoder', '<fim_prefix>a<fim_suffix>b<fim_middle>', 'a', 'b'],
    ['StarCoder, suffix first', '<fim_prefix><fim_suffix>b<fim_middle>a', 'a', 'b'],
    ['DeepSeek', '<｜fim▁begin｜>a<｜fim▁hole｜>b<｜fim▁end｜>', 'a', 'b'],
    ['CodeLlama', '<PRE> a <SUF>b <MID>', ' a ', 'b '],
    ['Codestral', '[SUFFIX]b[PREFIX]a', 'a', 'b'],
    ['Seed-Coder', '<[fim-suffix]>b<[fim-prefix]>a<[fim-middle]>', 'a', 'b'],
    ['GLM', '<|code_prefix|>a<|code_suffix|>b<|code_middle|>', 'a', 'b'],
    ['with the beginning of a text', '<s>[SUFFIX]b[PREFIX]a', 'a', 'b'],
  ];
  for (const [name, prompt, prefix, suffix] of cases) {
    it(`is taken apart: ${name}`, () => {
      const split = splitPrompt(prompt)!;
      assert.deepEqual([split.prefix, split.suffix], [prefix, suffix]);
    });
  }

  it('names its file and other files', () => {
    const before = '<|repo_name|>r\n<|file_sep|>src/b.ts\nlet b;\n<|file_sep|>src/a.ts\n';
    const split = splitPrompt(`${before}<|fim_prefix|>let a = <|fim_suffix|>;<|fim_middle|>`)!;
    assert.deepEqual(split, {
      prefix: 'let a = ',
      suffix: ';',
      path: 'src/a.ts',
      extra: [{ path: 'src/b.ts', text: 'let b;\n' }],
    });
  });

  it('is a prompt like any other if it has none, or only one', () => {
    assert.equal(splitPrompt('let a = '), undefined);
    assert.equal(splitPrompt('print("<|fim_prefix|>")'), undefined);
  });
});

describe('a suggestion for a client that only inserts', () => {
  const cases: [text: string, replaces: number, suffix: string, inserted: string][] = [
    ['a + b', 0, ')', 'a + b'],
    ['a + b)', 1, ')', 'a + b'],
    ['f(a))', 1, ')\n', 'f(a)'],
    ['a) {', 1, ')', 'a'],
    ['f(a)) {', 1, ')', 'f(a)'],
    ['text"', 1, '")', 'text'],
    ['a])', 2, '])', 'a'],
  ];
  for (const [text, replaces, suffix, inserted] of cases) {
    it(`${text} before ${suffix.trim()} inserts ${inserted}`, () => {
      assert.equal(insertionOf({ text, replaces }, suffix), inserted);
    });
  }
});

describe('the lines around a cursor', () => {
  const file = (name: string) => Array.from({ length: 60 }, (_, i) => `const ${name}${i} = ${name}(${i});`).join('\n');
  const at = (text: string, line: number) => {
    const lines = text.split('\n');
    return linesAround(`${lines.slice(0, line).join('\n')}\n`, `\n${lines.slice(line).join('\n')}`);
  };

  it('tell a document again after some lines were typed or passed', () => {
    assert.ok(isSameDocument(at(file('alpha'), 30), at(file('alpha'), 20)));
  });

  it('tell two documents apart, even if both begin with the same lines', () => {
    const licence = Array.from({ length: 8 }, (_, i) => `// Licence, line ${i}`).join('\n');
    assert.ok(!isSameDocument(at(`${licence}\n${file('alpha')}`, 30), at(`${licence}\n${file('beta')}`, 30)));
  });
});

describe('the file of an excerpt', () => {
  const text = (name: string) => Array.from({ length: 200 }, (_, i) => `  const ${name}Value${i} = ${i};`).join('\n');

  it('is the one that has its lines', () => {
    const finder = new FileFinder();
    finder.add('a.ts', text('alpha'));
    finder.add('b.ts', text('beta'));
    assert.equal(finder.find(text('beta').slice(500, 3000)), 'b.ts');
    assert.equal(finder.find(text('gamma')), undefined);
  });

  it('is unknown if two files have the same lines', () => {
    const finder = new FileFinder();
    finder.add('a.ts', text('alpha'));
    finder.add('copy.ts', text('alpha'));
    assert.equal(finder.find(text('alpha')), undefined);
  });
});

describe('the language of a text', () => {
  const cases: [languageId: string, text: string][] = [
    ['python', 'import os\n\ndef read(path):\n    with open(path) as file:\n        return file.read()\n'],
    ['go', 'package main\n\nfunc main() {\n\tx := 1\n\tif err != nil {\n'],
    ['rust', 'use std::io;\n\nfn main() {\n    let mut a = 1;\n'],
    ['typescript', 'import { a } from "./a";\nexport interface B {\n  c: string;\n}\nfunction f(a: number): void {\n'],
    ['shellscript', '#!/bin/sh\nif [ -f a ]; then\n  echo $A\nfi\n'],
    ['plaintext', 'It is a text about nothing in particular.\n'],
  ];
  for (const [languageId, text] of cases) {
    it(`is ${languageId}`, () => {
      assert.equal(languageOfText(text), languageId);
    });
  }

  it('takes no longer for text on which patterns go astray', () => {
    const cpuMs = (text: string) => {
      const { user } = process.cpuUsage();
      languageOfText(text, text);
      return (process.cpuUsage().user - user) / 1000;
    };
    const code = 'const value = read(1);\n'.repeat(400);
    const least = (text: string) => Math.min(...Array.from({ length: 3 }, () => cpuMs(text)));
    const usualMs = Math.max(5, least(code));
    for (const part of ['\n', '\t\n', ' ', 'for a in ', '): Promise<', 'a: \n', 'mod ', '# ']) {
      const ms = least(part.repeat(6000));
      assert.ok(ms < 20 * usualMs, `${JSON.stringify(part)} took ${ms} ms of the processor, code ${usualMs} ms`);
    }
  });

  it('stays the same while a line is typed, and is judged again with the next', () => {
    const languages = new LanguagesOfTexts();
    const [above, typed] = ['import os\n', 'def read(path):'];
    assert.equal(languages.of(above, '\n'), 'plaintext');
    assert.equal(languages.of(above + typed, '\n'), 'plaintext');
    assert.equal(languages.of(`${above}${typed}\n`, '\n'), 'python');
    assert.equal(languages.of(typed, '\nimport os\n'), 'python');
  });
});

describe('edits of a document', () => {
  const edit = (text: string, change: Parameters<typeof applyChanges>[1]) => {
    const document = TextDocument.create('file:///a.ts', 'typescript', 1, text);
    return { edits: applyChanges(document, change, 2), text: document.getText() };
  };

  it('say what was inserted and how much it replaced', () => {
    const range = { start: { line: 0, character: 1 }, end: { line: 0, character: 2 } };
    const { edits, text } = edit('abc\n', [{ range, text: 'xy' }]);
    assert.equal(text, 'axyc\n');
    assert.deepEqual(edits, [
      { inserted: 'xy', removedChars: 1, endOffset: 3, lines: { first: 0, last: 0, lines: 1 } },
    ]);
  });

  it('are found in a whole text that a client sends', () => {
    const { edits, text } = edit('let a = ;\nlet b;\n', [{ text: 'let a = 12;\nlet b;\n' }]);
    assert.equal(text, 'let a = 12;\nlet b;\n');
    assert.deepEqual([edits[0]!.inserted, edits[0]!.removedChars, edits[0]!.endOffset], ['12', 0, 10]);
  });
});

describe('changes on the disk', () => {
  it('are noticed of files that were read, and of rules that came into being', async () => {
    const root = temporaryFolder();
    const heard: string[] = [];
    const nameOf = (path: string) => path.slice(root.length + 1);
    const changes = new ChangesOnDisk({
      onFile: (path) => heard.push(`changed ${nameOf(path)}`),
      onGone: (path) => heard.push(`gone ${nameOf(path)}`),
      onRules: () => heard.push('rules'),
    });
    const folder = changes.watching(diskFolder(root));
    for (const name of ['a.ts', 'b.ts', 'c.ts']) {
      writeFileSync(join(root, name), name);
      await folder.read(`${folder.path}/${name}`, 1000);
    }
    await folder.read(`${folder.path}/.gitignore`, 1000);
    await changes.compare();
    assert.deepEqual(heard, []);
    writeFileSync(join(root, 'a.ts'), 'longer than before');
    rmSync(join(root, 'b.ts'));
    writeFileSync(join(root, '.gitignore'), 'c.ts\n');
    await changes.compare();
    assert.deepEqual(heard, ['rules', 'changed a.ts', 'gone b.ts']);
  });
});
