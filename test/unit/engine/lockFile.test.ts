import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { LockFile } from '../../../src/engine/lockFile';
import { pidNamespace } from '../../../src/engine/pidNamespace';
import { temporaryFolder } from '../../temporary';

describe('a lock file', () => {
  const GONE = String(spawnSync(process.execPath, ['-e', '']).pid);
  const HERE = `${hostname()} ${pidNamespace()}`;
  const THIS_PROCESS = `${process.pid} ${HERE}`;
  const at = (content?: string) => {
    const file = join(temporaryFolder(), 'deep', 'a.lock');
    mkdirSync(join(file, '..'));
    if (content !== undefined) writeFileSync(file, content);
    utimesSync(join(file, '..'), 1000, 1000);
    if (content !== undefined) utimesSync(file, 1000, 1000);
    return file;
  };
  const heldAfter = (content: string, seconds: number) =>
    new LockFile(at(content), () => (1000 + seconds) * 1000).isHeld();

  it('is held by one process until it is released', () => {
    const file = join(temporaryFolder(), 'deep', 'a.lock');
    const lock = new LockFile(file);
    assert.ok(lock.take());
    assert.equal(readFileSync(file, 'utf8'), THIS_PROCESS);
    assert.ok(!new LockFile(file).take());
    lock.release();
    assert.ok(!existsSync(file));
    assert.ok(new LockFile(file).take());
  });

  const cases: [string, string, number, boolean][] = [
    ['of a process that runs', THIS_PROCESS, 60, true],
    ['of a process that has run for longer than any probe', THIS_PROCESS, 21 * 60, false],
    ['of a process that is gone', `${GONE} ${HERE}`, 0, false],
    ['of a process of another host, whose id is of no process here', `${GONE} other ${pidNamespace()}`, 60, true],
    ['of a process of another container', `${GONE} ${hostname()} pid:[1]`, 60, true],
    ['of another host that has not renewed it', `${process.pid} other ${pidNamespace()}`, 21 * 60, false],
    ['by an earlier version, of a process that runs', String(process.pid), 60, true],
    ['by an earlier version, of a process that is gone', GONE, 0, false],
    ['that is just being written', '', 1, true],
    ['that is empty because the disk was full', '', 6, false],
    ['that holds no process id', 'x', 6, false],
    ['that names all processes', '0', 6, false],
    ['that names a process group', '-1', 6, false],
  ];
  for (const [name, content, seconds, isHeld] of cases) {
    it(`${isHeld ? 'is held' : 'is ignored'}: one ${name}`, () => {
      assert.equal(heldAfter(content, seconds), isHeld);
    });
  }

  it('is held for longer if its process renews it, which no other can', () => {
    const late = () => (1000 + 21 * 60) * 1000;
    const file = at(THIS_PROCESS);
    new LockFile(file, late).renew();
    assert.ok(new LockFile(file, late).isHeld());
    const other = at('1');
    new LockFile(other, late).renew();
    assert.ok(!new LockFile(other, late).isHeld());
  });

  it('that is stale goes to one of two that find it so at the same time, and stays there', () => {
    const file = at(GONE);
    const second = new LockFile(file);
    let hasSecond = false;
    const first = new LockFile(file, () => {
      hasSecond = second.take(); // after the first has read the file, before it acts on it
      return Date.now();
    });
    assert.equal(first.take(), false);
    assert.equal(hasSecond, true);
    assert.equal(readFileSync(file, 'utf8'), THIS_PROCESS);
    assert.deepEqual(readdirSync(join(file, '..')), ['a.lock']);
    second.release();
    assert.ok(new LockFile(file).take());
  });

  it('that was taken over because it expired is not released by the first', () => {
    const file = at();
    const lock = new LockFile(file);
    assert.ok(lock.take());
    assert.ok(lock.isMine());
    writeFileSync(file, '1');
    assert.ok(!lock.isMine());
    lock.release();
    assert.equal(readFileSync(file, 'utf8'), '1');
  });

  it('of a process with the same id on another host or in another container is not its own', () => {
    for (const where of [`other ${pidNamespace()}`, `${hostname()} pid:[1]`]) {
      const file = at(`${process.pid} ${where}`);
      const lock = new LockFile(file, () => 1000_000);
      assert.ok(!lock.isMine());
      assert.ok(!lock.take());
      lock.release();
      assert.equal(readFileSync(file, 'utf8'), `${process.pid} ${where}`);
    }
  });

  it('that another process has taken over and released belongs to nobody', () => {
    const file = at();
    const lock = new LockFile(file);
    assert.ok(lock.take());
    rmSync(file);
    assert.ok(!lock.isMine());
  });

  it('is not held if it is missing', () => {
    assert.ok(!new LockFile(at()).isHeld());
  });

  it('throws if it cannot be written', () => {
    const file = join(temporaryFolder(), 'file');
    writeFileSync(file, '');
    assert.throws(() => new LockFile(join(file, 'a.lock')).take(), /EEXIST|ENOTDIR/);
  });
});
