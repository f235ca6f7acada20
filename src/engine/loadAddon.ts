import { closeSync, fstatSync, openSync, readdirSync, readSync, statSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import type { NativeAddon } from './addon';
import { factsOf, HEAD_SIZE } from './binary';
import { firstLineOf } from './processEnd';
import { isTarget, TARGETS, thisTarget } from './target';

/** The addon is missing or does not load. The message names the file, the fault and what to do. */
export class AddonError extends Error {
  override readonly name = 'AddonError';
}

const FILE = 'matcoder_engine.node';

/**
 * Where the addon for a target may be, first the one that was built here, last the one of the package.
 * @param root the folder that holds `prebuilds/`, or `build/` in a source tree
 */
export function addonFiles(root: string, target: string): string[] {
  return [join(root, 'build', 'native', target, FILE), join(root, 'prebuilds', target, FILE)];
}

/** What loading needs of the system. */
export interface Loading {
  readonly target: string;
  readonly load: (file: string) => unknown;
  /** Blocks for a time. */
  readonly wait: (ms: number) => void;
}

/** Pauses between the attempts to load a file that another program holds: six seconds in all. */
const PAUSES_MS = [100, 200, 400, 800, 1500, 3000];

/** By folder, the addon or the fault, so that the parts of one process do not wait for the same file one after the other. */
const loaded = new Map<string, NativeAddon | AddonError>();

/**
 * Load the native engine of this platform from `addonFiles`. A file that another program holds, as an antivirus program does
 * while it checks a new file, is tried again for six seconds, which block.
 * @throws {AddonError}
 */
export function loadAddon(root: string): NativeAddon {
  let found = loaded.get(root);
  if (!found) {
    try {
      found = loadFirst(root, {
        target: thisTarget(),
        load: createRequire(join(root, 'package.json')),
        wait: (ms) => Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms),
      });
    } catch (error) {
      if (!(error instanceof AddonError)) throw error;
      found = error;
    }
    loaded.set(root, found);
  }
  if (found instanceof AddonError) throw found;
  return found;
}

/**
 * `loadAddon` with a system of the caller's choice.
 * @throws {AddonError}
 */
export function loadFirst(root: string, loading: Loading): NativeAddon {
  const { target, load, wait } = loading;
  const file = addonFiles(root, target).find(isThere);
  if (file === undefined) throw new AddonError(whyMissing(root, target));
  for (let attempt = 0; ; attempt++) {
    try {
      check(file, target);
      return load(file) as NativeAddon;
    } catch (error) {
      if (error instanceof AddonError) throw error;
      const refusal = refusalOf(file, error as NodeJS.ErrnoException);
      if (refusal === undefined) throw new AddonError(whyNotLoaded(file, (error as Error).message));
      const pauseMs = PAUSES_MS[attempt];
      if (pauseMs === undefined) throw new AddonError(whyHeld(file, refusal));
      wait(pauseMs);
    }
  }
}

/**
 * The system's loader is not given a file that is for another platform or that is cut: Linux ends a process that reads beyond
 * the end of a library.
 * @throws {AddonError} @throws the system's error if the file cannot be read
 */
function check(file: string, target: string): void {
  const opened = openSync(file, 'r');
  try {
    const head = new Uint8Array(HEAD_SIZE);
    const facts = factsOf(head.subarray(0, readSync(opened, head)));
    const { size } = fstatSync(opened);
    if (!facts) throw new AddonError(`The native engine is damaged: ${REINSTALL}. ${file} is no native library.`);
    const [system = '', arch = ''] = target.split('-');
    if (facts.platform !== (system === 'alpine' ? 'linux' : system) || facts.arch !== arch) {
      const made = facts.arch ? `${facts.platform}-${facts.arch}` : 'another processor';
      throw new AddonError(`The native engine is made for ${made}, and this is ${target}: ${install(target)}. ${file}`);
    }
    if (size < facts.leastSize) {
      const fault = `${file} has ${size} bytes of at least ${facts.leastSize}; was the disk full?`;
      throw new AddonError(`The native engine is damaged: ${REINSTALL}. ${fault}`);
    }
  } finally {
    closeSync(opened);
  }
}

/** A file that cannot be looked at counts: loading it tells why. */
function isThere(file: string): boolean {
  try {
    return statSync(file).isFile();
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    return code !== 'ENOENT' && code !== 'ENOTDIR';
  }
}

const REFUSED = ['EBUSY', 'EPERM', 'EACCES', 'ETXTBSY'];
/** What Windows writes, in English, if a file is held or withheld (ERROR_SHARING_VIOLATION, ERROR_ACCESS_DENIED). */
const REFUSED_BY_WINDOWS = /used by another process|access is denied|SHARING_VIOLATION/i;

/**
 * How the system refuses a file that another program holds or that this user may not read; undefined if it gives it. The
 * loader's message is in the language of Windows, so that the file is also opened for its error code.
 */
function refusalOf(file: string, { code = '', message }: NodeJS.ErrnoException): string | undefined {
  if (REFUSED.includes(code) || REFUSED_BY_WINDOWS.test(message)) return firstLineOf(message);
  try {
    closeSync(openSync(file, 'r'));
    return undefined;
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    return code !== undefined && REFUSED.includes(code) ? message : undefined;
  }
}

// The remedies stand before the paths, because some places show only the beginning.

function whyHeld(file: string, refusal: string): string {
  return (
    'Another program holds the native engine, or this user may not read it. If an antivirus program checks new files, wait ' +
    'until it has finished or exclude the folder of the extension, and then run "MatCoder: Restart Engine". ' +
    `${file}: ${refusal}`
  );
}

function whyNotLoaded(file: string, message: string): string {
  const fault = firstLineOf(message);
  return /GLIBC(XX)?_\d/.test(fault)
    ? `The native engine needs glibc 2.28 or newer: update the system. ${file}: ${fault}`
    : `The native engine does not load: ${REINSTALL}. ${file}: ${fault}`;
}

function whyMissing(root: string, target: string): string {
  if (!isTarget(target)) return `MatCoder has no engine for ${target}, only for ${TARGETS.join(', ')}.`;
  const lookedAt = `Looked at ${addonFiles(root, target).join(' and ')}.`;
  const packaged = packagedTargets(root);
  if (packaged.length > 0 && !packaged.includes(target)) {
    return `MatCoder's package for ${packaged.join(', ')} is installed, and this is ${target}: ${install(target)}. ${lookedAt}`;
  }
  const removed = target.startsWith('win32') ? ' An antivirus program may have removed it.' : '';
  return `The native engine for ${target} is missing: ${REINSTALL}.${removed} ${lookedAt}`;
}

const REINSTALL = 'reinstall MatCoder, or run `npm run build` in the source folder';

function install(target: string): string {
  return `install the package for ${target}`;
}

/** The targets that the installation has files for. */
function packagedTargets(root: string): string[] {
  try {
    return readdirSync(join(root, 'prebuilds')).filter(isTarget);
  } catch {
    return [];
  }
}
