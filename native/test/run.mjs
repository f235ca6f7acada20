// Compile and run the C++ tests, with sanitizers where the compiler has them; and for Arm where Debian's cross compiler
// and QEMU's emulator are there.
import { spawnSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const native = dirname(dirname(fileURLToPath(import.meta.url)));
const out = join(native, '..', 'build', 'native-test');
const compiler = process.env.CXX ?? ['c++', 'g++', 'clang++'].find(exists);
if (compiler === undefined) {
  console.error('No C++ compiler was found: install one, or name it in CXX.');
  process.exit(1);
}
mkdirSync(out, { recursive: true });
let failure = '';

// As in binding.gyp: only its own file may use an instruction set.
const SOURCES = {
  'src/kernels_scalar.cc': {},
  'src/kernels_avx2.cc': { x64: ['-mavx2', '-mf16c', '-mfma'] },
  'src/kernels_avx512.cc': { x64: ['-mavx512f', '-mavx512bw', '-mavx512vl', '-mavx512vnni'] },
  'src/kernels_neon.cc': { arm64: ['-march=armv8.2-a+dotprod'] },
  'src/cpu.cc': {},
  'src/thread_pool.cc': {},
  'test/kernels_test.cc': {},
};

function build(name, compiler, arch, flags) {
  const common = ['-std=c++17', '-O2', '-g', '-ffp-contract=off', '-fno-math-errno', '-pthread', ...flags];
  const objects = Object.entries(SOURCES).map(([source, isa], i) => {
    const object = join(out, `${name}-${i}.o`);
    return { object, ok: run(compiler, [...common, ...(isa[arch] ?? []), '-c', join(native, source), '-o', object]) };
  });
  const program = join(out, name);
  const linked =
    objects.every(({ ok }) => ok) && run(compiler, [...common, ...objects.map((o) => o.object), '-o', program]);
  return linked ? program : undefined;
}

function run(command, args) {
  const { status, stderr, error } = spawnSync(command, args, { encoding: 'utf8' });
  if (status !== 0) failure = error ? `The C++ compiler ${command} does not run: ${error.message}` : stderr;
  return status === 0;
}

function exists(command) {
  return spawnSync(command, ['--version']).status === 0;
}

/** Runs a program that was built; its exit code. */
function test(title, command, args) {
  console.log(title);
  return spawnSync(command, args, { stdio: 'inherit' }).status ?? 1;
}

const sanitizers = ['-fsanitize=address,undefined', '-fno-sanitize-recover=all'];
const checked = build('checked', compiler, process.arch, sanitizers);
const program = checked ?? build('plain', compiler, process.arch, []);
if (program === undefined) {
  console.error(failure);
  process.exit(1);
}
process.exitCode = test(
  checked ? 'with address and undefined-behaviour sanitizers' : 'without sanitizers',
  program,
  [],
);

const CROSS = 'aarch64-linux-gnu-g++';
const EMULATOR = 'qemu-aarch64';
if (process.arch === 'arm64' || !exists(CROSS) || !exists(EMULATOR)) {
  if (process.arch !== 'arm64') {
    console.log(`Arm is not tested: it needs ${CROSS} and ${EMULATOR} (Debian: g++-aarch64-linux-gnu, qemu-user).`);
  }
} else {
  const arm = build('arm', CROSS, 'arm64', ['-static']);
  if (arm === undefined) console.error(failure);
  process.exitCode ||= arm === undefined ? 1 : test('for Arm, emulated', EMULATOR, [arm]);
}
