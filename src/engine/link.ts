import { fork } from 'node:child_process';
import { endOf, firstLineOf } from './processEnd';
import type { FromHost, ToHost } from './protocol';

/** A way to a process. */
export interface Link<To> {
  /** Messages are dropped once the link has ended. */
  send(message: To): void;
  /**
   * Hear no more of it. A process that serves this link alone ends.
   * @param isRestart one of several windows ends too, if no other has it now
   */
  close(isRestart?: boolean): void;
  /** End the process, which hangs. */
  kill(): void;
}

/** A way to an engine's process. */
export type EngineLink = Link<ToHost>;

export interface LinkEvents<From = FromHost> {
  readonly onMessage: (message: From) => void;
  /**
   * The process has ended, or could not be started. Nothing follows.
   * @param how it ended, after the name of the process
   * @param fault the last line of its standard error, or the reason why it could not be reached; may be empty
   * @param wasReached whether there was a process; true by default
   */
  readonly onEnd: (how: string, fault: string, wasReached?: boolean) => void;
}

export interface ProgramOptions {
  /** The bundle of the process. */
  readonly hostFile: string;
  readonly execArgv?: readonly string[] | undefined;
  /** The program that runs the process; by default the one that runs this process. */
  readonly execPath?: string | undefined;
  /** Whether the process ends by itself once it is disconnected, after it has stored something. Otherwise it is killed. */
  readonly endsItself?: boolean;
}

/** Start a process that serves this link alone. */
export function forkedLink<To extends object = ToHost, From = FromHost>(
  { hostFile, execArgv, execPath, endsItself = false }: ProgramOptions,
  events: LinkEvents<From>,
): Link<To> {
  let isOpen = true;
  let fault = '';
  const end = (how: string) => {
    if (!isOpen) return;
    isOpen = false;
    child.kill('SIGKILL');
    events.onEnd(how, fault);
  };
  const close = () => {
    isOpen = false;
    child.kill('SIGKILL');
  };
  const child = fork(hostFile, [], {
    serialization: 'advanced',
    execArgv: [...(execArgv ?? [])],
    stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
    ...(execPath === undefined ? {} : { execPath }),
  });
  child.stderr?.on('data', (chunk: Buffer) => {
    fault = firstLineOf(chunk.toString()).slice(0, 200);
  });
  child.on('message', (message) => {
    if (isOpen) events.onMessage(message as From);
  });
  child.on('error', (error) => {
    fault = error.message;
    // There is no exit event for a process that did not start: its file is missing, or no descriptors are left.
    if (child.pid === undefined) end('did not start');
  });
  child.on('exit', (code, signal) => {
    end(endOf(code, signal));
  });
  return {
    send: (message) => {
      if (child.connected) child.send(message, () => undefined);
    },
    close: () => {
      if (!endsItself) close();
      else if (isOpen && child.connected) child.disconnect();
      isOpen = false;
    },
    kill: close,
  };
}
