import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { temporaryFolder } from '../../temporary';
import { ROOT } from '../model';
import type { Outcome } from './onFullDisk';

/** Namespaces in which a disk is mounted that no other program sees. The first needs no right, and some systems forbid it; root may have the second. */
const NAMESPACES = [['--user', '--map-root-user', '--mount'], ['--mount']];

/** In a namespace, a command with a disk of its own, of so many kilobytes. */
function withDisk(namespace: readonly string[], folder: string, kilobytes: number, command: string): readonly string[] {
  const mount = `mount -t tmpfs -o size=${kilobytes}k none '${folder}'`;
  return [...namespace, 'sh', '-c', `${mount} && ${command}`];
}

function script(folder: string, small: 'disk' | 'files'): string {
  return `'${process.execPath}' --import=tsx '${join(ROOT, 'test/unit/search/onFullDisk.ts')}' '${folder}' ${small}`;
}

// What tsx keeps of a source would be cut as well, and other tests would read it.
const ENV = { ...process.env, TSX_DISABLE_CACHE: '1' };

function outcomeOf(command: string, args: readonly string[]): Outcome {
  return JSON.parse(execFileSync(command, args, { cwd: ROOT, env: ENV, encoding: 'utf8' })) as Outcome;
}

describe('the index without room on the disk', function () {
  this.timeout(300_000);

  it('is searched on a full disk, says so, leaves nothing broken behind, and is stored once there is room', function () {
    const disk = temporaryFolder();
    const tried = NAMESPACES.map((namespace) => ({
      namespace,
      ...spawnSync('unshare', withDisk(namespace, disk, 64, 'true'), { encoding: 'utf8' }),
    }));
    const usable = tried.find(({ status }) => status === 0);
    if (!usable) {
      const [why] = tried.map(({ error, stderr }) => (error?.message ?? stderr).trim());
      process.stderr.write(
        `      skipped, only the limit of files is tested: this system mounts no small disk: ${why}\n`,
      );
      this.skip();
    }
    const { moments, said } = outcomeOf('unshare', withDisk(usable.namespace, disk, 256, script(disk, 'disk')));
    const [full, room, fullAgain, restarted] = moments;
    const isFull = 'code.index: the disk is full; the search goes on';

    assert.deepEqual(full!.found, ['a.ts']);
    assert.ok(full!.notice?.includes(isFull));
    assert.deepEqual(full!.names, []);

    assert.equal(room!.found[0], 'b.ts');
    assert.equal(room!.notice, undefined);
    assert.deepEqual(room!.names, ['code.index']);

    assert.equal(fullAgain!.found[0], 'c7.ts');
    assert.ok(fullAgain!.notice?.includes(isFull));
    assert.deepEqual(fullAgain!.names, ['code.index']);
    assert.equal(said.filter((line) => line.includes(isFull)).length, 1);

    // What was stored while there was room is used: only the others are embedded again.
    assert.deepEqual([restarted!.found[0], restarted!.embedded], ['c7.ts', 40]);
  });

  // Needs no right, but Windows has no such limit.
  (process.platform === 'win32' ? it.skip : it)('is the same if its file may not be so large', () => {
    const folder = temporaryFolder();
    // 16 of 512 bytes each.
    const { moments, said } = outcomeOf('sh', ['-c', `ulimit -f 16 && exec ${script(folder, 'files')}`]);
    const [room, large, roomAgain, restarted] = moments;
    const isLarge = 'code.index: the system allows no file of this size; the search goes on';

    assert.deepEqual([room!.found, room!.notice], [['a.ts'], undefined]);
    assert.ok(room!.names.includes('code.index'));

    assert.equal(large!.found[0], 'c7.ts');
    assert.ok(large!.notice?.includes(isLarge), large!.notice);
    assert.deepEqual(large!.names, room!.names);

    assert.deepEqual([roomAgain!.found[0], roomAgain!.notice], ['b.ts', undefined]);
    assert.deepEqual(roomAgain!.names, room!.names);
    assert.equal(said.filter((line) => line.includes(isLarge)).length, 1);

    assert.deepEqual([restarted!.found[0], restarted!.embedded], ['b.ts', 0]);
  });
});
