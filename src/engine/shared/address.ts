/** Where the engine of all windows is found: a socket in a folder that is the user's alone, or a named pipe on Windows. */
import { lstatSync, mkdirSync, type Stats } from 'node:fs';
import { homedir, platform, tmpdir } from 'node:os';
import { dirname as posixDirname, join } from 'node:path/posix';
import { join as joinHere, dirname } from 'node:path';
import { hardwareFile } from '../hardwareFile';

/** Why no engine can be shared. The window gets one of its own then. */
export class NotSharedError extends Error {
  override readonly name = 'NotSharedError';
}

/** The names of one engine's files. */
export interface Address {
  /** The folder that is the user's alone. */
  readonly folder: string;
  /** Tells engines apart: other versions, other machines with the same home. See `engineKey`. */
  readonly key: string;
}

/** Bytes of a socket's path: 104 on macOS and the BSDs and 108 on Linux, each with a zero byte at the end. */
const MAX_SOCKET_BYTES = 103;

export function socketOf({ folder, key }: Address): string {
  return platform() === 'win32' ? `\\\\.\\pipe\\matcoder-${key}` : join(folder, `${key}.sock`);
}

/** Holds the secret that both ends know. */
export function secretFileOf({ folder, key }: Address): string {
  return joinHere(folder, `${key}.secret`);
}

/** Whoever holds it starts the engine. */
export function lockFileOf({ folder, key }: Address): string {
  return joinHere(folder, `${key}.lock`);
}

/** Its time is that until which the process is busy, see `busy.ts`. */
export function busyFileOf({ folder, key }: Address): string {
  return joinHere(folder, `${key}.busy`);
}

/** What the process writes to its standard error. */
export function logFileOf({ folder, key }: Address): string {
  return joinHere(folder, `${key}.log`);
}

/** For the command line of the engine's process. */
export function printAddress({ folder, key }: Address): string {
  return JSON.stringify({ folder, key });
}

/** @throws {Error} if it is not one that `printAddress` has made */
export function parseAddress(text = ''): Address {
  const { folder, key } = JSON.parse(text) as Partial<Address>;
  if (typeof folder !== 'string' || typeof key !== 'string') throw new Error(`${text} is no address`);
  return { folder, key };
}

/** What the choice of the folder depends on. */
export interface UserFacts {
  readonly platform: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly uid: number | undefined;
  /** The folder of the user's caches, which `hardwareFile` is in. */
  readonly cacheFolder: string;
  readonly temporaryFolder: string;
}

export function thisUser(): UserFacts {
  return {
    platform: platform(),
    env: process.env,
    uid: process.getuid?.(),
    cacheFolder: dirname(hardwareFile()),
    temporaryFolder: tmpdir(),
  };
}

/**
 * Folders for the socket, best first. The first two belong to a session of the user and are on no network; the others are for
 * containers, for macOS, and for systems without systemd.
 */
export function folderCandidates(user: UserFacts): string[] {
  const { platform, env, uid, cacheFolder, temporaryFolder } = user;
  if (platform === 'win32') return [`${env.LOCALAPPDATA ?? `${homedir()}\\AppData\\Local`}\\matcoder\\engine`];
  return [
    ...sessionFolders(user).map((folder) => join(folder, 'matcoder')),
    join(cacheFolder, 'engine'),
    join(temporaryFolder, `matcoder-${uid ?? 'user'}`),
  ];
}

/** Folders that the system makes for a session of the user, if it has such folders. */
function sessionFolders({ platform, env, uid }: UserFacts): string[] {
  if (platform !== 'linux') return [];
  const named = [env.XDG_RUNTIME_DIR, uid === undefined ? undefined : `/run/user/${uid}`];
  return named.filter((folder) => folder?.startsWith('/') === true) as string[];
}

/**
 * The first folder that exists or can be made, is the user's alone, and in which a socket's path is short enough.
 * @param key of the engine
 * @throws {NotSharedError} if there is none, with what is wrong with each
 */
export function findFolder(key: string, user: UserFacts = thisUser()): Address {
  const faults: string[] = [];
  for (const folder of folderCandidates(user)) {
    const address = { folder, key };
    const { length } = Buffer.from(socketOf(address));
    if (user.platform !== 'win32' && length > MAX_SOCKET_BYTES) {
      faults.push(`${folder}: the path of a socket there has ${length} bytes, and ${MAX_SOCKET_BYTES} are possible`);
      continue;
    }
    try {
      // Nobody but the system makes a session's folder, although an administrator could.
      const isInSession = sessionFolders(user).some((parent) => folder === join(parent, 'matcoder'));
      if (isInSession) checkPrivate(posixDirname(folder), 'folder', user.uid);
      mkdirSync(folder, { recursive: true, mode: 0o700 });
      checkPrivate(folder, 'folder', user.uid);
      return address;
    } catch (error) {
      faults.push((error as Error).message);
    }
  }
  throw new NotSharedError(faults.join('; '));
}

const KINDS: Record<'folder' | 'socket' | 'file', (entry: Stats) => boolean> = {
  folder: (entry) => entry.isDirectory(),
  socket: (entry) => entry.isSocket(),
  file: (entry) => entry.isFile(),
};

/**
 * Whether a path is of its kind and belongs to the user, and no one else may write to it or, unless it is a socket, whose
 * folder keeps others out, read it. On Windows a new folder in `AppData` is the user's, and there is nothing to look at.
 * @param uid the user's; undefined on Windows
 * @throws {NotSharedError} with what to do @throws the system's error if there is no such path
 */
export function checkPrivate(path: string, kind: 'folder' | 'socket' | 'file', uid = process.getuid?.()): void {
  if (uid === undefined) return;
  const entry = lstatSync(path);
  if (!KINDS[kind](entry)) throw new NotSharedError(`${path} is no ${kind}; remove it`);
  if (entry.uid !== uid) throw new NotSharedError(`${path} belongs to another user (${entry.uid}); remove it`);
  const others = entry.mode & (kind === 'socket' ? 0 : 0o077);
  if (others !== 0) {
    const mode = (entry.mode & 0o777).toString(8);
    throw new NotSharedError(`${path} is open to other users (mode ${mode}); remove it, or take their access away`);
  }
}
