import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { root } from '../../scripts/lib/run.mjs';

/**
 * Everything that a package may hold, as parts whose sizes are printed. A file that no pattern matches fails the test, and so
 * does a pattern that no file matches.
 *
 * @typedef {{name: string, files: RegExp[]}} Part
 */

const ONNX_RUNTIME = {
  'linux-x64': ['libonnxruntime.so.1'],
  'linux-arm64': ['libonnxruntime.so.1'],
  'darwin-arm64': ['libonnxruntime.1.dylib'],
  'win32-x64': ['onnxruntime.dll'],
  'win32-arm64': ['onnxruntime.dll'],
};

/** Dawn's folder in the npm package, and its libraries. */
const WEBGPU = {
  'linux-x64': ['linux-x64', 'dawn.node'],
  'linux-arm64': ['linux-arm64', 'dawn.node'],
  'darwin-x64': ['darwin-universal', 'dawn.node'],
  'darwin-arm64': ['darwin-universal', 'dawn.node'],
  'win32-x64': ['win32-x64', 'dawn.node', 'dxcompiler.dll'],
  'win32-arm64': ['win32-arm64', 'dawn.node', 'dxcompiler.dll'],
};

const WALKTHROUGH = ['privacy', 'sample', 'sizes', 'troubleshooting'];
const GRAMMARS = ['cpp', 'css', 'go', 'html', 'java', 'javascript', 'json', 'python', 'rust', 'tsx', 'typescript'];
/** The translations that there are. */
const translations = [
  ...readdirSync(root).filter((name) => /^package\.nls\b.*\.json$/.test(name)),
  ...(existsSync(join(root, 'l10n')) ? readdirSync(join(root, 'l10n')) : []).map((name) => `l10n/${name}`),
];

const literal = (text) => text.replace(/[.[\]]/g, '\\$&');
const exactly = (...names) => names.map((name) => new RegExp(`^${literal(name)}$`));
const inExtension = (...names) => exactly(...names.map((name) => `extension/${name}`));

/** @returns {Part[]} */
export function partsOf(target) {
  const prebuilds = `prebuilds/${target}`;
  const parts = [
    {
      name: 'model',
      files: inExtension(
        ...['README.md', 'confidence.json', 'config.json', 'model.safetensors', 'tokenizer.json'].map(
          (name) => `models/matlm-46m/${name}`,
        ),
      ),
    },
    { name: 'encoders', files: [/^extension\/models\/encoders\/(code|pictures|words)\/[\w.]+$/] },
    { name: 'renderer of pictures', files: inExtension('dist/resvg.wasm') },
    { name: 'native engine', files: inExtension(`${prebuilds}/matcoder_engine.node`) },
    {
      name: 'grammars',
      files: inExtension(
        'dist/grammars/web-tree-sitter.wasm',
        ...GRAMMARS.map((language) => `dist/grammars/tree-sitter-${language}.wasm`),
      ),
    },
    { name: 'kernels for graphics cards', files: [/^extension\/dist\/kernels\/\w+\.wgsl$/] },
    {
      name: 'code',
      files: inExtension(
        'dist/extension.js',
        'dist/cli.js',
        'dist/engine.js',
        'dist/import.js',
        'dist/search.js',
        'dist/pictureThread.js',
        ...['dashboard', 'pictures'].flatMap((name) => [`dist/${name}.js`, `dist/${name}.css`]),
        'package.json',
      ),
    },
    { name: 'sample text', files: inExtension('dist/sample.json') },
    {
      name: 'texts',
      files: [
        ...inExtension('readme.md', 'changelog.md', 'LICENSE.txt', 'dist/ThirdPartyNotices.txt'),
        ...inExtension(...translations),
      ],
    },
    {
      name: 'pictures',
      files: inExtension('media/icon.png', ...WALKTHROUGH.map((name) => `media/walkthrough/${name}.svg`)),
    },
    { name: 'manifest', files: exactly('extension.vsixmanifest', '[Content_Types].xml') },
  ];
  const libraries = ONNX_RUNTIME[target];
  if (libraries)
    parts.push({ name: 'ONNX Runtime', files: onnxRuntime(`extension/${prebuilds}/node_modules`, target, libraries) });
  const [folder, ...names] = WEBGPU[target] ?? [];
  if (folder) {
    const webgpu = `${prebuilds}/node_modules/webgpu`;
    const files = inExtension(`${webgpu}/package.json`, ...names.map((name) => `${webgpu}/dist/${folder}/${name}`));
    parts.push({ name: 'WebGPU', files });
  }
  return parts;
}

function onnxRuntime(modules, target, libraries) {
  const bin = `${modules}/onnxruntime-node/bin/napi-v6/${target.replace('-', '/')}`;
  return [
    ...exactly(...libraries.map((name) => `${bin}/${name}`), `${bin}/onnxruntime_binding.node`),
    ...exactly(`${modules}/onnxruntime-node/package.json`, `${modules}/onnxruntime-common/package.json`),
    new RegExp(`^${modules}/onnxruntime-node/dist/\\w+\\.js$`),
    new RegExp(`^${modules}/onnxruntime-common/dist/cjs/([\\w-]+\\.js|package\\.json)$`),
  ];
}
