import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, readdirSync, rmSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { ROOT } from '../model';
import { temporaryFolder } from '../../temporary';
import { randomModel, TINY_LLAMA, writeFolder, writeGguf } from '../../tinyModel';

const CLI = join(ROOT, 'dist', 'cli.js');
const cache = temporaryFolder();
const env = { ...process.env, XDG_CACHE_HOME: cache };
const tensors = randomModel(TINY_LLAMA);

function matcoder(...args: string[]) {
  return spawnSync(process.execPath, [CLI, ...args], { encoding: 'utf8', env });
}

describe('matcoder import', () => {
  it('says what it found, imports it into the library, and says how to use it', () => {
    const { status, stdout, stderr } = matcoder('import', writeGguf(TINY_LLAMA, tensors), '--name', 'My Model');
    assert.equal(status, 0, stderr);
    for (const line of [
      /^model +My Model$/m,
      /^architecture +llama, 2 layers of 64, 102,976 parameters$/m,
      /^licence +not stated$/m,
      /^weights +GGUF, F32, 1 MB$/m,
      /^imported as +8 bits a weight$/m,
      /^import needs +\d+ MB on the disk, \d+ MB of memory, about \d+ s$/m,
      /^use needs +\d+ MB of memory$/m,
      /^100 %$/m,
    ])
      assert.match(stderr, line);
    const folder = join(cache, 'matcoder', 'models', 'my-model');
    assert.match(stdout, /Imported in [\d.]+ s; the weights changed by 0\.\d\d %\. Use it with --model /);
    assert.ok(stdout.startsWith(`${folder}\n`));
    assert.deepEqual(readdirSync(join(cache, 'matcoder', 'models')), ['my-model']);

    const again = matcoder('import', writeGguf(TINY_LLAMA, tensors), '--name', 'My Model');
    assert.ok(again.stdout.startsWith(`${folder}-2\n`), again.stderr);

    const rows = matcoder('inspect', '--json', '--model', folder);
    assert.deepEqual(
      (JSON.parse(rows.stdout) as { name: string }[]).map(({ name }) => name),
      ['XL'],
    );
    const place = join(cache, 'text.ts');
    writeFileSync(place, 'const abc = ');
    const completion = matcoder('complete', `${place}:1:13`, '--json', '--submodel', 'XL', '--model', folder);
    assert.equal((JSON.parse(completion.stdout) as { submodel: string }).submodel, 'XL', completion.stderr);
  });

  it('prints all with --json, and nothing else on standard output', () => {
    const folder = join(temporaryFolder(), 'into');
    const { stdout } = matcoder('import', writeFolder(TINY_LLAMA, tensors), '--bits', '4', '--into', folder, '--json');
    const report = JSON.parse(stdout) as Record<string, unknown>;
    assert.equal(report.folder, folder);
    assert.equal(basename(report.source as string), 'Tiny-Llama');
    assert.equal(report.bits, 4);
    assert.deepEqual(report.sizes, ['XL']);
    assert.ok((report.relativeError as number) > 0.01);
    assert.deepEqual(readdirSync(folder).length, 4);
    assert.match(matcoder('import', folder).stderr, /into: it was imported already\. Use it as it is/);
    const again = matcoder('import', writeFolder(TINY_LLAMA, tensors), '--into', folder);
    assert.match(again.stderr, /it exists already/);
    assert.equal(again.status, 1);
  });

  for (const signal of ['SIGINT', 'SIGHUP'] as const)
    it(`leaves nothing behind if it gets ${signal}`, async () => {
      if (process.platform === 'win32') return; // which has no signals that a program could hear
      // Large enough that it is still at work when the first line of its progress arrives.
      const config = { ...TINY_LLAMA, vocab_size: 200_000 };
      const folder = join(temporaryFolder(), 'large');
      const child = spawn(
        process.execPath,
        [CLI, 'import', writeFolder(config, randomModel(config)), '--into', folder],
        {
          env,
        },
      );
      let said = '';
      child.stderr.on('data', (chunk: Buffer) => {
        said += chunk.toString();
        // Twice would end it at once.
        if (said.includes('%') && !child.killed) child.kill(signal);
      });
      const [code] = (await once(child, 'close')) as [number];
      assert.equal(code, 1, said);
      assert.match(said, /matcoder: the import was interrupted, and nothing is left of it\n$/);
      assert.deepEqual(readdirSync(dirname(folder)), []);
    });

  it('leaves files alone that look like its own', () => {
    const folder = join(temporaryFolder(), 'poetry');
    const model = writeGguf(TINY_LLAMA, tensors);
    writeFileSync(`${folder}.lock`, 'of another program');
    utimesSync(`${folder}.lock`, 0, 0);
    mkdirSync(`${folder}.partial`);
    writeFileSync(join(`${folder}.partial`, 'thesis.txt'), 'of the user');
    const { stderr } = matcoder('import', model, '--into', folder);
    assert.match(stderr, /poetry\.partial: no import has left it behind; move it away/);
    assert.ok(existsSync(join(`${folder}.partial`, 'thesis.txt')));
    rmSync(`${folder}.partial`, { recursive: true });
    assert.equal(matcoder('import', model, '--into', folder).status, 0);
    assert.deepEqual(readdirSync(dirname(folder)).sort(), ['poetry', 'poetry.lock']);
  });

  it('removes from the library what a killed import has left', () => {
    const killed = join(cache, 'matcoder', 'models', 'killed.partial');
    mkdirSync(killed, { recursive: true });
    assert.equal(matcoder('import', writeGguf(TINY_LLAMA, tensors), '--name', 'Another').status, 0);
    assert.ok(!existsSync(killed));
  });

  it('names the folder that cannot be written, and one that a broken link is in the place of', () => {
    const model = writeGguf(TINY_LLAMA, tensors);
    const file = join(temporaryFolder(), 'file');
    writeFileSync(file, '');
    assert.match(
      matcoder('import', model, '--into', join(file, 'x')).stderr,
      /file.x: a part of its path is a file, not a folder; choose another\n$/,
    );
    if (process.platform === 'win32') return; // where links need a privilege
    symlinkSync('nowhere', `${file}.link`);
    assert.match(matcoder('import', model, '--into', `${file}.link`).stderr, /file\.link: it exists already/);
  });

  const refused: [string, string[], RegExp][] = [
    ['no path', ['import'], /import takes one file or folder/],
    ['two paths', ['import', 'a', 'b'], /import takes one file or folder/],
    ['other bits', ['import', 'a.gguf', '--bits', '5'], /--bits 5: expected 8 or 4/],
    [
      'its own model',
      ['import', join(ROOT, 'models', 'matlm-6m')],
      /matlm-6m: it is a checkpoint of MatCoder, which needs no/,
    ],
    ['an empty path', ['import', ''], /import has an empty argument/],
    ['an empty folder', ['import', 'a.gguf', '--into', ''], /--into: its value is empty; give one, or leave the/],
    ['an empty folder after =', ['import', 'a.gguf', '--into='], /--into: its value is empty/],
    ['an empty sample', ['import', 'a.gguf', '--elastic', '--sample', ''], /--sample: its value is empty/],
    ['a blank name', ['import', 'a.gguf', '--name', ' '], /--name gives is empty/],
    ['a name of many lines', ['import', 'a.gguf', '--name', 'a\nb'], /--name gives has control characters/],
    ['a name that is too long', ['import', 'a.gguf', '--name', 'a'.repeat(61)], /--name gives is too long/],
    ['an option of another command', ['import', 'a.gguf', '--submodel', 'S'], /import takes no --submodel; see --help/],
    ['a file that does not exist', ['import', 'none.gguf'], /none\.gguf: it does not exist\. Choose a GGUF file/],
  ];
  for (const [name, args, message] of refused) {
    it(`refuses ${name} in one line`, () => {
      const { status, stdout, stderr } = matcoder(...args);
      assert.equal(status, 1);
      assert.equal(stdout, '');
      assert.match(stderr, message);
      assert.match(stderr, /^matcoder: [^\n]*\n$/);
    });
  }
});
