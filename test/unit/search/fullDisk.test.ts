import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { temporaryFolder } from '../../temporary';
import { ROOT } from '../model';
import type { Seen } from './onFullDisk';

/** A command with a disk of its own, of so many kilobytes, which no other program sees and no right is needed for. */
function withDisk(folder: string, kilobytes: number, command: string): readonly [string, readonly string[]] {
  const mount = `mount -t tmpfs -o size=${kilobytes}k none '${folder}'`;
  return ['unshare', ['--user', '--map-root-user', '--mount', 'sh', '-c', `${mount} && ${command}`]];
}

describe('the index on a full disk', function () {
  this.timeout(300_000);
  const disk = temporaryFolder();

  before(function () {
    const { status, error, stderr } = spawnSync(...withDisk(disk, 64, 'true'), { encoding: 'utf8' });
    if (status === 0) return;
    process.stderr.write(
      `      skipped: this system lets nobody mount a small disk: ${(error?.message ?? stderr).trim()}\n`,
    );
    this.skip();
  });

  it('is searched, says so, leaves nothing broken behind, and is stored once there is room', () => {
    const script = `'${process.execPath}' --import=tsx '${join(ROOT, 'test/unit/search/onFullDisk.ts')}' '${disk}'`;
    const output = execFileSync(...withDisk(disk, 256, script), { cwd: ROOT, encoding: 'utf8' });
    const { moments, said } = JSON.parse(output) as { moments: readonly Seen[]; said: readonly string[] };
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
});
