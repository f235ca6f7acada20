import { type ChildProcess, fork } from 'node:child_process';
import { endOf, firstLineOf } from './processEnd';
import type { FromHost, ToHost } from './protocol';

export interface ProcessOptions {
  /** The bundle of the engine's process. */
  readonly hostFile: string;
  /** Time limit of one process. */
  readonly limitMs?: number;
  readonly execArgv?: readonly string[];
  /** The program that runs the process; by default the one that runs this process. */
  readonly execPath?: string;
  /** Stops the process; the answer is rejected. */
  readonly signal?: AbortSignal;
}

/** A graphics driver compiles dozens of kernels first. */
const LIMIT_MS = 60_000;

const LAST_WORDS_MS = 200;

/**
 * The first answer of a new process, which is killed afterwards.
 * @throws if there is none: with the reason, and the first line of its stderr
 */
export async function ask(options: ProcessOptions, message: ToHost): Promise<FromHost> {
  const { hostFile, limitMs = LIMIT_MS, execArgv = [], execPath, signal } = options;
  signal?.throwIfAborted();
  const child = fork(hostFile, [], {
    serialization: 'advanced',
    execArgv: [...execArgv],
    stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
    ...(execPath === undefined ? {} : { execPath }),
  });
  const release = new AbortController();
  try {
    return await firstAnswer(child, message, limitMs, AbortSignal.any([release.signal, ...(signal ? [signal] : [])]));
  } finally {
    release.abort();
    child.kill('SIGKILL');
  }
}

function firstAnswer(child: ChildProcess, message: ToHost, limitMs: number, signal: AbortSignal): Promise<FromHost> {
  return new Promise<FromHost>((resolve, reject) => {
    let lastWords = '';
    let fault: string | undefined;
    const fail = (reason: string) => {
      reject(new Error(lastWords === '' ? reason : `${reason} (${lastWords})`));
    };
    const timer = setTimeout(() => {
      fail(fault ?? `it did not answer within ${limitMs / 1000} s`);
    }, limitMs);
    // It is called at the end too; the promise is settled by then, so rejecting does nothing.
    const onAbort = () => {
      clearTimeout(timer);
      reject(new Error('the probe was stopped'));
    };
    signal.addEventListener('abort', onAbort, { once: true });
    child.stderr?.on('data', (chunk: Buffer) => {
      lastWords = firstLine(chunk.toString());
    });
    child.on('message', (received) => {
      const answer = received as FromHost;
      if (answer.type !== 'unusable') {
        resolve(answer);
        return;
      }
      // The driver's own message may arrive a little later. The process is killed, because a driver that failed may hang
      // when the process ends.
      fault = firstLine(answer.message);
      setTimeout(() => child.kill('SIGKILL'), LAST_WORDS_MS);
    });
    // A process that does not start emits no other event.
    child.on('error', (error) => {
      fail(error.message);
    });
    child.on('close', (code, how) => {
      fail(fault ?? `its process ${endOf(code, how)}`);
    });
    if (child.connected) child.send(message, () => undefined);
  });
}

/** Without colours. */
function firstLine(text: string): string {
  return firstLineOf(text.replaceAll(/\u001b\[[\d;]*m/g, '')).slice(0, 200);
}
