import { createHash } from 'node:crypto';
import { createRequire } from 'node:module';
import { existsSync, mkdirSync, readFileSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { basename, dirname, join, relative } from 'node:path';
import { Fault, root, run } from './run.mjs';
import { once } from './stamp.mjs';
import { prepareZig } from './zig.mjs';

const require = createRequire(import.meta.url);

/**
 * The platforms that have a package, by the names that VS Code's marketplace gives them. Zig's name of a platform also holds the
 * oldest version of the system that will do: VS Code itself needs glibc 2.28 and macOS 11.
 */
const TARGETS = {
  'linux-x64': { zig: 'x86_64-linux-gnu.2.28', system: 'linux', arch: 'x64' },
  'linux-arm64': { zig: 'aarch64-linux-gnu.2.28', system: 'linux', arch: 'arm64' },
  'alpine-x64': { zig: 'x86_64-linux-musl', system: 'linux', arch: 'x64' },
  'alpine-arm64': { zig: 'aarch64-linux-musl', system: 'linux', arch: 'arm64' },
  'darwin-x64': { zig: 'x86_64-macos.11.0', system: 'macos', arch: 'x64' },
  'darwin-arm64': { zig: 'aarch64-macos.11.0', system: 'macos', arch: 'arm64' },
  'win32-x64': { zig: 'x86_64-windows-gnu', system: 'windows', arch: 'x64' },
  'win32-arm64': { zig: 'aarch64-windows-gnu', system: 'windows', arch: 'arm64' },
};

export const targets = Object.keys(TARGETS);

/** The target of this machine, as in src/engine/target.ts; undefined if there is none. */
export function thisTarget({ platform, arch, report } = process) {
  const isMusl = platform === 'linux' && report.getReport().header.glibcVersionRuntime === undefined;
  const target = `${isMusl ? 'alpine' : platform}-${arch}`;
  return target in TARGETS ? target : undefined;
}

const native = join(root, 'native');
const sources = join(native, 'src');

const AVX2 = ['-mavx2', '-mf16c', '-mfma'];
const AVX512 = ['-mavx512f', '-mavx512bw', '-mprefer-vector-width=512'];

/** Each instruction set's kernels are a file, or one file compiled twice; only that file may use the instructions. */
export const KERNELS = [
  { name: 'kernels_avx2', arch: 'x64', flags: AVX2 },
  { name: 'kernels_avxvnni', source: 'kernels_avx2', arch: 'x64', flags: [...AVX2, '-mavxvnni'] },
  { name: 'kernels_avx512', arch: 'x64', flags: AVX512 },
  { name: 'kernels_avx512vnni', source: 'kernels_avx512', arch: 'x64', flags: [...AVX512, '-mavx512vnni'] },
  { name: 'kernels_neon', arch: 'arm64', flags: ['-mcpu=generic+v8_2a+dotprod'] },
];

const FLAGS = [
  '-std=c++17',
  '-O3',
  // The compiler must not fuse multiply and add by itself, because the instruction sets would differ in the last bit.
  '-ffp-contract=off',
  '-fno-math-errno',
  '-fvisibility=hidden',
  '-fno-sanitize=all',
  '-DNAPI_VERSION=8',
  '-DNAPI_CPP_EXCEPTIONS',
  '-DNODE_ADDON_API_CPP_EXCEPTIONS_ALL',
  '-DNODE_API_NO_EXTERNAL_BUFFERS_ALLOWED',
  '-Wall',
  '-Wextra',
  '-Werror',
];

/** Flags that only one system takes. */
const SYSTEMS = {
  linux: { compile: ['-fPIC'], link: ['-ldl', '-lpthread'] },
  macos: {
    compile: ['-fPIC'],
    // The stubs in native/macos/ stand for the system's frameworks. Node.js has the functions of Node-API, and is known only when
    // the addon is loaded. Without a name of its own the library would hold the path that it is written to.
    link: [
      ...['CoreFoundation', 'Foundation', 'IOKit', 'libobjc'].map((name) => `native/macos/${name}.tbd`),
      '-Wl,-undefined,dynamic_lookup',
      '-Wl,-install_name,@rpath/matcoder_engine.node',
    ],
  },
  windows: { compile: ['-DBUILDING_NODE_EXTENSION'], link: ['-ldxgi', '-lpdh', '-lpowrprof'] },
};

/** A file whose name begins with that of a system is for that system alone. */
function isOfSystem(name, system) {
  const own = /^(linux|macos|windows)/.exec(name)?.[1];
  return own === undefined || own === system;
}

/**
 * What to compile for a target.
 *
 * @returns {{name: string, source: string, flags: string[]}[]}
 */
function unitsOf({ system, arch }) {
  const files = readdirSync(sources, { recursive: true }).map((file) => file.replaceAll('\\', '/'));
  const plain = files
    .filter((file) => /\.(cc|mm)$/.test(file) && isOfSystem(basename(file), system))
    .filter((file) => !/^kernels_(?!scalar)/.test(file))
    .sort()
    .map((file) => ({
      name: file.replaceAll('/', '_').replace(/\.\w+$/, ''),
      source: join(sources, file),
      flags: file.endsWith('.mm') ? ['-fobjc-arc'] : [],
    }));
  const kernels = KERNELS.filter((kernel) => kernel.arch === arch).map(({ name, source, flags }) => ({
    name,
    source: join(sources, `${source ?? name}.cc`),
    flags,
  }));
  return [...plain, ...kernels];
}

/** The addon for a target, in a folder of its own. */
export function addonOf(target) {
  return join(root, 'build', 'native', target, 'matcoder_engine.node');
}

/**
 * Compiles the addon for a target, unless it was made from the same files. The same files give the same bytes, on any machine.
 *
 * @param {string} target one of `targets`
 * @param {(text: string) => void} say is told that the addon is compiled
 * @returns {Promise<string>} the path of the addon
 */
export async function buildAddon(target, say = console.log) {
  if (!(target in TARGETS)) throw new Fault(`There is no target ${target}; the targets are ${targets.join(', ')}.`);
  const addon = addonOf(target);
  const stamp = join(dirname(addon), 'made-from');
  if (!existsSync(addon)) rmSync(stamp, { force: true });
  await once(stamp, keyOf(target), () => compile(target, say));
  return addon;
}

async function compile(target, say) {
  say(`Compiling the native engine for ${target}`);
  const zig = await prepareZig();
  const { zig: triple, system, arch } = TARGETS[target];
  const folder = dirname(addonOf(target));
  // A folder of this process alone, because another one may compile the same target. The libraries of Windows hold their file's
  // name, so the file has its final one from the start.
  const part = join(folder, `part-${process.pid}`);
  rmSync(part, { recursive: true, force: true });
  mkdirSync(part, { recursive: true });
  try {
    await compileInto(part, { zig, triple, system, arch, includes: includes(system, join(folder, 'include')) });
    renameSync(join(part, basename(addonOf(target))), addonOf(target));
  } finally {
    rmSync(part, { recursive: true, force: true });
  }
}

async function compileInto(folder, { zig, triple, system, arch, includes }) {
  const compileFlags = ['-target', triple, ...FLAGS, ...SYSTEMS[system].compile, ...includes];
  const units = unitsOf({ system, arch });
  const jobs = units.map(({ name, source, flags }) => async () => {
    // Relative, so that no path of this machine gets into an assertion or a warning.
    await zigCxx(zig, [...compileFlags, ...flags, '-c', relative(root, source), '-o', join(folder, `${name}.o`)]);
  });
  await inParallel(jobs, availableParallelism());
  const inputs = units.map(({ name }) => join(folder, `${name}.o`));
  const output = join(folder, 'matcoder_engine.node');
  await zigCxx(zig, ['-target', triple, '-shared', '-s', '-O3', ...inputs, ...SYSTEMS[system].link, '-o', output]);
}

/** The headers of Node-API, which every Node.js has in common. `generated` is the folder of those that are made here. */
function includes(system, generated) {
  const { include_dir: c, symbols } = require('node-api-headers');
  const cpp = dirname(require.resolve('node-addon-api/package.json'));
  if (system === 'windows') {
    const names = [...symbols.v8.js_native_api_symbols, ...symbols.v8.node_api_symbols];
    const file = join(generated, 'node_api_functions.inl');
    const part = `${file}.${process.pid}`;
    mkdirSync(generated, { recursive: true });
    writeFileSync(part, names.map((name) => `NODE_API_FUNCTION(${name})\n`).join(''));
    renameSync(part, file);
  }
  return [cpp, c, generated].map((folder) => `-I${relative(root, folder)}`);
}

async function zigCxx(zig, args) {
  const { code, output } = await run(zig, ['c++', ...args], { quiet: true });
  if (code !== 0) throw new Fault(`The native engine could not be compiled:\n${output}`);
}

async function inParallel(jobs, count) {
  const left = jobs.values();
  await Promise.all(
    Array.from({ length: count }, async () => {
      for (const job of left) await job();
    }),
  );
}

/** A digest of all that an addon is made from. */
function keyOf(target) {
  const hash = createHash('sha256').update(target);
  const own = readdirSync(native, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .filter((file) => /^(src|macos|requirements)/.test(relative(native, file)))
    .sort();
  const headers = ['node-addon-api', 'node-api-headers'].map((name) => require.resolve(`${name}/package.json`));
  for (const file of [...own, ...headers, join(root, 'scripts', 'lib', 'native.mjs')]) {
    hash.update(relative(root, file)).update('\0').update(readFileSync(file)).update('\0');
  }
  return hash.digest('hex');
}
