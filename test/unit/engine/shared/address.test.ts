import assert from 'node:assert/strict';
import { chmodSync, chownSync, existsSync, mkdirSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  checkPrivate,
  findFolder,
  folderCandidates,
  NotSharedError,
  parseAddress,
  printAddress,
  socketOf,
  type UserFacts,
} from '../../../../src/engine/shared/address';
import { temporaryFolder } from '../../../temporary';

const KEY = '0123456789abcdef';
const isRoot = process.geteuid?.() === 0;

describe('the address of the engine of all windows', () => {
  const user = (facts: Partial<UserFacts>): UserFacts => ({
    platform: 'linux',
    env: {},
    uid: process.getuid?.(),
    cacheFolder: join(temporaryFolder(), 'cache', 'matcoder'),
    temporaryFolder: temporaryFolder(),
    ...facts,
  });

  const tables: [string, Partial<UserFacts>, string[]][] = [
    [
      'on a desktop',
      { env: { XDG_RUNTIME_DIR: '/run/user/7' }, uid: 7 },
      ['/run/user/7/matcoder', '/run/user/7/matcoder', '/home/u/.cache/matcoder/engine', '/tmp/matcoder-7'],
    ],
    [
      'over SSH without the variable',
      { uid: 7 },
      ['/run/user/7/matcoder', '/home/u/.cache/matcoder/engine', '/tmp/matcoder-7'],
    ],
    [
      'if the variable holds nonsense',
      { env: { XDG_RUNTIME_DIR: 'run' }, uid: 7 },
      ['/run/user/7/matcoder', '/home/u/.cache/matcoder/engine', '/tmp/matcoder-7'],
    ],
    [
      'on macOS',
      { platform: 'darwin', uid: 501, cacheFolder: '/Users/u/Library/Caches/matcoder', temporaryFolder: '/var/x/T' },
      ['/Users/u/Library/Caches/matcoder/engine', '/var/x/T/matcoder-501'],
    ],
    [
      'on Windows',
      { platform: 'win32', uid: undefined, env: { LOCALAPPDATA: 'C:\\Users\\u\\AppData\\Local' } },
      ['C:\\Users\\u\\AppData\\Local\\matcoder\\engine'],
    ],
  ];
  for (const [where, facts, folders] of tables) {
    it(`is in a folder of the user: ${where}`, () => {
      const all = user({ cacheFolder: '/home/u/.cache/matcoder', temporaryFolder: '/tmp', ...facts });
      assert.deepEqual(folderCandidates(all), folders);
    });
  }

  it('survives the command line', () => {
    const address = { folder: '/a "b"/c', key: KEY };
    assert.deepEqual(parseAddress(printAddress(address)), address);
    for (const text of ['', '{}', '[1]', undefined]) assert.throws(() => parseAddress(text));
  });

  describe('on Unix', () => {
    before(function () {
      if (process.platform === 'win32') this.skip();
    });

    it('is in the first folder that can be made, which is made for the user alone', () => {
      const facts = user({ env: { XDG_RUNTIME_DIR: '/proc/nowhere' }, uid: process.getuid?.() });
      const { folder } = findFolder(KEY, { ...facts, platform: 'darwin' });
      assert.equal(folder, join(facts.cacheFolder, 'engine'));
      assert.equal(statSync(folder).mode & 0o777, 0o700);
      assert.equal(
        findFolder(KEY, { ...facts, platform: 'darwin' }).folder,
        folder,
        'and the next window finds it there',
      );
    });

    it('is in the folder of the session only if the system has made that', () => {
      const session = join(temporaryFolder(), 'session');
      const facts = user({ env: { XDG_RUNTIME_DIR: session }, uid: process.getuid?.() });
      const find = () => findFolder(KEY, { ...facts, platform: 'linux' }).folder;
      assert.ok(!find().startsWith(session));
      assert.ok(!existsSync(session));
      mkdirSync(session, { mode: 0o755 });
      assert.ok(!find().startsWith(session), 'others may open it');
      chmodSync(session, 0o700);
      assert.equal(find(), join(session, 'matcoder'));
    });

    it('is elsewhere if the path would be too long for a socket', () => {
      const deep = join(temporaryFolder(), 'a'.repeat(100));
      const facts = user({ platform: 'darwin', cacheFolder: deep });
      const address = findFolder(KEY, facts);
      assert.equal(address.folder, join(facts.temporaryFolder, `matcoder-${facts.uid}`));
      assert.ok(Buffer.byteLength(socketOf(address)) <= 103);
      assert.ok(!existsSync(deep));
    });

    it('is elsewhere if others may open the folder, and nowhere if that holds for all, with each reason', () => {
      const facts = user({ platform: 'darwin' });
      const [first = '', second = ''] = folderCandidates(facts);
      mkdirSync(first, { recursive: true });
      chmodSync(first, 0o755);
      assert.equal(findFolder(KEY, facts).folder, second);
      chmodSync(second, 0o770);
      assert.throws(
        () => findFolder(KEY, facts),
        (error: unknown) =>
          error instanceof NotSharedError &&
          error.message.includes(`${first} is open to other users (mode 755)`) &&
          error.message.includes(`${second} is open to other users (mode 770)`),
      );
    });

    it('is refused if it is a link, or of another kind', () => {
      const folder = temporaryFolder();
      symlinkSync(folder, join(folder, 'link'));
      assert.throws(() => {
        checkPrivate(join(folder, 'link'), 'folder');
      }, /link is no folder; remove it/);
      writeFileSync(join(folder, 'file'), '', { mode: 0o600 });
      assert.throws(() => {
        checkPrivate(join(folder, 'file'), 'socket');
      }, /file is no socket/);
      checkPrivate(join(folder, 'file'), 'file');
    });

    it('is refused if it belongs to another user', function () {
      if (!isRoot) this.skip(); // only the administrator can give a file away
      const file = join(temporaryFolder(), 'file');
      writeFileSync(file, '', { mode: 0o600 });
      chownSync(file, 12345, 12345);
      assert.throws(() => {
        checkPrivate(file, 'file');
      }, /belongs to another user \(12345\)/);
    });
  });
});
