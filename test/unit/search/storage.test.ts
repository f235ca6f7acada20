import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { LockFile } from '../../../src/engine/lockFile';
import { KEPT_DAYS, noteUse, removeAbandoned, removePartials, storeFolder } from '../../../src/search/storage';
import { temporaryFolder } from '../../temporary';

const NOW = Date.now();

function agedBy(store: string, days: number): void {
  const time = new Date(NOW - days * 24 * 60 * 60_000);
  for (const name of readdirSync(store)) utimesSync(join(store, name), time, time);
}

describe('the stored indexes', () => {
  let storage: string;
  beforeEach(() => {
    storage = temporaryFolder();
  });

  /** An index of a folder, last used so many days ago. */
  async function indexOf(root: string, days: number): Promise<string> {
    const store = storeFolder(storage, root);
    await noteUse(store, root);
    writeFileSync(join(store, 'code.index'), 'x');
    agedBy(store, days);
    return store;
  }

  it('say whose they are', async () => {
    const root = join(temporaryFolder(), 'a b\n ü');
    const store = await indexOf(root, 0);
    assert.equal(readFileSync(join(store, 'root'), 'utf8'), `${root}\n`);
  });

  it('are not written again to say that they are in use', async () => {
    const root = temporaryFolder();
    const store = await indexOf(root, 3);
    const file = join(store, 'root');
    const before = statSync(file);
    await noteUse(store, root);
    const after = statSync(file);
    assert.ok(after.mtimeMs > before.mtimeMs);
    assert.equal(after.ino, before.ino);
  });

  it('are alone after the next start, without what a program had begun to write', async () => {
    const store = await indexOf(temporaryFolder(), 0);
    const { pid: ended } = spawnSync(process.execPath, ['--version']);
    for (const kind of ['code', 'pictures']) writeFileSync(join(store, `${kind}.index.${ended}.partial`), 'half');
    await removePartials(store);
    assert.deepEqual(readdirSync(store).sort(), ['code.index', 'root']);
    await removePartials(join(storage, 'none'));
  });

  it('leave a program that runs the time to write', async () => {
    const store = await indexOf(temporaryFolder(), 0);
    const name = `code.index.${process.ppid}.partial`;
    writeFileSync(join(store, name), 'half');
    await removePartials(store);
    assert.ok(existsSync(join(store, name)));
    await removePartials(store, Date.now() + 60 * 60_000);
    assert.ok(!existsSync(join(store, name)));
  });

  it('are removed if their folder has gone and nobody has used them for long', async () => {
    const store = await indexOf(join(storage, 'gone\n'), KEPT_DAYS + 1);
    await removeAbandoned(storage, NOW);
    assert.ok(!existsSync(store));
  });

  it('are kept if their folder is there, or if they were used lately', async () => {
    const there = await indexOf(temporaryFolder(), KEPT_DAYS + 1);
    const lately = await indexOf(join(storage, 'gone'), KEPT_DAYS - 1);
    await removeAbandoned(storage, NOW);
    assert.deepEqual([existsSync(there), existsSync(lately)], [true, true]);
  });

  it('are kept if a program works with them', async () => {
    const store = await indexOf(join(storage, 'gone'), 0);
    const lock = new LockFile(join(store, 'lock'));
    assert.ok(lock.take());
    agedBy(store, KEPT_DAYS + 1);
    // The lock itself is as of now, as its holder renews it.
    lock.renew();
    await removeAbandoned(storage, NOW);
    assert.ok(existsSync(store));
  });

  it('of versions that wrote down no folder are removed after as long', async () => {
    const old = await indexOf(temporaryFolder(), 0);
    rmSync(join(old, 'root'));
    agedBy(old, KEPT_DAYS + 1);
    await removeAbandoned(storage, NOW);
    assert.ok(!existsSync(old));
  });

  it('are all that is removed', async () => {
    mkdirSync(join(storage, 'other'));
    writeFileSync(join(storage, 'other', 'note.txt'), 'x');
    writeFileSync(join(storage, 'file'), 'x');
    agedBy(join(storage, 'other'), KEPT_DAYS + 1);
    await removeAbandoned(storage, NOW);
    assert.deepEqual(readdirSync(storage).sort(), ['file', 'other']);
    await removeAbandoned(join(storage, 'none'), NOW);
  });
});
