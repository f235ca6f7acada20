import { spawn } from 'node:child_process';
import { closeSync, openSync, rmSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { setTimeout } from 'node:timers/promises';
import type { ProgramOptions } from '../link';
import { LockFile } from '../lockFile';
import { type Address, checkPrivate, lockFileOf, logFileOf, NotSharedError, printAddress, socketOf } from './address';
import { busyForMs, clearBusy } from './busy';
import { frameOf, FrameReader, MAX_FRAME_BYTES, MAX_GREETING_BYTES } from './frames';
import { isProof, isRefusal, isReply, isWelcome, newNonce, proofOf, PROTOCOL } from './handshake';
import { makeSecret, readSecret, removeOldFiles } from './secret';

/** A connection to the engine of all windows, after the handshake. */
export interface Attached {
  readonly socket: Socket;
  /** Holds what has arrived after the handshake. */
  readonly reader: FrameReader;
  /** The engine's process. */
  readonly pid: number;
}

/** Time for a window to find the engine or start it. */
const ATTACH_MS = 15_000;
/** A process that is busy with the weights of a large model answers late; one that is stopped never does. */
const GREETING_MS = 5_000;
/** Between two looks for an engine that another window, or this one, is starting. Windows do not look at the same times. */
const LOOK_AGAIN_MS = { least: 10, most: 40 };
const FAULTS = { silent: 'does not answer', stranger: 'does not know the secret' };
/** A window that starts the engine is done by then, or has failed. */
const LOCK_EXPIRES_MS = ATTACH_MS + 5_000;

/**
 * Connect to the engine of all windows, which is started if it does not run.
 * @param onBusy hears for how long the engine may not answer yet, because it loads weights
 * @throws {NotSharedError} if it cannot be used, with the reason: the window should have one of its own
 */
export async function attach(
  address: Address,
  program: ProgramOptions,
  signal: AbortSignal,
  onBusy: (limitMs: number) => void,
  greetingMs = GREETING_MS,
): Promise<Attached> {
  const lock = new LockFile(lockFileOf(address), Date.now, LOCK_EXPIRES_MS);
  let untilMs = performance.now() + ATTACH_MS;
  for (;;) {
    signal.throwIfAborted();
    const found = await attachIfRunning(address, signal, greetingMs);
    if (typeof found === 'object') return found;
    const busyMs = busyMsOf(address, found);
    if (busyMs > 0) {
      onBusy(busyMs);
      untilMs = performance.now() + busyMs + ATTACH_MS;
      continue;
    }
    if (performance.now() > untilMs) throw new NotSharedError('the engine that another window starts does not answer');
    if (takeLock(lock)) {
      try {
        const started = await start(address, program, signal, greetingMs);
        if (started !== 'busy') return started;
      } finally {
        lock.release();
      }
    }
    await lookAgain(signal);
  }
}

/**
 * Why there is no connection: no process has the socket; one has it and does not answer; or it does not know the secret,
 * because that was deleted and made again, or because it is another user's pipe.
 */
export type NotAttached = 'none' | 'silent' | 'stranger';

/**
 * Connect to the engine of all windows if it runs.
 * @throws {NotSharedError} if it cannot be used
 */
export async function attachIfRunning(
  address: Address,
  signal: AbortSignal,
  greetingMs = GREETING_MS,
): Promise<Attached | NotAttached> {
  checkPrivate(address.folder, 'folder');
  const secret = readSecret(address);
  if (secret === undefined) return 'none';
  const path = socketOf(address);
  try {
    if (process.platform !== 'win32') checkPrivate(path, 'socket');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return 'none';
    throw error;
  }
  return greet(path, secret, signal, greetingMs);
}

/** For how long what was found need not answer. A process that is gone is not silent: what it left holds nobody up. */
function busyMsOf(address: Address, found: NotAttached): number {
  return found === 'silent' ? busyForMs(address) : 0;
}

/**
 * Start the engine. Whoever calls it holds the lock.
 * @returns `busy` if it runs and loads weights
 */
async function start(
  address: Address,
  program: ProgramOptions,
  signal: AbortSignal,
  greetingMs: number,
): Promise<Attached | 'busy'> {
  makeSecret(address);
  // Another window may have started it before this one got the lock.
  const found = await attachIfRunning(address, signal, greetingMs);
  if (typeof found === 'object') return found;
  if (busyMsOf(address, found) > 0) return 'busy';
  // Nobody listens, or a process of this user that is of no use. The windows that have it end it if it hangs, and it ends by
  // itself without a window.
  if (process.platform !== 'win32') rmSync(socketOf(address), { force: true });
  else if (found !== 'none')
    throw new NotSharedError(`${socketOf(address)} belongs to another process, which ${FAULTS[found]}`);
  clearBusy(address);
  removeOldFiles(address);
  const process_ = launch(address, program);
  const untilMs = performance.now() + ATTACH_MS;
  for (;;) {
    const fault = process_.fault();
    const attached = await attachIfRunning(address, signal, greetingMs);
    if (typeof attached === 'object') return attached;
    // Another window was faster to attach, and has it load its model.
    if (busyMsOf(address, attached) > 0) return 'busy';
    if (fault !== undefined) throw new NotSharedError(fault);
    if (performance.now() > untilMs) throw new NotSharedError('the process of the engine does not answer');
    await lookAgain(signal);
  }
}

/** Start a process that outlives this one. */
function launch(address: Address, program: ProgramOptions): { readonly fault: () => string | undefined } {
  const { hostFile, execArgv = [], execPath = process.execPath } = program;
  let fault: string | undefined;
  // Its last words are those of the process before it no longer.
  closeSync(openSync(logFileOf(address), 'w', 0o600));
  const log = openSync(logFileOf(address), 'a', 0o600);
  try {
    const child = spawn(execPath, [...execArgv, hostFile, 'serve', printAddress(address)], {
      detached: true,
      stdio: ['ignore', log, log],
      // Electron's program, which is the editor's, works as Node.js then.
      env: { ...process.env, ELECTRON_RUN_AS_NODE: '1' },
      // It does not keep the folder that this process is in from being removed.
      cwd: address.folder,
      windowsHide: true,
    });
    child.on('error', (error) => {
      fault = `it did not start (${error.message})`;
    });
    child.on('exit', (code, how) => {
      fault = `its process ended at once (${how ?? `exit code ${String(code)}`})`;
    });
    child.unref();
  } finally {
    closeSync(log);
  }
  return { fault: () => fault };
}

/** Connect, and prove to each other that both know the secret. */
function greet(path: string, secret: string, signal: AbortSignal, greetingMs: number): Promise<Attached | NotAttached> {
  return new Promise((resolve, reject) => {
    const socket = connect(path);
    const reader = new FrameReader(MAX_GREETING_BYTES);
    const nonce = newNonce();
    let pid: number | undefined;
    const stop = () => {
      clearTimeout(timer);
      signal.removeEventListener('abort', onAbort);
      socket.removeAllListeners();
      socket.on('error', () => undefined);
    };
    const finish = (end: () => void) => {
      stop();
      socket.destroy();
      end();
    };
    const refuse = (reason: string) => {
      finish(() => {
        reject(new NotSharedError(reason));
      });
    };
    const giveUp = (found: NotAttached) => {
      finish(() => {
        resolve(found);
      });
    };
    const onAbort = () => {
      finish(() => {
        reject(new Error('the engine is not wanted any more'));
      });
    };
    const timer = globalThis.setTimeout(() => {
      giveUp('silent');
    }, greetingMs);
    const receive = (message: unknown) => {
      if (isRefusal(message)) {
        refuse(message.refused);
      } else if (pid === undefined) {
        if (!isReply(message)) {
          refuse(`what listens on ${path} is no engine`);
          return;
        }
        if (message.protocol !== PROTOCOL) {
          refuse(`the engine speaks version ${message.protocol} of the protocol, not ${PROTOCOL}`);
          return;
        }
        const nonces: [string, string] = [nonce, message.nonce];
        if (!isProof(message.proof, proofOf(secret, 'server', path, nonces))) {
          giveUp('stranger');
          return;
        }
        pid = message.pid;
        socket.write(frameOf({ proof: proofOf(secret, 'client', path, nonces) }));
      } else if (isWelcome(message)) {
        stop();
        socket.pause();
        reader.maxBytes = MAX_FRAME_BYTES;
        resolve({ socket, reader, pid });
      } else {
        refuse(`what listens on ${path} is no engine`);
      }
    };
    signal.addEventListener('abort', onAbort, { once: true });
    socket.on('error', (error: NodeJS.ErrnoException) => {
      // Nobody has the socket any more, or it has just been removed.
      const isGone = ['ENOENT', 'ECONNREFUSED', 'ECONNRESET', 'EPIPE', 'EAGAIN'].includes(error.code ?? '');
      if (isGone) giveUp('none');
      else refuse(`${path}: ${error.message}`);
    });
    // It ends just now.
    socket.on('close', () => {
      giveUp('none');
    });
    socket.on('data', (chunk) => {
      reader.push(chunk);
      try {
        for (let next = reader.next(); next; next = reader.next()) {
          receive(next.message);
          if (socket.isPaused() || socket.destroyed) return;
        }
      } catch {
        refuse(`what listens on ${path} is no engine`);
      }
    });
    socket.write(frameOf({ protocol: PROTOCOL, nonce }));
  });
}

/** Never throws `NotSharedError` for a lock that is held. */
function takeLock(lock: LockFile): boolean {
  try {
    return lock.take();
  } catch (error) {
    throw new NotSharedError((error as Error).message);
  }
}

async function lookAgain(signal: AbortSignal): Promise<void> {
  const { least, most } = LOOK_AGAIN_MS;
  await setTimeout(least + Math.random() * (most - least), undefined, { signal });
}
