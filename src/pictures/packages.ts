import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';

/** Files of all packages together. */
export const MAX_FILES = 40_000;
const MAX_DEPTH = 4;
const MAX_MANIFEST_BYTES = 2e6;
const MAX_DEPENDENCIES = 2000;

/** Packages of SVG files, and the folders of these. */
const FOLDERS: Readonly<Record<string, string>> = {
  '@fortawesome/fontawesome-free': 'svgs',
  '@material-design-icons/svg': '',
  '@mdi/svg': 'svg',
  '@phosphor-icons/core': 'assets',
  '@primer/octicons': 'build/svg',
  '@tabler/icons': 'icons',
  'bootstrap-icons': 'icons',
  'feather-icons': 'dist/icons',
  heroicons: '24',
  ionicons: 'dist/svg',
  'lucide-static': 'icons',
  remixicon: 'icons',
  'simple-icons': 'icons',
};

/** The file of a set in Iconify's format, from the workspace folder. */
const SET = /^node_modules\/(?:@iconify\/json\/json\/[^/]+|@iconify-json\/[^/]+\/icons)\.json$/;

export interface PackageFiles {
  /** Of SVG files, and of sets in Iconify's format (`.json`): from the workspace folder, with forward slashes. */
  readonly paths: readonly string[];
  /** There are more. */
  readonly isTruncated: boolean;
}

/**
 * The files with icons of the packages that a workspace folder depends on directly and that are installed in it. What cannot be
 * read is left out.
 */
export async function packageFiles(root: string, signal?: AbortSignal): Promise<PackageFiles> {
  const paths: string[] = [];
  for (const name of await dependenciesOf(root)) {
    signal?.throwIfAborted();
    const folder = `node_modules/${name}`;
    if (name === '@iconify/json') await collect(root, `${folder}/json`, '.json', paths, 0);
    else if (name.startsWith('@iconify-json/')) {
      if (await isFile(join(root, folder, 'icons.json'))) paths.push(`${folder}/icons.json`);
    } else if (Object.hasOwn(FOLDERS, name))
      await collect(root, [folder, FOLDERS[name]].filter(Boolean).join('/'), '.svg', paths, 0);
  }
  return { paths: paths.slice(0, MAX_FILES), isTruncated: paths.length > MAX_FILES };
}

/** Whether a path from the workspace folder is that of a set of icons. */
export function isSetPath(path: string): boolean {
  return SET.test(path);
}

/** The package that a file with icons is in; undefined if it is in none. @param path from the workspace folder */
export function packageOf(path: string): string | undefined {
  const name = /^node_modules\/((?:@[^/]+\/)?[^/]+)\//.exec(path)?.[1];
  const isKnown = name !== undefined && (isSetPath(path) || Object.hasOwn(FOLDERS, name));
  return isKnown ? name : undefined;
}

/** Names of packages, from package.json. */
export async function dependenciesOf(root: string): Promise<readonly string[]> {
  try {
    const file = join(root, 'package.json');
    if ((await stat(file)).size > MAX_MANIFEST_BYTES) return [];
    const manifest: unknown = JSON.parse(await readFile(file, 'utf8'));
    const kinds = ['dependencies', 'devDependencies', 'optionalDependencies', 'peerDependencies'];
    const names = kinds.flatMap((kind) => Object.keys((manifest as Record<string, object | undefined>)[kind] ?? {}));
    return [...new Set(names)].filter(isPackageName).sort().slice(0, MAX_DEPENDENCIES);
  } catch {
    return [];
  }
}

/** Without a way out of node_modules. */
function isPackageName(name: string): boolean {
  return /^(?:@[a-z0-9~-][\w.~-]*\/)?[a-z0-9~-][\w.~-]*$/i.test(name);
}

async function collect(root: string, folder: string, ending: string, paths: string[], depth: number): Promise<void> {
  if (paths.length > MAX_FILES || depth > MAX_DEPTH) return;
  const entries = await readdir(join(root, folder), { withFileTypes: true }).catch(() => []);
  for (const entry of entries.sort((a, b) => (a.name < b.name ? -1 : 1))) {
    if (paths.length > MAX_FILES) return;
    const path = `${folder}/${entry.name}`;
    if (entry.isDirectory()) await collect(root, path, ending, paths, depth + 1);
    else if (entry.isFile() && entry.name.toLowerCase().endsWith(ending)) paths.push(path);
  }
}

async function isFile(path: string): Promise<boolean> {
  try {
    return (await stat(path)).isFile();
  } catch {
    return false;
  }
}
