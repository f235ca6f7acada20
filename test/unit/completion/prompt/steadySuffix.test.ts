import assert from 'node:assert/strict';
import { SteadySuffix } from '../../../../src/completion/prompt/steadySuffix';

describe('the text after the cursor that a prompt shows', () => {
  // Texts after the cursor, one after the other → the shown texts
  const rows: [string, readonly string[], readonly string[]][] = [
    ['stays while a bracket is open', ['\nb();', ')\nb();', '\nb();'], ['\nb();', '\nb();', '\nb();']],
    ['stays while a block is open', ['\nb();', '\n}\nb();', '\n  }\n}\nb();'], ['\nb();', '\nb();', '\nb();']],
    ['keeps earlier closers', ['\n}\nb();', '\n  }\n}\nb();'], ['\n}\nb();', '\n}\nb();']],
    ['follows other text', ['\nb();', 'x)\nb();', '\nc();'], ['\nb();', 'x)\nb();', '\nc();']],
    ['follows deletions', ['\n}\nb();', '\nb();'], ['\n}\nb();', '\nb();']],
    ['stays at the end of a file', ['\n', '\n}\n', '\n'], ['\n', '\n', '\n']],
  ];
  for (const [name, texts, shown] of rows) {
    it(name, () => {
      const steady = new SteadySuffix();
      assert.deepEqual(
        texts.map((suffix) => steady.of({ document: 'a.ts', suffix })),
        shown,
      );
    });
  }

  it('stays if both are cut off at the same length', () => {
    const steady = new SteadySuffix();
    const text = 'foo();\n'.repeat(200);
    steady.of({ document: 'a.ts', suffix: text.slice(0, 1000) });
    assert.equal(steady.of({ document: 'a.ts', suffix: `\n}${text}`.slice(0, 1000) }), text.slice(0, 1000));
  });

  it('is separate for each document', () => {
    const steady = new SteadySuffix();
    steady.of({ document: 'a.ts', suffix: '\nb();' });
    assert.equal(steady.of({ document: 'b.ts', suffix: ')\nb();' }), ')\nb();');
  });
});
