import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { IgnoreRules, patternsOfExcludes, patternsOfIgnoreFile } from '../../../src/workspace/ignoreRules';
import { temporaryFolder } from '../../temporary';

function rulesOf(files: Readonly<Record<string, string>>): IgnoreRules {
  return new IgnoreRules(Object.entries(files).map(([folder, text]) => ({ folder, list: patternsOfIgnoreFile(text) })));
}

function rulesOfExcludes(excludes: Record<string, unknown>, dropped?: (pattern: string) => void): IgnoreRules {
  return new IgnoreRules([{ folder: '', list: patternsOfExcludes(excludes, dropped) }]);
}

describe('ignored files', () => {
  const cases: [string, Record<string, string>, string, boolean][] = [
    ['a pattern applies to all folders below', { '': '*.log' }, 'a/b/x.log', true],
    ['and not to other files', { '': '*.log' }, 'a/b/x.ts', false],
    ['a folder is ignored with all of its files', { '': 'build/' }, 'build/a/b.ts', true],
    ['a file with the name of an ignored folder is not ignored', { '': 'build/' }, 'src/build', false],
    ['a pattern with a slash is relative to its folder', { '': '/dist' }, 'src/dist/a.ts', false],
    ['a file deeper down has its own rules', { 'src/gen': '*.ts' }, 'src/gen/a.ts', true],
    ['which apply nowhere else', { 'src/gen': '*.ts' }, 'src/a.ts', false],
    ['and override those above', { '': '*.ts', src: '!keep.ts' }, 'src/keep.ts', false],
    ['but include nothing from an ignored folder', { '': 'src/', src: '!keep.ts' }, 'src/keep.ts', true],
    ['comments and empty lines are no patterns', { '': '# a.ts\n\n' }, 'a.ts', false],
    ['a file outside the project is not ignored', { '': '*' }, '../a.ts', false],
    ['case is ignored', { '': 'Build/' }, 'build/a.ts', true],
    ['lines may end with CRLF', { '': 'a.ts\r\nb.ts\r\n' }, 'a.ts', true],
  ];
  for (const [name, files, path, expected] of cases) {
    it(name, () => {
      assert.equal(rulesOf(files).ignores(path), expected);
    });
  }

  describe('in a folder that the user has opened and that is ignored itself', () => {
    const opened: [string, Record<string, string>, string, boolean][] = [
      ['are not all files', { '': 'build/' }, 'build/x/a.ts', false],
      ['nor all if the pattern has a star', { '': 'build/*' }, 'build/x/a.ts', false],
      ['nor all if the pattern names all files below', { '': 'build/**' }, 'build/x/src/a.ts', false],
      ['nor all if everything is ignored, as in a repository of dotfiles', { '': '*' }, 'build/x/src/a.ts', false],
      ['are those that another pattern matches', { '': 'build/\n*.log' }, 'build/x/src/a.log', true],
      ['are those in a folder of the same name inside', { '': 'build/' }, 'build/x/build/a.ts', true],
      ['are those that an ignore file inside names', { '': 'build/', 'build/x': 'a.ts' }, 'build/x/a.ts', true],
      ['are all if the ignore file inside says so', { '': 'build/', 'build/x': '*' }, 'build/x/a.ts', true],
      ['are those of a pattern that names the folder', { '': 'build/\nbuild/x/gen/' }, 'build/x/gen/a.ts', true],
    ];
    for (const [name, files, path, expected] of opened) {
      it(name, () => {
        const levels = Object.entries(files).map(([folder, text]) => ({ folder, list: patternsOfIgnoreFile(text) }));
        const rules = new IgnoreRules(levels, 'build/x');
        assert.equal(rules.ignores(path), expected);
        assert.equal(rules.ignoresFolder('build/x/'), false);
      });
    }

    it('are all if the rules above cannot be followed', () => {
      const rules = new IgnoreRules([{ folder: '', list: { patterns: [], fault: 'it is too large' } }], 'build/x');
      assert.equal(rules.ignores('build/x/a.ts'), true);
    });

    it('are as usual if a list of exceptions lets the folder through', () => {
      const list = patternsOfIgnoreFile('*\n!*/\n!*.c\n');
      const rules = new IgnoreRules([{ folder: '', list }], 'build/x');
      assert.deepEqual([rules.ignores('build/x/a.ts'), rules.ignores('build/x/a.c')], [true, false]);
    });
  });

  it('are those that Git ignores', function () {
    if (spawnSync('git', ['--version']).error) this.skip(); // under Wine there is none
    const { files, paths } = randomProject(7);
    const folder = temporaryFolder();
    execFileSync('git', ['init', '-q', folder]);
    for (const [inside, text] of Object.entries(files)) {
      mkdirSync(join(folder, inside), { recursive: true });
      writeFileSync(join(folder, inside, '.gitignore'), text);
    }
    for (const [inside, text] of Object.entries(files)) {
      for (const pattern of text.split('\n')) {
        writeFileSync(join(folder, inside, '.gitignore'), pattern);
        const rules = rulesOf({ ...files, [inside]: pattern });
        assert.deepEqual(
          paths.filter((path) => rules.ignores(path)),
          ignoredByGit(folder, paths),
          `by ${pattern}`,
        );
      }
      writeFileSync(join(folder, inside, '.gitignore'), text);
    }
    const rules = rulesOf(files);
    assert.deepEqual(
      paths.filter((path) => rules.ignores(path)),
      ignoredByGit(folder, paths),
    );
  });

  it("are those of VS Code's excludes", () => {
    const rules = rulesOfExcludes({
      '**/node_modules': true,
      '**/*.{js,map}': true,
      '{out,build/{a,b}}': true,
      '**/off': false,
      '**/*.mjs': { when: '$(basename).ts' },
    });
    const ignored = ['a/node_modules/b.ts', 'x/y.map', 'out/a.ts', 'build/b/c.ts'];
    const kept = ['src/out/a.ts', 'build/c.ts', 'off/a.ts', 'a.mjs'];
    assert.deepEqual(
      [...ignored, ...kept].filter((path) => rules.ignores(path)),
      ignored,
    );
  });

  it('are not those of an exclude that is too long, which is reported', () => {
    const dropped: string[] = [];
    const rules = rulesOfExcludes({ [`{${'a,'.repeat(600)}b}`]: true, '*.log': true }, (pattern) =>
      dropped.push(pattern),
    );
    assert.deepEqual([rules.ignores('a'), rules.ignores('x.log'), dropped.length], [false, true, 1]);
  });

  describe('are found in few steps', () => {
    const deep = `${'a/'.repeat(40)}c`;
    // Backtracking would take exponential time.
    for (const [name, rules, path] of [
      ['with alternatives', rulesOfExcludes({ ['{a,b}'.repeat(60)]: true }), `${'ab'.repeat(30)}c`],
      ['with folders at any depth', rulesOf({ '': `${'a/**/'.repeat(10)}b` }), deep],
      ['with stars', rulesOf({ '': `${'a*'.repeat(40)}b` }), `${'a'.repeat(200)}c`],
    ] as const) {
      it(name, () => {
        const work = { steps: 100_000 };
        assert.equal(rules.ignores(path, work), false);
        assert.ok(work.steps > 0);
      });
    }
  });

  describe('are all files of a folder', () => {
    const many = 'x\n'.repeat(20_001);
    for (const [name, text] of [
      ['whose rules are too many', many],
      ['whose rules are too long', `${'x'.repeat(1001)}\n`],
      ['whose rules are too large', `#${'x'.repeat(1_000_000)}`],
    ] as const) {
      it(name, () => {
        const rules = rulesOf({ src: text });
        assert.deepEqual([rules.ignores('src/a.ts'), rules.ignores('b.ts')], [true, false]);
      });
    }

    it('whose rules take too many steps', () => {
      const rules = rulesOf({ '': '*a*a*a*a*a*b\n'.repeat(19_000) });
      assert.equal(rules.ignores(`${'a'.repeat(200)}/b`), true);
    });
  });
});

function ignoredByGit(folder: string, paths: readonly string[]): string[] {
  const args = ['-c', 'core.ignorecase=true', '-C', folder, 'check-ignore', '--no-index', '-z', '--stdin'];
  try {
    const ignored = execFileSync('git', args, { input: paths.join('\0'), encoding: 'utf8', stdio: 'pipe' });
    return ignored.split('\0').filter((path) => path !== '');
  } catch {
    return []; // its way to say that none is
  }
}

/** Patterns and paths of few names, so that they often match. */
function randomProject(seed: number) {
  let state = seed;
  const below = (n: number) => {
    state = (state * 1103515245 + 12345) % 2147483648;
    return Math.floor((state / 2147483648) * n);
  };
  const some = <Item>(count: number, make: () => Item) => Array.from({ length: count }, make);
  const oneOf = (items: readonly string[]) => items[below(items.length)] ?? '';
  const parts =
    'a b ab * ** ? a* *b [ab] [!a] [^b]c a? *.ts [a-c]* \\a \\* a**b *** [[:alpha:]] []a] [a- {a,b} [a\\]]'.split(' ');
  const pattern = () => {
    const path = some(1 + below(4), () => oneOf(parts)).join('/');
    return `${oneOf(['', '', '', '!'])}${oneOf(['', '', '/'])}${path}${oneOf(['', '', '/', '  ', '\\ '])}`;
  };
  const names = ['a', 'b', 'ab', 'abc', 'bc', 'x.ts', 'a.ts', 'c', '*', 'axb', ']', '{a,b}'];
  const paths = some(60, () => some(1 + below(5), () => oneOf(names)).join('/'));
  const text = () => some(12, pattern).join('\n');
  return { files: { '': text(), 'a/b': text() }, paths: [...new Set(paths)].filter((path) => !'a/b'.startsWith(path)) };
}
