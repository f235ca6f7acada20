// Compile and run the C++ tests: with each sanitizer that the compiler has, and for Arm if Debian's cross compiler and QEMU's
// emulator are installed.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, readdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { KERNELS as KERNELS_OF_ADDON } from '../../scripts/lib/native.mjs';

const native = dirname(dirname(fileURLToPath(import.meta.url)));
const out = join(native, '..', 'build', 'native-test');
const compiler = process.env.CXX ?? ['c++', 'g++', 'clang++'].find(exists);
if (compiler === undefined) {
  console.error('No C++ compiler was found: install one, or name it in CXX.');
  process.exit(1);
}
mkdirSync(out, { recursive: true });

const CPU_FLAGS = existsSync('/proc/cpuinfo') ? readFileSync('/proc/cpuinfo', 'utf8') : '';
const AVX2 = ['-mavx2', '-mf16c', '-mfma'];

/**
 * Flags that differ from those for Zig's compiler: its name for the Arm processor is its own. If this processor lacks AVX-VNNI, the
 * source is compiled to AVX-512's encoding of the instruction.
 */
const OTHER_FLAGS = {
  kernels_neon: ['-march=armv8.2-a+dotprod'],
  ...(/\bavx_vnni\b/.test(CPU_FLAGS) ? {} : { kernels_avxvnni: [...AVX2, '-mavx512vl', '-mavx512vnni'] }),
};
const KERNELS = [
  { name: 'kernels_scalar' },
  ...KERNELS_OF_ADDON.map((kernels) => ({ ...kernels, flags: OTHER_FLAGS[kernels.name] ?? kernels.flags })),
];
const PARTS = ['cpu', 'thread_pool', 'x86_features'];
/** The addon itself, which needs Node.js. */
const ADDON = ['addon', 'windows_node_api'];
/** All that is neither a kernel nor one of the parts above nor the addon. */
const ENGINE = readdirSync(join(native, 'src'))
  .filter((name) => name.endsWith('.cc') && !name.startsWith('kernels_'))
  .map((name) => name.slice(0, -'.cc'.length))
  .filter((name) => !ADDON.includes(name) && !PARTS.includes(name));
const MEMORY = readdirSync(join(native, 'src', 'memory'))
  .filter((name) => name.endsWith('.cc') && name !== 'binding.cc')
  .map((name) => name.slice(0, -'.cc'.length));
const ENCODER = ['encoder_model', 'encoder', 'encoder_queue'];
const IMPORT = ['blocks', 'convert', 'permute'];
const SENSORS = readdirSync(join(native, 'src', 'sensors'))
  .filter((name) => /^linux.*\.cc$/.test(name))
  .map((name) => name.slice(0, -'.cc'.length));
const RECORDINGS = join(native, '..', 'test', 'fixtures', 'machines');

/** The test programs with their arguments, or what the compiler said. */
function build(variant, compiler, arch, flags, { sensors }) {
  const common = ['-std=c++17', '-O2', '-g', '-ffp-contract=off', '-fno-math-errno', '-pthread', ...flags];
  const compile = (name, source, isa = []) => {
    const object = join(out, `${variant}-${name}.o`);
    run(compiler, [...common, ...isa, '-c', join(native, source), '-o', object]);
    return object;
  };
  try {
    const shared = [
      ...KERNELS.filter((kernels) => (kernels.arch ?? arch) === arch).map(({ name, source, flags }) =>
        compile(name, `src/${source ?? name}.cc`, flags),
      ),
      ...PARTS.map((name) => compile(name, `src/${name}.cc`)),
    ];
    const memory = MEMORY.map((name) => compile(`memory_${name}`, `src/memory/${name}.cc`));
    const engine = [...ENGINE.map((name) => compile(name, `src/${name}.cc`)), ...memory];
    const encoder = ENCODER.map((name) => compile(`encoder_${name}`, `src/encoder/${name}.cc`));
    const vectors = compile('vectors_vector_index', 'src/vectors/vector_index.cc');
    const importing = IMPORT.map((name) => compile(`import_${name}`, `src/import/${name}.cc`));
    const platform = ['x86_features', 'windows_path', 'input_file'].map((name) => join(out, `${variant}-${name}.o`));
    const link = (name, objects) => {
      const program = join(out, `${variant}-${name}`);
      run(compiler, [...common, compile(`${name}_main`, `test/${name}.cc`), ...objects, '-ldl', '-o', program]);
      return program;
    };
    const programs = [
      [link('kernels_test', shared)],
      [link('engine_test', [...shared, ...engine])],
      [link('draft_head_test', [...shared, ...engine])],
      [link('healing_test', [...shared, ...engine])],
      [link('encoder_test', [...shared, ...engine, ...encoder])],
      [link('vector_index_test', [...shared, vectors])],
      [link('memory_test', memory)],
      [link('import_test', importing)],
      [link('platform_test', platform)],
    ];
    if (sensors) {
      const objects = SENSORS.map((name) => compile(`sensors_${name}`, `src/sensors/${name}.cc`));
      const stub = join(out, `${variant}-nvml.so`);
      run(compiler, [...common, '-shared', '-fPIC', join(native, 'test/nvml_stub.cc'), '-o', stub]);
      programs.push([link('sensors_test', objects), RECORDINGS, stub]);
    }
    return { programs };
  } catch (error) {
    return { fault: error.message };
  }
}

function run(command, args) {
  const { status, stderr, error } = spawnSync(command, args, { encoding: 'utf8' });
  if (error) throw new Error(`The C++ compiler ${command} does not run: ${error.message}`);
  if (status !== 0) throw new Error(stderr);
}

function exists(command) {
  return spawnSync(command, ['--version']).status === 0;
}

/** Whether a program made with these flags links and runs: a compiler may come without its sanitizers' libraries. */
function runs(flags) {
  const program = join(out, 'probe');
  const source = { input: 'int main() { return 0; }\n', encoding: 'utf8' };
  if (spawnSync(compiler, ['-x', 'c++', ...flags, '-', '-o', program], source).status !== 0) return false;
  return spawnSync(program).status === 0;
}

function test(title, { programs, fault }, emulator) {
  if (fault !== undefined) {
    console.error(fault);
    process.exitCode = 1;
    return;
  }
  for (const program of programs) {
    console.log(title);
    const [command, ...args] = [...emulator, ...program];
    const { status } = spawnSync(command, args, { stdio: 'inherit' });
    process.exitCode ||= status ?? 1;
  }
}

// The recordings are of Linux, and a program for the emulator is linked whole: it can load no library.
const withSensors = { sensors: process.platform === 'linux' };
const withoutSensors = { sensors: false };

const SANITIZERS = {
  // `undefined` alone does not include conversions from float to integer.
  'address and undefined-behaviour': ['-fsanitize=address,undefined,float-cast-overflow', '-fno-sanitize-recover=all'],
  thread: ['-fsanitize=thread'],
};
const usable = Object.entries(SANITIZERS).filter(([name, flags]) => {
  if (runs(flags)) return true;
  console.log(`The ${name} sanitizer is not tested: ${compiler} came without it.`);
  return false;
});
for (const [name, flags] of usable) {
  test(`with the ${name} sanitizer`, build(name.split(' ')[0], compiler, process.arch, flags, withSensors), []);
}
if (usable.length === 0) test('without a sanitizer', build('plain', compiler, process.arch, [], withSensors), []);

const CROSS = 'aarch64-linux-gnu-g++';
const EMULATOR = 'qemu-aarch64';
if (process.arch === 'arm64' || (exists(CROSS) && exists(EMULATOR))) {
  const arm =
    process.arch === 'arm64'
      ? build('plain', compiler, 'arm64', [], withSensors)
      : build('arm', CROSS, 'arm64', ['-static'], withoutSensors);
  test('for Arm', arm, process.arch === 'arm64' ? [] : [EMULATOR]);
} else {
  console.log(`Arm is not tested: it needs ${CROSS} and ${EMULATOR} (Debian: g++-aarch64-linux-gnu, qemu-user).`);
}
