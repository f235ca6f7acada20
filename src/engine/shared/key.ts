import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { hostname, userInfo } from 'node:os';
import { join } from 'node:path';
import { addonFiles } from '../loadAddon';
import { pidNamespace } from '../pidNamespace';
import { thisTarget } from '../target';
import { PROTOCOL } from './handshake';

export interface Build {
  /** The bundle of the engine's process. */
  readonly hostFile: string;
  /** The folder of the installation. */
  readonly root: string;
  /** Options of the program that runs it. */
  readonly execArgv: readonly string[];
}

/** Long enough that no two are equal by chance, short enough for a socket's path. */
const KEY_CHARACTERS = 16;

/**
 * The name of the engine that a window may share: equal for all windows of a user on a machine that would start the same
 * build. Another version has another one, and so has a container that shares the folder, because a process there has
 * another number.
 */
export async function engineKey({ hostFile, root, execArgv }: Build): Promise<string> {
  const hash = createHash('sha256');
  const add = (part: string | Buffer) => hash.update(String(part.length)).update(':').update(part);
  add(`protocol ${PROTOCOL}`);
  add(await readFile(join(root, 'package.json'), 'utf8').then(versionOf, () => 'of unknown version'));
  for (const file of [hostFile, ...addonFiles(root, thisTarget())]) add(await readFile(file).catch(() => 'missing'));
  for (const part of [thisTarget(), hostname(), pidNamespace(), userName(), ...execArgv]) add(part);
  return hash.digest('hex').slice(0, KEY_CHARACTERS);
}

function versionOf(text: string): string {
  return String((JSON.parse(text) as { readonly version?: unknown }).version);
}

/** The names of pipes are common to all users of Windows. */
function userName(): string {
  try {
    const { username, uid } = userInfo();
    return `${username} ${uid}`;
  } catch {
    return ''; // a user without an entry, as in some containers
  }
}
