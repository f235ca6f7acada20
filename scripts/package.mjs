// Package the extension with the libraries of this platform, and of no other: matcoder.vsix.
import { cpSync, existsSync, mkdirSync, renameSync, rmSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from './build.mjs';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const { platform, arch } = process;

await build();
const { createVSIX } = await import('@vscode/vsce'); // which the build may have installed only now
const prebuilds = join(root, 'prebuilds', `${platform}-${arch}`);
rmSync(dirname(prebuilds), { recursive: true, force: true });
mkdirSync(prebuilds, { recursive: true });
cpSync(join(root, 'native', 'build', 'Release', 'matcoder_engine.node'), join(prebuilds, 'matcoder_engine.node'));
copyOnnxRuntime(join(prebuilds, 'node_modules'));
const packagePath = join(root, 'matcoder.vsix');
const part = join(root, 'matcoder.part.vsix'); // a half-written package must not be taken for a complete one
await createVSIX({ cwd: root, target: `${platform}-${arch}`, packagePath: part, dependencies: false });
renameSync(part, packagePath);
console.log(`${(statSync(packagePath).size / 1e6).toFixed(1)} MB in total`);

/** Two packages without unneeded files: their npm packages hold the libraries of all platforms. */
function copyOnnxRuntime(into) {
  const libraries = join('bin', 'napi-v6', platform, arch);
  const parts = {
    'onnxruntime-node': ['package.json', 'dist', libraries],
    'onnxruntime-common': ['package.json', join('dist', 'cjs')],
  };
  if (!existsSync(join(root, 'node_modules', 'onnxruntime-node', libraries))) {
    console.log(`ONNX Runtime has no libraries for ${platform}-${arch}: the package does not contain it.`);
    return;
  }
  for (const [name, paths] of Object.entries(parts)) {
    for (const path of paths) {
      cpSync(join(root, 'node_modules', name, path), join(into, name, path), {
        recursive: true,
        // macOS's package holds the library under two names; only one is loaded.
        filter: (file) => !/\.(map|d\.ts)$|libonnxruntime\.\d+\.\d+.*\.dylib$/.test(file),
      });
    }
  }
}
