/** Reads the addons of all platforms, also of those that nothing here runs. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { buildAddon, targets } from '../../../scripts/lib/native.mjs';
import { preparePython } from '../../../scripts/lib/python.mjs';
import { must, root } from '../../../scripts/lib/run.mjs';

/** As each format names the processors. */
const ARCHITECTURES = {
  ELF: { x64: 'X86_64', arm64: 'AARCH64' },
  PE: { x64: 'AMD64', arm64: 'ARM64' },
  MachO: { x64: 'X86_64', arm64: 'ARM64' },
};
const FORMATS = { linux: 'ELF', alpine: 'ELF', win32: 'PE', darwin: 'MachO' };

/** Libraries that each system has: no C++ library, because its version would differ. */
const LIBRARIES = {
  linux: /^(lib(c|m|dl|pthread)\.so\.\d|ld-linux-[\w-]+\.so\.\d)$/,
  alpine: /^libc\.so$/, // musl's loader takes the name for itself
  win32: /^(kernel32|user32|advapi32|dxgi|pdh|powrprof|api-ms-win-crt-[\w-]+)\.dll$/i,
  darwin: /^(\/usr\/lib\/lib(System\.B|objc\.A)\.dylib|\/System\/Library\/Frameworks\/[\w./]+)$/,
};

/** What VS Code itself needs at least. */
const GLIBC = [2, 28];
const MACOS = [11, 0];

const isAtMost = ([major, minor], [most, least]) => major < most || (major === most && minor <= least);

describe('the addon as a file', function () {
  this.timeout(1_800_000); // it may have to be compiled
  const described = new Map();
  before(async () => {
    const { python, why } = await preparePython('binaries');
    assert.ok(python, why);
    const files = new Map();
    for (const target of targets) files.set(target, await buildAddon(target));
    const script = join(root, 'test', 'platforms', 'binaries', 'describe.py');
    const all = JSON.parse(await must(python, [script, ...files.values()]));
    for (const [target, file] of files) described.set(target, all[file]);
  });

  for (const target of targets) {
    const [system, arch] = target.split('-');
    const format = FORMATS[system];

    it(`is of the right kind for ${target}, and needs libraries of the system only`, () => {
      const found = described.get(target);
      assert.equal(found.format, format);
      assert.equal(found.arch, ARCHITECTURES[format][arch]);
      assert.ok(found.libraries.length > 0);
      for (const library of found.libraries) assert.match(library, LIBRARIES[system]);
      const prefix = system === 'darwin' ? '_' : '';
      assert.ok(found.exports.includes(`${prefix}napi_register_module_v1`), 'Node.js finds no entry');
    });

    if (system === 'linux') {
      it(`runs with glibc ${GLIBC.join('.')} on ${target}`, () => {
        const { versions } = described.get(target);
        assert.ok(versions.length > 0);
        for (const name of versions) {
          const version = /^GLIBC_(\d+)\.(\d+)/.exec(name);
          assert.ok(version, `${name} is not a version of glibc`);
          assert.ok(isAtMost([Number(version[1]), Number(version[2])], GLIBC), name);
        }
      });
    }

    if (system === 'darwin') {
      it(`runs with macOS ${MACOS[0]} on ${target}, takes Node-API from the program, and is signed if it has to be`, () => {
        const { minimum, fromProgram, optional, signed, commands, exports } = described.get(target);
        assert.ok(isAtMost(minimum, MACOS), `it needs macOS ${minimum?.join('.')}`);
        assert.ok(commands.includes('LOAD_DYLIB') && commands.includes('SYMTAB'));
        assert.ok(fromProgram.length > 20);
        for (const symbol of fromProgram) assert.match(symbol, /^_(napi|node_api)_/);
        // macOS 12 brought this one; if it were required, macOS 11 would not load the addon.
        assert.deepEqual(optional, ['_NSProcessInfoPowerStateDidChangeNotification']);
        // macOS replaces tables and types of classes that are exported by those of its own C++ library, which is another version.
        // Types of functions (`F…` and pointers to them), which the compiler exports on Intel, are the same in both.
        assert.deepEqual(
          exports.filter((name) => /^__ZT(?![IS]P?F)/.test(name)),
          [],
        );
        // The kernel of a Mac with Apple's processor ends a program that loads unsigned code; a signature without a name will do.
        if (arch === 'arm64') assert.ok(signed);
      });
    }
  }
});
