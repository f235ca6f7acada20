// Install missing packages, compile the addon if its sources changed, bundle. Quick if nothing changed.
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { basename, dirname, join, relative } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { noticesOfBundles } from './lib/notices.mjs';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
/** The platform of packages with binaries. */
const MACHINE = `${process.platform}-${process.arch}`;
const BUNDLES = {
  extension: 'src/extension.ts',
  engine: 'src/engine/host.ts',
  import: 'src/models/host.ts',
  search: 'src/search/host.ts',
  pictureThread: 'src/pictures/worker.ts',
  cli: 'src/cli/main.ts',
};
/** Webviews: src/ui/NAME/page/ has the code of the page and its style sheet. */
const PAGES = ['dashboard', 'pictures'];

const NOTICES = join(root, 'dist', 'ThirdPartyNotices.txt');
/** Bring node_modules, the addon and the bundles up to date. */
export async function build({ quiet = false } = {}) {
  const say = (text) => quiet || console.log(text);
  install(say);
  await buildAddonHere(say);
  await bundle(say);
  copyGrammars(say);
  copyRenderer(say);
  copyKernels(say);
  writeSample(say);
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
  run('npm', ['ci', '--no-audit', '--no-fund', '--loglevel=error'], 'The packages could not be installed.');
  writeFileSync(stamp, lock);
}

/** The scripts of the native engine need packages that may have been installed only now. */
async function buildAddonHere(say) {
  const { buildAddon, targets, thisTarget } = await import('./lib/native.mjs');
  const target = thisTarget();
  if (target) return buildAddon(target, say);
  const here = `${process.platform} on ${process.arch}`;
  return say(
    `The native engine does not support ${here}, only ${targets.join(', ')}: ONNX Runtime is used if it runs.`,
  );
}

async function bundle(say) {
  const outputs = [
    ...[...Object.keys(BUNDLES), ...PAGES].map((name) => `${name}.js`),
    ...PAGES.map((name) => `${name}.css`),
  ].map((name) => join(root, 'dist', name));
  outputs.push(NOTICES);
  const others = ['package.json', 'package-lock.json', 'scripts/build.mjs', 'scripts/lib/notices.mjs'].map((name) =>
    join(root, name),
  );
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
    entryPoints: PAGES.flatMap((name) =>
      ['main.ts', `${name}.css`].map((file) => ({ in: `src/ui/${name}/page/${file}`, out: name })),
    ),
    minify: true,
    platform: 'browser',
    format: 'iife',
    target: 'es2023',
    tsconfigRaw: {},
  });
  writeFileSync(
    NOTICES,
    noticesOfBundles([forNode, forBrowser].flatMap(({ metafile }) => Object.keys(metafile.inputs))),
  );
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

/** resvg, which src/pictures/worker.ts loads. */
function copyRenderer(say) {
  const from = join(root, 'node_modules', '@resvg', 'resvg-wasm', 'index_bg.wasm');
  const to = join(root, 'dist', 'resvg.wasm');
  if (existsSync(to) && readFileSync(to).equals(readFileSync(from))) return;
  say('Copying the renderer of pictures');
  copyFileSync(from, to);
}

/** The kernels for graphics cards, which src/engine/gpu/kernels.ts reads. */
function copyKernels(say) {
  const from = join(root, 'src', 'engine', 'gpu', 'kernels');
  const to = join(root, 'dist', 'kernels');
  const names = readdirSync(from);
  const isCopied = (name) =>
    existsSync(join(to, name)) && readFileSync(join(to, name)).equals(readFileSync(join(from, name)));
  if (names.every(isCopied) && readdirSync(to).length === names.length) return;
  say('Copying the kernels for graphics cards');
  rmSync(to, { recursive: true, force: true });
  mkdirSync(to, { recursive: true });
  for (const name of names) copyFileSync(join(from, name), join(to, name));
}

/** Sources of this project that the sample text of elastic models is made of, by language. */
const SAMPLE = [
  { folder: 'src', ending: /\.ts$/ },
  { folder: join('native', 'src'), ending: /\.(cc|h)$/ },
  { folder: 'training', ending: /\.py$/ },
];
const SAMPLE_CHARS = 50_000;
/** So that each language has several files. */
const SAMPLE_FILE_CHARS = 10_000;

/**
 * About 50,000 characters of each language, as `[{path, text}]` (src/models/elastic/sampleText.ts). The same sources give the
 * same text, on every machine.
 */
function writeSample(say) {
  const files = SAMPLE.flatMap(({ folder, ending }) => {
    let left = SAMPLE_CHARS;
    return filesIn(join(root, folder))
      .filter((file) => ending.test(file))
      .map((file) => relative(root, file).replaceAll('\\', '/'))
      .map((path) => ({ path, text: readFileSync(join(root, path), 'utf8').replaceAll('\r\n', '\n') }))
      .map((file) => ({ ...file, order: createHash('sha256').update(file.path).digest('hex') }))
      .sort((a, b) => (a.order < b.order ? -1 : 1))
      .filter(({ text }) => {
        const fits = text.length <= Math.min(left, SAMPLE_FILE_CHARS);
        if (fits) left -= text.length;
        return fits;
      })
      .map(({ path, text }) => ({ path, text }));
  });
  const sample = JSON.stringify(files);
  const target = join(root, 'dist', 'sample.json');
  if (existsSync(target) && readFileSync(target, 'utf8') === sample) return;
  say('Writing the sample text');
  writeFileSync(target, sample);
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
