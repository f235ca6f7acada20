import assert from 'node:assert/strict';
import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { AddonError, addonFiles, type Loading, loadFirst } from '../../../src/engine/loadAddon';
import { temporaryFolder } from '../../temporary';
import { asOrdinaryUser } from '../../unprivileged';

/** The headers of a library for Linux on x64, and for Windows: without segments, so that they are whole. */
const ELF_X64 = header([0, 4, 0x464c457f], [18, 2, 62]);
const PE_X64 = header([0, 2, 0x5a4d], [0x3c, 4, 0x80], [0x80, 4, 0x4550], [0x84, 2, 0x8664]);

function header(...fields: [offset: number, bytes: 2 | 4, value: number][]): Buffer {
  const bytes = Buffer.alloc(512);
  for (const [offset, length, value] of fields) bytes.writeUIntLE(value, offset, length);
  return bytes;
}

/** An installation with files under `prebuilds/`, by target. */
function installation(files: Readonly<Record<string, Uint8Array>>): string {
  const root = temporaryFolder();
  for (const [target, content] of Object.entries(files)) {
    const file = addonFiles(root, target).at(-1)!;
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, content);
  }
  return root;
}

/** A system whose loader fails with these faults, one after the other, and then succeeds. */
function system(target: string, ...faults: string[]): Loading & { readonly pausesMs: number[] } {
  const pausesMs: number[] = [];
  const left = [...faults];
  const load = () => {
    const fault = left.shift();
    if (fault !== undefined) throw Object.assign(new Error(fault), { code: /^E[A-Z]+(?=:)/.exec(fault)?.[0] });
    return { supportedIsas: ['scalar'] };
  };
  return { target, pausesMs, wait: (ms) => pausesMs.push(ms), load };
}

function messageOf(root: string, loading: Loading): string {
  try {
    loadFirst(root, loading);
  } catch (error) {
    assert.ok(error instanceof AddonError);
    return error.message;
  }
  return assert.fail('it was loaded');
}

describe('an addon that is not there', () => {
  it('is missing from the package for this platform: every path and the remedy are named', () => {
    const root = installation({});
    const message = messageOf(root, system('linux-x64'));
    for (const file of addonFiles(root, 'linux-x64')) assert.ok(message.includes(file), message);
    assert.match(message, /^The native engine for linux-x64 is missing: reinstall MatCoder, .*\. Looked at /);
  });

  it('may have been removed by an antivirus program on Windows', () => {
    assert.match(
      messageOf(installation({}), system('win32-x64')),
      /^The native engine for win32-x64 is missing: reinstall .*\. An antivirus program may have removed it\. Looked at /,
    );
  });

  it('is in the package for another platform: both are named, and which package to install', () => {
    const root = installation({ 'darwin-arm64': ELF_X64 });
    assert.match(
      messageOf(root, system('linux-x64')),
      /^MatCoder's package for darwin-arm64 is installed, and this is linux-x64: install the package for linux-x64\. Looked/,
    );
  });

  it('does not exist for this platform: those that there are are named', () => {
    const supported =
      'linux-x64, linux-arm64, alpine-x64, alpine-arm64, darwin-x64, darwin-arm64, win32-x64, win32-arm64.';
    for (const root of [installation({}), installation({ 'linux-x64': ELF_X64 })]) {
      assert.equal(
        messageOf(root, system('freebsd-x64')),
        `MatCoder has no engine for freebsd-x64, only for ${supported}`,
      );
    }
  });
});

describe('an addon that does not load', () => {
  it('is damaged: the file, the fault and the remedy are named', () => {
    for (const content of ['', 'not a library']) {
      const root = installation({ 'linux-x64': Buffer.from(content) });
      const message = messageOf(root, system('linux-x64'));
      assert.match(
        message,
        /^The native engine is damaged: reinstall MatCoder, .*engine\.node is no native library\.$/,
      );
    }
  });

  it('is cut: the loader, which may crash, is not given it', () => {
    // One segment, of 100 bytes from 1000 on.
    const cut = header(
      [0, 4, 0x464c457f],
      [18, 2, 62],
      [32, 4, 64],
      [54, 2, 56],
      [56, 2, 1],
      [64, 4, 1],
      [72, 4, 1000],
      [96, 4, 100],
    );
    const message = messageOf(installation({ 'linux-x64': cut }), system('linux-x64'));
    assert.match(
      message,
      /^The native engine is damaged: reinstall .*engine\.node has 512 bytes of at least 1100; was the disk full\?$/,
    );
  });

  it('is refused by the system: its fault is quoted', () => {
    const root = installation({ 'linux-x64': ELF_X64 });
    const message = messageOf(root, system('linux-x64', 'undefined symbol: napi_something\nRequire stack:'));
    assert.match(
      message,
      /^The native engine does not load: reinstall .*engine\.node: undefined symbol: napi_something$/,
    );
  });

  it('is made for another processor or system: both are named', () => {
    const root = installation({ 'linux-arm64': ELF_X64, 'win32-x64': ELF_X64 });
    assert.match(
      messageOf(root, system('linux-arm64')),
      /^The native engine is made for linux-x64, and this is linux-arm64: install the package for linux-arm64\. .*engine\.node$/,
    );
    assert.match(messageOf(root, system('win32-x64')), /is made for linux-x64, and this is win32-x64: /);
  });

  it('needs a newer C library: the least version is named', () => {
    const root = installation({ 'linux-x64': ELF_X64 });
    const message = messageOf(root, system('linux-x64', "libc.so.6: version `GLIBC_2.28' not found"));
    assert.match(message, /^The native engine needs glibc 2\.28 or newer: update the system\. .*GLIBC_2\.28/);
  });

  it('fails once: only a file that is held is tried again', () => {
    const loading = system('linux-x64', 'undefined symbol: napi_something');
    messageOf(installation({ 'linux-x64': ELF_X64 }), loading);
    assert.deepEqual(loading.pausesMs, []);
  });
});

describe('an addon that another program holds', () => {
  const HELD = [
    'The process cannot access the file because it is being used by another process.',
    'Access is denied.',
    'EBUSY: resource busy or locked, open',
    'EPERM: operation not permitted, open',
    'EACCES: permission denied, open',
    'ERROR_SHARING_VIOLATION',
  ];

  for (const fault of HELD) {
    it(`is loaded as soon as it is let go: ${fault}`, () => {
      const loading = system('win32-x64', fault, fault, fault);
      assert.deepEqual(loadFirst(installation({ 'win32-x64': PE_X64 }), loading), { supportedIsas: ['scalar'] });
      assert.deepEqual(loading.pausesMs, [100, 200, 400]);
    });
  }

  it('is given up after six seconds: the file, the fault, antivirus programs and the remedy are named', () => {
    const root = installation({ 'win32-x64': PE_X64 });
    const loading = system('win32-x64', ...Array<string>(20).fill('Access is denied.\r\nC:\\matcoder_engine.node'));
    const [, file = ''] = addonFiles(root, 'win32-x64');
    const message = messageOf(root, loading);
    assert.match(
      message,
      /^Another program holds the native engine, .* antivirus program .* "MatCoder: Restart Engine"\. /,
    );
    assert.ok(message.endsWith(`${file}: Access is denied.`), message);
    assert.equal(
      loading.pausesMs.reduce((a, b) => a + b),
      6000,
    );
  });

  it('is told by the system’s own code, whose message may be in another language', function () {
    if (process.platform === 'win32') this.skip(); // modes withhold nothing there
    const root = installation({ 'win32-x64': PE_X64 });
    const file = addonFiles(root, 'win32-x64').at(-1)!;
    chmodSync(root, 0o755);
    chmodSync(file, 0);
    const pausesMs = asOrdinaryUser((asSelf) => {
      const paused: number[] = [];
      const wait = (ms: number) => {
        if (paused.push(ms) === 3) {
          asSelf(() => {
            chmodSync(file, 0o644);
          });
        }
      };
      loadFirst(root, { ...system('win32-x64'), wait });
      return paused;
    });
    assert.deepEqual(pausesMs, [100, 200, 400]);
  });
});
