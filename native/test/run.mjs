// Compile and run the C++ tests, with sanitizers where the compiler has them.
import { spawnSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const native = dirname(dirname(fileURLToPath(import.meta.url)));
const out = join(native, '..', 'build', 'native-test');
const compiler =
  process.env.CXX ?? ['c++', 'g++', 'clang++'].find((name) => spawnSync(name, ['--version']).status === 0);
if (compiler === undefined) {
  console.error('No C++ compiler was found: install one, or name it in CXX.');
  process.exit(1);
}
mkdirSync(out, { recursive: true });
let failure = '';

// As in binding.gyp: only its own file may use an instruction set.
const FLAGS = {
  'src/kernels_scalar.cc': [],
  'src/kernels_avx2.cc': ['-mavx2', '-mf16c', '-mfma'],
  'src/kernels_avx512.cc': ['-mavx512f', '-mavx512bw', '-mavx512vl', '-mavx512vnni'],
  'src/cpu.cc': [],
  'src/thread_pool.cc': [],
  'test/kernels_test.cc': [],
};

function build(name, sanitizers) {
  const common = ['-std=c++17', '-O2', '-g', '-ffp-contract=off', '-fno-math-errno', '-pthread', ...sanitizers];
  const objects = Object.entries(FLAGS).map(([source, flags], i) => {
    const object = join(out, `${name}-${i}.o`);
    const isa = process.arch === 'x64' ? flags : [];
    return { object, ok: run(compiler, [...common, ...isa, '-c', join(native, source), '-o', object]) };
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

const program = build('checked', ['-fsanitize=address,undefined', '-fno-sanitize-recover=all']) ?? build('plain', []);
if (program === undefined) {
  console.error(failure);
  process.exit(1);
}
console.log(program.endsWith('checked') ? 'with address and undefined-behaviour sanitizers' : 'without sanitizers');
process.exit(spawnSync(program, [], { stdio: 'inherit' }).status ?? 1);
