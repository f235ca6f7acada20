import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { copyFileSync, cpSync, mkdirSync, writeFileSync } from 'node:fs';
import { join, toNamespacedPath } from 'node:path';
import type { Completion } from '../../../src/cli/complete';
import { addonFiles } from '../../../src/engine/loadAddon';
import { thisTarget } from '../../../src/engine/target';
import { ROOT } from '../../engine/harness';
import { temporaryFolder } from '../../temporary';
import { sameEverywhere } from './everywhere';

const MODEL = join(ROOT, 'models', 'matlm-6m');
const ADDON = addonFiles(ROOT, thisTarget())[0]!;

/** A folder, below one that the tests make, and how a user might spell its path. */
interface Place {
  readonly name: string;
  readonly inside: string;
  readonly spell?: (folder: string) => string;
}

const EVERYWHERE: Place[] = [
  { name: 'with blanks and brackets', inside: 'My Models (1)' },
  { name: 'that is not ASCII', inside: 'Jörg 模型 📦' },
  { name: 'with characters that shells and formats know', inside: "100% & #1; $HOME's `x`" },
  // Each part is short enough for every system.
  { name: 'of more than 260 characters', inside: Array<string>(7).fill('x'.repeat(40)).join('/') },
];

const ON_WINDOWS: Place[] = [
  {
    name: 'with a drive letter in lower case',
    inside: 'a',
    spell: (path) => path.charAt(0).toLowerCase() + path.slice(1),
  },
  { name: 'with slashes', inside: 'b', spell: (path) => path.replaceAll('\\', '/') },
  { name: 'with a namespace', inside: 'c', spell: (path) => toNamespacedPath(path) },
  { name: 'on a share of this machine (UNC)', inside: 'd', spell: shareOf },
];

/** A folder of this machine as one of its administrators' share, which the runner makes for Wine. */
function shareOf(path: string): string {
  return `\\\\localhost\\${path.charAt(0)}$${path.slice(2)}`;
}

const SOURCE = `export class List {
  private readonly items: string[] = [];

  add(item: string): void {
    this.
  }

  remove(item: string): void {
    const index = this.items.indexOf(item);
    if (index >= 0) this.items.splice(index, 1);
  }
}
`;

/** Makes a folder an installed extension, a model and a workspace in one. */
function fill(folder: string): void {
  const addon = join(folder, 'prebuilds', thisTarget());
  mkdirSync(addon, { recursive: true });
  copyFileSync(ADDON, join(addon, 'matcoder_engine.node'));
  mkdirSync(join(folder, 'dist'));
  copyFileSync(join(ROOT, 'dist', 'cli.js'), join(folder, 'dist', 'cli.js'));
  cpSync(join(ROOT, 'dist', 'grammars'), join(folder, 'dist', 'grammars'), { recursive: true });
  cpSync(MODEL, join(folder, 'model'), { recursive: true });
  writeFileSync(join(folder, 'package.json'), '{}');
  writeFileSync(join(folder, 'list.ts'), SOURCE);
}

/** A completion by the files of the folder, in a process of its own: Windows does not remove an addon that is loaded. */
function completion(folder: string, installed = folder): Pick<Completion, 'text' | 'tokens'> {
  const place = `${join(folder, 'list.ts')}:5:10`;
  const args = ['complete', place, '--model', join(folder, 'model'), '--workspace', folder];
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    [join(installed, 'dist', 'cli.js'), ...args, '--submodel', 'S', '--json'],
    { encoding: 'utf8' },
  );
  assert.equal(status, 0, stderr);
  assert.equal(stderr, '');
  const { text, tokens } = JSON.parse(stdout) as Completion;
  return { text, tokens: tokens ?? [] };
}

describe('a folder', () => {
  let expected: Pick<Completion, 'text' | 'tokens'>;
  before(() => {
    const plain = temporaryFolder();
    fill(plain);
    expected = completion(plain);
    assert.notEqual(expected.text, '');
    sameEverywhere('completion of matlm-6m', expected);
  });

  for (const { name, inside, spell } of process.platform === 'win32' ? [...EVERYWHERE, ...ON_WINDOWS] : EVERYWHERE) {
    it(`${name} may hold the extension, the model and the source`, () => {
      const made = join(temporaryFolder(), inside);
      mkdirSync(made, { recursive: true });
      const folder = spell?.(made) ?? made;
      fill(folder);
      // Node.js runs no script whose path has a namespace.
      const installed = folder.startsWith('\\\\?\\') ? made : folder;
      assert.deepEqual(completion(folder, installed), expected);
    });
  }
});
