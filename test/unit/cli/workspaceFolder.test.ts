import assert from 'node:assert/strict';
import { chmodSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join, win32 } from 'node:path';
import { pathFrom, readWorkspace, switchesOf } from '../../../src/cli/workspaceFolder';
import { temporaryFolder } from '../../temporary';
import { asOrdinaryUser } from '../../unprivileged';

describe('the files of a workspace', () => {
  const root = temporaryFolder();
  const write = (path: string, text: string | Uint8Array) => {
    mkdirSync(join(root, path, '..'), { recursive: true });
    writeFileSync(join(root, path), text);
  };
  write('.git/HEAD', 'ref: refs/heads/main\n');
  write('.gitignore', 'generated/\n');
  write('main.ts', 'export {};\r\n');
  write('src/list.ts', 'export class List {}\n');
  write('generated/big.ts', 'export {};\n');
  write('node_modules/other/index.js', 'exports.a = 1;\n');
  write('.env', 'PASSWORD=hunter2\n');
  write('src/key.ts', `const token = 'ghp_aB3dE5gH7jK9mN1pQ3sT5vW7yZ9bC1dE3fG5';\n`);
  write('package-lock.json', '{}\n');
  write('src/bundle.js', `${'a();'.repeat(2000)}\n`);
  write('logo.png', new Uint8Array([0x89, 0x50, 0, 1]));
  symlinkSync(root, join(root, 'src', 'loop'));

  it('are those that may be quoted and that a person wrote, and no link is followed', async () => {
    assert.deepEqual(await readWorkspace(root), [
      { path: '.gitignore', text: 'generated/\n' },
      { path: 'main.ts', text: 'export {};\n' },
      { path: 'src/list.ts', text: 'export class List {}\n' },
    ]);
  });

  it('are counted if they are left out, with the reason', async () => {
    const leftOut: string[] = [];
    await readWorkspace(root, { onLeftOut: (why) => leftOut.push(why) });
    assert.deepEqual(leftOut.sort(), [
      ...['generated', 'ignored folder', 'ignored folder', 'ignored folder'],
      ...['link', 'minified', 'not text', 'secret', 'secret name'],
    ]);
  });

  it('are counted if they cannot be read', async function () {
    if (process.platform === 'win32') this.skip(); // where modes keep nobody out
    const closed = temporaryFolder();
    chmodSync(closed, 0o755);
    mkdirSync(join(closed, 'folder'), { mode: 0 });
    writeFileSync(join(closed, 'file.ts'), 'export {};\n', { mode: 0 });
    const leftOut: string[] = [];
    const read = () => readWorkspace(closed, { onLeftOut: (why) => leftOut.push(why) });
    assert.deepEqual(await asOrdinaryUser(read), []);
    assert.deepEqual(leftOut, ['missing', 'unreadable folder']);
  });

  it('are read no further once the signal aborts', async () => {
    const stop = new AbortController();
    const reading = readWorkspace(root, {
      signal: stop.signal,
      onLeftOut: () => {
        stop.abort(new Error('interrupted'));
      },
    });
    await assert.rejects(reading, /interrupted/);
  });

  it('need a folder', async () => {
    await assert.rejects(readWorkspace(join(root, 'none')), /--workspace \S+none: there is no such folder/);
    await assert.rejects(readWorkspace(join(root, 'main.ts')), /--workspace \S+main\.ts: it is a file, not a folder/);
  });

  it('have paths from its root on Windows, however drive and case are written', () => {
    const from = (workspace: string, file: string) => pathFrom(workspace, file, win32);
    assert.equal(from('C:\\Work', 'c:\\work\\src\\A.ts'), 'src/A.ts');
    assert.equal(from('\\\\server\\share\\Work', '\\\\SERVER\\share\\work\\a.ts'), 'a.ts');
    assert.equal(from('C:\\Jörg 模型', 'C:/Jörg 模型/b (1).ts'), 'b (1).ts');
    assert.equal(from('\\\\?\\C:\\Work', '\\\\?\\C:\\Work\\src\\a.ts'), 'src/a.ts');
    for (const outside of ['D:\\work\\a.ts', '\\\\server\\share\\a.ts', 'C:\\workshop\\a.ts']) {
      assert.throws(() => from('C:\\Work', outside), /it is not in the workspace C:\\Work/);
    }
  });

  it('have paths from its root, and none outside', () => {
    assert.equal(pathFrom(root, join(root, 'src', 'list.ts')), 'src/list.ts');
    for (const outside of [root, join(root, '..', 'other.ts'), join(root, '..')])
      assert.throws(() => pathFrom(root, outside), /is not in the workspace/);
    assert.equal(pathFrom(root, join(root, '..data.ts')), '..data.ts');
    assert.equal(pathFrom(undefined, join('..', 'other.ts')), '../other.ts');
  });
});

describe('the switches of the memory', () => {
  it('are off, on, or both', () => {
    assert.deepEqual(switchesOf('on'), ['on']);
    assert.deepEqual(switchesOf('off, on'), ['off', 'on']);
    assert.throws(() => switchesOf('auto'), /--memory auto: expected off, on, or off,on/);
  });
});
