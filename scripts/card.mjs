// Everything that it takes to measure a graphics card on a machine that has nothing but its driver, in one folder:
// `node scripts/card.mjs pack`, then there `sh build/card/run.sh`. The measuring is bench/card/run.mts.
import { chmodSync, copyFileSync, cpSync, existsSync, mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { spawnSync } from 'node:child_process';
import { basename, dirname, join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { build } from './build.mjs';
import { buildAddon, thisTarget } from './lib/native.mjs';
import { installLlamaCpp, llamaCppLibrary, llamaCppVersion } from './lib/peers.mjs';
import { Fault, main, must, root } from './lib/run.mjs';
import { smollm2 } from './lib/smollm2.mjs';
import { copyWebgpu, hasWebgpu } from './lib/webgpu.mjs';

const USAGE = `node scripts/card.mjs pack [--out FOLDER] [--pieces] [--piece-mb N] [--cuda] [--tiny]

Gathers in build/card what measuring a graphics card takes, for a machine like this one without a network: Node.js, the loader of
Vulkan, Dawn, the engine, the models and llama.cpp with Vulkan. Models of half a billion parameters and more are drawn there.

  --out FOLDER  instead of build/card
  --pieces      also as build/card.pieces/card.tgz.00 and so on; there: cat card.tgz.* | tar -xz
  --piece-mb N  of each piece, 48 by default
  --cuda        with llama.cpp for CUDA and NVIDIA's libraries, a gigabyte more
  --tiny        without peers and trained models, to try the script with \`run.sh --tiny\`

There: sh card/run.sh [--out FILE] [--minutes 8] [--threads 2] [--models A,B] [--engines ours,vulkan,cuda,processor] [--tiny]`;

const { help, tiny, cuda, pieces: inPieces, 'piece-mb': pieceMb, out: chosen } = options();
const out = resolve(chosen);
const pieces = `${out}.pieces`;
const SWIFTSHADER_LOADER = '/usr/lib/chromium/libvulkan.so.1';

/**
 * It takes the machine's own libraries if there are any, because its driver may need newer ones than ours, and finds the driver's
 * manifest, which machines for computing may have in a place of their own, or not at all.
 */
const RUN = `#!/bin/sh
here=$(cd "$(dirname "$0")" && pwd)
if [ "$(uname -s)-$(uname -m)" != Linux-x86_64 ]; then
  echo "This folder is for Linux on x86-64, and this is $(uname -s) on $(uname -m): use a card of another machine." >&2
  exit 1
fi
libraries="$here/lib"
known=$(PATH="$PATH:/sbin:/usr/sbin" ldconfig -p 2>/dev/null)
for file in "$here"/spare/*/*; do
  case "$known" in *"$(basename "$file") (libc6,x86-64"*) ;; *) libraries="$libraries:$(dirname "$file")" ;; esac
done
export LD_LIBRARY_PATH="$libraries\${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}"
if [ -z "$VK_DRIVER_FILES$VK_ICD_FILENAMES" ] && ! ls /etc/vulkan/icd.d /usr/share/vulkan/icd.d 2>/dev/null | grep -q '[.]json$'; then
  manifest=/usr/local/nvidia/share/vulkan/icd.d/nvidia_icd.json
  [ -f "$manifest" ] || manifest="$here/lib/nvidia_icd.json"
  export VK_DRIVER_FILES="$manifest" VK_ICD_FILENAMES="$manifest"
fi
exec "$here/bin/node" "$here/bench/run.mjs" "$@"
`;

/** NVIDIA's driver without a display. */
const NVIDIA = { file_format_version: '1.0.0', ICD: { library_path: 'libEGL_nvidia.so.0', api_version: '1.3.0' } };

/** Libraries of the system that Node.js and the peers need, for a machine that lacks them. Each is in a folder of its own. */
const SYSTEM = ['libstdc++.so.6', 'libgcc_s.so.1', 'libgomp.so.1'];

/** NVIDIA's libraries that llama.cpp for CUDA needs, as Python packages. */
const CUDA = ['nvidia-cuda-runtime==13.*', 'nvidia-cublas==13.*'];

function options() {
  try {
    const { values, positionals } = parseArgs({
      allowPositionals: true,
      options: {
        out: { type: 'string', default: join('build', 'card') },
        pieces: { type: 'boolean', default: false },
        'piece-mb': { type: 'string', default: '48' },
        cuda: { type: 'boolean', default: false },
        tiny: { type: 'boolean', default: false },
        help: { type: 'boolean', default: false },
      },
    });
    if (!values.help && positionals.join() !== 'pack') throw new Error('The one command is pack');
    if (!/^[1-9]\d*$/.test(values['piece-mb'])) throw new Error(`--piece-mb ${values['piece-mb']} is no whole number`);
    return values;
  } catch (error) {
    process.stderr.write(`${error.message}\n\n${USAGE}\n`);
    process.exit(1);
  }
}

await main(async () => {
  if (help) return console.log(USAGE);
  const target = thisTarget();
  if (!hasWebgpu(target)) throw new Fault(`Dawn has no libraries for ${target ?? process.platform}.`);
  if (target !== 'linux-x64') {
    throw new Fault(
      `The script of a card is for Linux on x64, because llama.cpp's packages have no Vulkan for ${target}.`,
    );
  }
  await build({ quiet: true });
  rmSync(out, { recursive: true, force: true });
  for (const folder of ['bin', 'lib', 'bench', 'dist']) mkdirSync(join(out, folder), { recursive: true });
  writeFileSync(join(out, 'package.json'), '{ "private": true }\n');
  writeFileSync(join(out, 'run.sh'), RUN, { mode: 0o755 });
  copyFileSync(process.execPath, join(out, 'bin', 'node'));
  chmodSync(join(out, 'bin', 'node'), 0o755);
  await copyEngine(target);
  await copyLoader();
  if (!tiny) await copyModelsAndPeers(cuda);
  if (inPieces) await split(Number(pieceMb));
  const { stdout } = spawnSync('du', ['-sm', out], { encoding: 'utf8' });
  console.log(`${out}: ${stdout.split('\t')[0]} MB`);
});

async function copyEngine(target) {
  const prebuilds = join(out, 'prebuilds', target);
  mkdirSync(prebuilds, { recursive: true });
  copyFileSync(await buildAddon(target), join(prebuilds, 'matcoder_engine.node'));
  copyWebgpu(target, join(prebuilds, 'node_modules'));
  cpSync(join(root, 'dist', 'kernels'), join(out, 'dist', 'kernels'), { recursive: true });
  for (const name of ['cli.js', 'import.js']) copyFileSync(join(root, 'dist', name), join(out, 'dist', name));
  const esbuild = await import('esbuild');
  const entry = (path, name) => ({ in: join(root, 'bench', path), out: name });
  await esbuild.build({
    absWorkingDir: root,
    entryPoints: [entry('card/run.mts', 'run'), entry('card/task.mts', 'task'), entry('child.mts', 'child')],
    outdir: join(out, 'bench'),
    outExtension: { '.js': '.mjs' },
    bundle: true,
    platform: 'node',
    format: 'esm',
    target: 'node20',
    external: ['node-llama-cpp', 'onnxruntime-node'],
    banner: {
      js: "import { createRequire as requireOf } from 'node:module'; const require = requireOf(import.meta.url);",
    },
    logLevel: 'warning',
  });
  const model = join(out, 'models', 'matlm-46m');
  mkdirSync(model, { recursive: true });
  copyFileSync(join(root, 'models', 'matlm-46m', 'tokenizer.json'), join(model, 'tokenizer.json'));
}

/** The loader of Vulkan is Debian's, or Chromium's if there is no network. */
async function copyLoader() {
  const lib = join(out, 'lib');
  writeFileSync(join(lib, 'nvidia_icd.json'), JSON.stringify(NVIDIA));
  const unpacked = `${out}.debian`;
  rmSync(unpacked, { recursive: true, force: true });
  mkdirSync(unpacked);
  try {
    if (existsSync(SWIFTSHADER_LOADER)) copyLibrary(SWIFTSHADER_LOADER);
    else {
      await must('apt-get', ['download', 'libvulkan1'], {
        cwd: unpacked,
        advice: 'Debian’s chromium has the loader too.',
      });
      const [file] = readdirSync(unpacked);
      await must('dpkg', ['-x', join(unpacked, file), unpacked]);
      const found = readdirSync(unpacked, { recursive: true }).find((name) => basename(name) === 'libvulkan.so.1');
      copyLibrary(join(unpacked, found));
    }
  } finally {
    rmSync(unpacked, { recursive: true, force: true });
  }
  const { stdout } = spawnSync('/sbin/ldconfig', ['-p'], { encoding: 'utf8' });
  for (const name of SYSTEM) {
    const file = new RegExp(`${name.replaceAll(/[.+]/g, '\\$&')} \\(libc6,x86-64.*=> (.*)`).exec(stdout ?? '')?.[1];
    if (!file) throw new Fault(`${name} was not found here: install Debian's package libgomp1, or its like.`);
    copyLibrary(file);
  }
}

/** Into a folder of its own, which run.sh uses if the machine has no library of that name. */
function copyLibrary(file) {
  const folder = join(out, 'spare', basename(file));
  mkdirSync(folder, { recursive: true });
  copyFileSync(file, join(folder, basename(file)));
}

async function copyModelsAndPeers(cuda) {
  cpSync(join(root, 'models', 'matlm-46m'), join(out, 'models', 'matlm-46m'), { recursive: true });
  const file = await smollm2();
  copyFileSync(file, join(out, 'models', basename(file)));
  const bench = join(out, 'bench');
  const manifest = { private: true, type: 'module', dependencies: { 'node-llama-cpp': llamaCppVersion() } };
  writeFileSync(join(bench, 'package.json'), JSON.stringify(manifest));
  await installLlamaCpp(bench, [llamaCppLibrary('vulkan'), ...(cuda ? [llamaCppLibrary('cuda')] : [])]);
  if (!cuda) return;
  const wheels = `${out}.wheels`;
  try {
    const pip = ['-m', 'pip', 'download', '--quiet', '--no-deps', '--only-binary=:all:', '-d', wheels, ...CUDA];
    await must('python3', pip);
    for (const name of readdirSync(wheels)) {
      await must('python3', ['-m', 'zipfile', '-e', join(wheels, name), wheels]);
    }
    for (const name of readdirSync(wheels, { recursive: true })) {
      if (/^lib(cudart|cublas|cublasLt)\.so\.\d+$/.test(basename(name))) {
        copyFileSync(join(wheels, name), join(out, 'lib', basename(name)));
      }
    }
  } finally {
    rmSync(wheels, { recursive: true, force: true });
  }
}

/** The folder in parts that transfers of a limited size take. */
async function split(megabytes) {
  rmSync(pieces, { recursive: true, force: true });
  mkdirSync(pieces, { recursive: true });
  const archive = `tar -C "${dirname(out)}" -cz "${basename(out)}" | split -d -b ${megabytes}000000 - "${join(pieces, 'card.tgz.')}"`;
  await must('sh', ['-c', archive]);
  console.log(`${pieces}: ${readdirSync(pieces).length} pieces; there: cat card.tgz.* | tar -xz`);
}
