import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { root } from './run.mjs';

/** Packages whose files are next to the bundles, or are compiled into the addon. */
const UNBUNDLED = [
  'node-addon-api',
  'web-tree-sitter',
  '@vscode/tree-sitter-wasm',
  'tree-sitter-json',
  'tree-sitter-html',
];

/** The copyright lines of packages that come without the text of their MIT licence. */
const COPYRIGHT = { '@vscode/l10n': 'Copyright (c) Microsoft Corporation' };

/** Packages that come without any licence text, and its file in licenses/. */
const TEXTS = { '@resvg/resvg-wasm': 'resvg.txt' };

/** The grammars in @vscode/tree-sitter-wasm, whose own licence covers its build scripts only. All have the MIT licence. */
const GRAMMARS = {
  'tree-sitter-cpp': 'Copyright (c) 2014 Max Brunsfeld',
  'tree-sitter-css': 'Copyright (c) 2018 Max Brunsfeld',
  'tree-sitter-go': 'Copyright (c) 2014 Max Brunsfeld',
  'tree-sitter-java': 'Copyright (c) 2017 Ayman Nadeem',
  'tree-sitter-javascript': 'Copyright (c) 2014 Max Brunsfeld',
  'tree-sitter-python': 'Copyright (c) 2016 Max Brunsfeld',
  'tree-sitter-rust': 'Copyright (c) 2017 Maxim Sokolov',
  'tree-sitter-typescript, tree-sitter-tsx': 'Copyright (c) 2017 Max Brunsfeld',
};

/** Libraries that compilers link into the binaries: where they are, their licence, and its file in licenses/. */
const PARSER = [
  ['Emscripten’s runtime, in web-tree-sitter.wasm', 'MIT', 'Copyright (c) 2010-2014 Emscripten authors'],
  ['musl, the C library in web-tree-sitter.wasm', 'MIT', { file: 'musl.txt' }],
];
const ADDON = [
  ['libc++, libc++abi and libunwind, in matcoder_engine.node', 'Apache-2.0 with LLVM exception', { file: 'llvm.txt' }],
  ['Zig’s compiler runtime, in matcoder_engine.node', 'MIT', { file: 'zig.txt' }],
];
const ADDON_ON_WINDOWS = [
  ['mingw-w64, the runtime in matcoder_engine.node', 'ZPL-2.1 and others', { file: 'mingw-w64.txt' }],
];
const ONNX_RUNTIME = [['onnxruntime-node and onnxruntime-common', 'MIT', { file: 'onnxruntime.txt' }]];
const WEBGPU = [['Dawn and what it is made of, dawn.node of webgpu', 'BSD-3-Clause and others', { file: 'dawn.txt' }]];
const WEBGPU_ON_WINDOWS = [
  ['DirectX Shader Compiler, dxcompiler.dll of webgpu', 'NCSA', { file: 'directx-shader-compiler.txt' }],
];

const LINE = `\n${'-'.repeat(80)}\n\n`;

/**
 * The notices of everything in dist/.
 *
 * @param {string[]} inputs the bundles' inputs, relative to the root
 */
export function noticesOfBundles(inputs) {
  const bundled = inputs.flatMap((file) => /^node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(file)?.[1] ?? []);
  const packages = [...new Set([...bundled, ...UNBUNDLED])].sort().map(noticeOfPackage);
  const grammars = Object.entries(GRAMMARS).map(([name, copyright]) => [name, 'MIT', copyright]);
  return [...packages, ...[...grammars, ...PARSER].map(noticeOf)].join(LINE);
}

/**
 * The notices of a package: those of dist/, and of the libraries of its target.
 *
 * @param {string} target a name like `linux-x64`
 * @param {{hasOnnxRuntime: boolean, hasWebgpu: boolean}} contents
 */
export function noticesOfTarget(target, { hasOnnxRuntime, hasWebgpu }) {
  const isWindows = target.startsWith('win32-');
  const libraries = [
    ...ADDON,
    ...(isWindows ? ADDON_ON_WINDOWS : []),
    ...(hasOnnxRuntime ? ONNX_RUNTIME : []),
    ...(hasWebgpu ? WEBGPU : []),
    ...(hasWebgpu && isWindows ? WEBGPU_ON_WINDOWS : []),
  ];
  const bundles = readFileSync(join(root, 'dist', 'ThirdPartyNotices.txt'), 'utf8');
  return [bundles, ...libraries.map(noticeOf)].join(LINE);
}

function noticeOfPackage(name) {
  const folder = join(root, 'node_modules', name);
  const { version, license } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));
  const file = readdirSync(folder).find((entry) => /^licen[cs]e/i.test(entry));
  if (!file && license === 'MIT' && name in COPYRIGHT)
    return noticeOf([`${name} ${version}`, license, COPYRIGHT[name]]);
  if (!file && name in TEXTS) return noticeOf([`${name} ${version}`, license, { file: TEXTS[name] }]);
  if (!file)
    throw new Error(`${name} has no licence file: add one to licenses/ and name it in scripts/lib/notices.mjs.`);
  return `${name} ${version} (${license})\n\n${readFileSync(join(folder, file), 'utf8').trim()}\n`;
}

/** @param {[string, string, string | {file: string}]} library its name, licence, and the text or the MIT copyright line */
function noticeOf([name, license, text]) {
  const body =
    typeof text === 'string' ? `${text}\n\n${mit()}` : readFileSync(join(root, 'licenses', text.file), 'utf8');
  return `${name} (${license})\n\n${body.trim()}\n`;
}

function mit() {
  const own = readFileSync(join(root, 'LICENSE'), 'utf8');
  return own.slice(own.indexOf('Permission is hereby granted'));
}
