import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { targets, thisTarget } from '../../scripts/lib/native.mjs';
import { root } from '../../scripts/lib/run.mjs';
import { packageOf } from '../../scripts/lib/vsix.mjs';
import { partsOf } from './parts.mjs';
import { platformOf, readPackage } from './vsix.mjs';

const LARGEST_MB = 90;
const chosen = (process.env.MATCODER_TARGETS ?? targets.join(' ')).split(' ');

for (const target of chosen) {
  describe(`The package for ${target}`, function () {
    this.timeout(300_000);
    /** @type {Awaited<ReturnType<typeof readPackage>>} */
    let files;
    const parts = partsOf(target);
    const text = (name) => files.get(name)?.contents.toString('utf8');
    const partOf = (name) => parts.find((part) => part.files.some((file) => file.test(name)));

    before(async () => {
      assert.ok(
        existsSync(packageOf(target)),
        `${packageOf(target)} is missing: npm run package -- --target ${target}`,
      );
      files = await readPackage(packageOf(target));
    });

    it('holds only files that are expected', () => {
      assert.deepEqual(
        [...files.keys()].filter((name) => !partOf(name)),
        [],
      );
    });

    it('holds every file that is expected', () => {
      const names = [...files.keys()];
      const missing = parts.flatMap((part) => part.files).filter((file) => !names.some((name) => file.test(name)));
      assert.deepEqual(missing, []);
    });

    it('is smaller than 90 MB', () => {
      const sizes = new Map();
      for (const [name, { contents, packedBytes }] of files) {
        const part = partOf(name)?.name ?? 'unexpected';
        const size = sizes.get(part) ?? { packed: 0, unpacked: 0 };
        sizes.set(part, {
          packed: size.packed + packedBytes / 1e6,
          unpacked: size.unpacked + contents.length / 1e6,
        });
      }
      const total = [...sizes.values()].reduce((sum, { packed }) => sum + packed, 0);
      const rows = [...sizes].sort(([, a], [, b]) => b.packed - a.packed);
      console.log(`\n    ${target}: ${total.toFixed(1)} MB`);
      for (const [name, { packed, unpacked }] of rows) {
        console.log(
          `      ${name.padEnd(14)}${packed.toFixed(2).padStart(7)} MB, unpacked ${unpacked.toFixed(2).padStart(6)} MB`,
        );
      }
      assert.ok(total < LARGEST_MB, `${total.toFixed(1)} MB`);
    });

    it('holds libraries of its own platform only', () => {
      const libraries = [...files].filter(([name]) => /\.(node|dll|dylib|so)(\.|$)/.test(name));
      assert.ok(libraries.length >= 1);
      for (const [name, { contents }] of libraries) {
        assert.equal(platformOf(contents), target.replace('alpine', 'linux'), name);
      }
    });

    it('is made for its platform, by its manifest', () => {
      const manifest = text('extension.vsixmanifest');
      assert.match(manifest, new RegExp(`TargetPlatform="${target}"`));
    });

    it('names no folder of the machine that built it', () => {
      const folders = [root, realpathSync(root), homedir(), tmpdir(), process.env.HOME ?? root].map(
        (folder) => `${folder}/`,
      );
      const own = [...files].filter(([name]) =>
        /^extension\/(dist\/[\w.]+\.(js|css)|prebuilds\/[\w-]+\/matcoder)/.test(name),
      );
      assert.ok(own.length >= 5);
      for (const [name, { contents }] of own) {
        for (const folder of folders) assert.ok(!contents.includes(folder), `${name} names ${folder}`);
      }
    });

    it('has the same modes on every machine', () => {
      for (const [name, { mode }] of files) assert.ok([0o644, 0o664].includes(mode), `${name}: ${mode.toString(8)}`);
    });

    if (target === thisTarget()) {
      it('serves other editors when it is unpacked, without VS Code', async () => {
        const folder = mkdtempSync(join(tmpdir(), 'matcoder-package-'));
        for (const [name, { contents }] of files) {
          mkdirSync(dirname(join(folder, name)), { recursive: true });
          writeFileSync(join(folder, name), contents);
        }
        const cli = join(folder, 'extension', 'dist', 'cli.js');
        // The engine that is started is this server's alone, and ends soon after it.
        const env = { ...process.env, HOME: folder, XDG_RUNTIME_DIR: '', XDG_CACHE_HOME: join(folder, 'cache') };
        const server = spawn(process.execPath, [cli, 'serve', '--port', '0'], {
          env,
          stdio: ['ignore', 'ignore', 'pipe'],
        });
        try {
          let said = '';
          server.stderr.setEncoding('utf8').on('data', (text) => (said += text));
          const url = () => /listening on (http:\S+)/.exec(said)?.[1];
          const isHealthy = async () => url() !== undefined && (await fetch(`${url()}/health`)).status === 200;
          while (!(await isHealthy())) {
            assert.equal(server.exitCode, null, said);
            await new Promise((resolve) => setTimeout(resolve, 50));
          }
          const { data } = await (await fetch(`${url()}/v1/models`)).json();
          assert.equal(data[0].id, 'matlm-46m');
        } finally {
          server.kill();
          rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
        }
      });
    }

    describe('names in its notices', () => {
      const notices = () => text('extension/dist/ThirdPartyNotices.txt');
      const named = (name) => assert.match(notices(), new RegExp(`^${name}.* \\([^)]+\\)$`, 'm'));

      it('each grammar, and the parser', () => {
        const grammars = [...files.keys()].flatMap((name) => /grammars\/([\w-]+)\.wasm$/.exec(name)?.[1] ?? []);
        assert.ok(grammars.length > 10);
        for (const grammar of grammars) named(`(.*, )?${grammar}\\b`);
        assert.match(notices(), /Copyright \(c\) 2017 Ayman Nadeem/, 'the author of the grammar of Java');
      });

      it('each package of npm whose code is in the bundles', () => {
        const bundles = [...files.keys()]
          .filter((name) => /^extension\/dist\/\w+\.js$/.test(name))
          .map(text)
          .join('\n');
        const packages = Array.from(
          bundles.matchAll(/^\s*\/\/ node_modules\/((?:@[^/\n]+\/)?[^/\n]+)/gm),
          ([, name]) => name,
        );
        assert.ok(packages.includes('web-tree-sitter'));
        for (const name of new Set(packages)) named(name);
      });

      it('each package of npm that is next to them', () => {
        const packages = [...files.keys()].flatMap(
          (name) => /node_modules\/([\w-]+)\/package\.json$/.exec(name)?.[1] ?? [],
        );
        for (const name of packages) assert.match(notices(), new RegExp(`^.*\\b${name}\\b.* \\([^)]+\\)$`, 'm'));
        for (const name of ['onnxruntime-node', 'dawn.node of webgpu'])
          assert.equal(notices().includes(name), packages.includes(name.split(' ').at(-1)), name);
      });

      it('the libraries that are linked into the addon', () => {
        named('libc\\+\\+, libc\\+\\+abi and libunwind');
        named('Zig’s compiler runtime');
        assert.match(notices(), /LLVM Exceptions to the Apache 2\.0 License/);
        assert.equal(/^mingw-w64/m.test(notices()), target.startsWith('win32'));
      });

      it('the shader compiler of Windows', () => {
        const isThere = [...files.keys()].some((name) => name.endsWith('dxcompiler.dll'));
        assert.equal(/^DirectX Shader Compiler/m.test(notices()), isThere);
      });
    });
  });
}

describe('The texts of licences', () => {
  it('belong to the versions that are used', () => {
    const table = readFileSync(join(root, 'licenses', 'README.md'), 'utf8');
    const { devDependencies } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
    const ziglang = /^ziglang==(.+)$/m.exec(readFileSync(join(root, 'native', 'requirements.txt'), 'utf8'))[1];
    for (const name of ['onnxruntime-node', 'webgpu'])
      assert.ok(table.includes(`${name} ${devDependencies[name]} `), name);
    for (const [, version] of table.matchAll(/ziglang (\d[\d.]*\d)/g)) assert.equal(version, ziglang);
  });
});
