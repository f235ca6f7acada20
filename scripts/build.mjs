// Install missing packages, compile the addon if its sources changed, bundle. Quick if nothing changed.
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const ADDON = join(root, 'native', 'build', 'Release', 'matcoder_engine.node');
/** The platform of the addon and of packages with binaries. */
const MACHINE = `${process.platform}-${process.arch}`;
const MADE_FOR = join(dirname(ADDON), 'made-for');
const BUNDLES = { extension: 'src/extension.ts', engine: 'src/engine/host.ts', cli: 'src/cli/main.ts' };
/** The code that runs in a webview: the dashboard's page and its style sheet, both named dashboard. */
const PAGES = [
  { in: 'src/ui/dashboard/page/main.ts', out: 'dashboard' },
  { in: 'src/ui/dashboard/page/dashboard.css', out: 'dashboard' },
];

const NOTICES = join(root, 'dist', 'ThirdPartyNotices.txt');
/** Packages whose files are next to the bundles, or are compiled into the addon. */
const UNBUNDLED = [
  'node-addon-api',
  'onnxruntime-node',
  'onnxruntime-common',
  'web-tree-sitter',
  '@vscode/tree-sitter-wasm',
  'tree-sitter-json',
  'tree-sitter-html',
];

/** The copyright lines of packages that come without the text of their MIT licence. */
const COPYRIGHT = {
  'onnxruntime-node': 'Copyright (c) Microsoft Corporation',
  'onnxruntime-common': 'Copyright (c) Microsoft Corporation',
};

/** Bring node_modules, the addon and the bundles up to date. */
export async function build({ quiet = false } = {}) {
  const say = (text) => quiet || console.log(text);
  install(say);
  buildAddon(say);
  await bundle(say);
  copyGrammars(say);
}

function install(say) {
  const stamp = join(root, 'node_modules', '.matcoder-lock');
  const lock = createHash('sha256')
    .update(readFileSync(join(root, 'package-lock.json')))
    .update(MACHINE)
    .digest('hex');
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === lock) return;
  say('Installing packages');
  // .npmrc has this setting too, but npm will ignore unknown settings there.
  process.env.ONNXRUNTIME_NODE_INSTALL ??= 'skip';
  // Packages that compile an addon use the same headers as ours.
  const [nodedir] = headers();
  if (nodedir) process.env.npm_config_nodedir ??= nodedir.slice('--nodedir='.length);
  run('npm', ['ci', '--no-audit', '--no-fund', '--loglevel=error'], 'The packages could not be installed.');
  writeFileSync(stamp, lock);
}

function buildAddon(say) {
  const sources = [join(root, 'native', 'binding.gyp'), ...filesIn(join(root, 'native', 'src'))];
  const newest = Math.max(...sources.map((file) => statSync(file).mtimeMs));
  const isForHere = existsSync(MADE_FOR) && readFileSync(MADE_FOR, 'utf8') === MACHINE;
  if (isForHere && existsSync(ADDON) && statSync(ADDON).mtimeMs > newest) return;
  say('Compiling the native engine');
  const gyp = join(root, 'node_modules', 'node-gyp', 'bin', 'node-gyp.js');
  run(
    process.execPath,
    [gyp, '-C', join(root, 'native'), 'rebuild', '--loglevel=error', ...headers()],
    'The native engine could not be compiled. It needs Python 3 and a C++17 compiler: on Debian `apt install build-essential ' +
      'python3`, on macOS `xcode-select --install`, on Windows the Visual Studio build tools with Clang.',
  );
  writeFileSync(MADE_FOR, MACHINE);
}

/** Node's headers are often installed with it; then nothing needs to be downloaded. */
function headers() {
  const nodedir = dirname(dirname(realpathSync(process.execPath)));
  return existsSync(join(nodedir, 'include', 'node', 'node_api.h')) ? [`--nodedir=${nodedir}`] : [];
}

async function bundle(say) {
  const outputs = [...Object.keys(BUNDLES).map((name) => `${name}.js`), 'dashboard.js', 'dashboard.css'].map((name) =>
    join(root, 'dist', name),
  );
  outputs.push(NOTICES);
  const others = ['package.json', 'package-lock.json', 'scripts/build.mjs'].map((name) => join(root, name));
  const newest = Math.max(...[...filesIn(join(root, 'src')), ...others].map((f) => statSync(f).mtimeMs));
  if (outputs.every((file) => existsSync(file) && statSync(file).mtimeMs > newest)) return;
  say('Bundling');
  mkdirSync(join(root, 'dist'), { recursive: true });
  const esbuild = await import('esbuild');
  const common = { absWorkingDir: root, outdir: 'dist', bundle: true, metafile: true, logLevel: 'warning' };
  const forNode = await esbuild.build({
    ...common,
    entryPoints: BUNDLES,
    platform: 'node',
    format: 'cjs',
    target: 'node20',
    external: ['vscode'],
    // Its ECMAScript build asks for the URL of its module, which a bundle does not have.
    alias: { 'web-tree-sitter': join(root, 'node_modules', 'web-tree-sitter', 'web-tree-sitter.cjs') },
    sourcemap: true,
    sourcesContent: false,
  });
  const forBrowser = await esbuild.build({
    ...common,
    entryPoints: PAGES,
    minify: true,
    platform: 'browser',
    format: 'iife',
    target: 'es2023',
    tsconfigRaw: {},
  });
  writeNotices([forNode, forBrowser].flatMap(({ metafile }) => Object.keys(metafile.inputs)));
}

/** The licences of the packages in the bundles, according to the bundles' inputs, and of those next to them. */
function writeNotices(inputs) {
  const own = readFileSync(join(root, 'LICENSE'), 'utf8');
  const mit = own.slice(own.indexOf('Permission is hereby granted')).trim();
  const bundled = inputs.flatMap((file) => /^node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(file)?.[1] ?? []);
  const notices = [...new Set([...bundled, ...UNBUNDLED])].sort().map((name) => {
    const folder = join(root, 'node_modules', name);
    const { version, license } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));
    const file = readdirSync(folder).find((entry) => /^licen[cs]e/i.test(entry));
    if (!file && !(license === 'MIT' && name in COPYRIGHT)) throw new Error(`${name} has no licence file`);
    const text = file ? readFileSync(join(folder, file), 'utf8').trim() : `${COPYRIGHT[name]}\n\n${mit}`;
    return `${name} ${version} (${license})\n\n${text}\n`;
  });
  const line = '\n' + '-'.repeat(80) + '\n\n';
  writeFileSync(NOTICES, notices.join(line));
}

/** The parser's runtime and the grammars of the languages in src/completion/syntax/languages.ts. */
function copyGrammars(say) {
  const folder = join(root, 'dist', 'grammars');
  const modules = join(root, 'node_modules');
  const languages = readFileSync(join(root, 'src', 'completion', 'syntax', 'languages.ts'), 'utf8');
  const names = [...new Set(Array.from(languages.matchAll(/'(tree-sitter-\w+)'/g), ([, name]) => name))];
  const files = names.map((name) => {
    const own = join(modules, name, `${name}.wasm`);
    return existsSync(own) ? own : join(modules, '@vscode', 'tree-sitter-wasm', 'wasm', `${name}.wasm`);
  });
  files.push(join(modules, 'web-tree-sitter', 'web-tree-sitter.wasm'));
  const isCopied = (file) => {
    const copy = join(folder, basename(file));
    return existsSync(copy) && readFileSync(copy).equals(readFileSync(file));
  };
  if (files.every(isCopied)) return;
  say('Copying grammars');
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  for (const file of files) copyFileSync(file, join(folder, basename(file)));
}

function filesIn(folder) {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name));
}

function run(command, args, failure) {
  const result = spawnSync(command, args, {
    cwd: root,
    stdio: ['ignore', 'pipe', 'pipe'],
    encoding: 'utf8',
    shell: process.platform === 'win32' && command === 'npm',
  });
  if (result.status !== 0) {
    console.error(`${result.stdout ?? ''}${result.stderr ?? ''}${result.error ? String(result.error) : ''}`);
    console.error(failure);
    process.exit(1);
  }
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  await build({ quiet: process.argv.includes('--quiet') });
}
