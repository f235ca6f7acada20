import assert from 'node:assert/strict';
import { IgnoreRules, linesOfExcludes } from '../../../src/workspace/ignoreRules';

describe('files that are ignored', () => {
  const cases: [string, Record<string, string>, string, boolean][] = [
    ['a pattern holds everywhere below', { '': '*.log' }, 'a/b/x.log', true],
    ['and says nothing of other files', { '': '*.log' }, 'a/b/x.ts', false],
    ['a folder goes with all that lies in it', { '': 'build/' }, 'build/a/b.ts', true],
    ['a file that is named like an ignored folder stays', { '': 'build/' }, 'src/build', false],
    ['a pattern with a slash holds from its folder on', { '': '/dist' }, 'src/dist/a.ts', false],
    ['a file deeper down has its own rules', { 'src/gen': '*.ts' }, 'src/gen/a.ts', true],
    ['which hold nowhere else', { 'src/gen': '*.ts' }, 'src/a.ts', false],
    ['and override those above', { '': '*.ts', src: '!keep.ts' }, 'src/keep.ts', false],
    ['but bring nothing back from an ignored folder', { '': 'src/', src: '!keep.ts' }, 'src/keep.ts', true],
    ['comments and empty lines are no patterns', { '': '# a.ts\n\n' }, 'a.ts', false],
    ['a file outside of the project is not judged', { '': '*' }, '../a.ts', false],
  ];
  for (const [name, files, path, expected] of cases) {
    it(name, () => {
      const rules = new IgnoreRules(Object.entries(files).map(([folder, text]) => ({ folder, text })));
      assert.equal(rules.ignores(path), expected);
    });
  }

  it("takes VS Code's excludes as patterns", () => {
    const excludes = {
      '**/node_modules': true,
      '**/*.{js,map}': true,
      out: true,
      '**/off': false,
      '**/*.mjs': { when: '$(basename).ts' },
    };
    const rules = new IgnoreRules([{ folder: '', text: linesOfExcludes(excludes) }]);
    const ignored = ['a/node_modules/b.ts', 'x/y.map', 'out/a.ts', 'src/out/a.ts', 'off/a.ts', 'a.mjs'];
    assert.deepEqual(
      ignored.map((path) => rules.ignores(path)),
      [true, true, true, false, false, false],
    );
  });
});
