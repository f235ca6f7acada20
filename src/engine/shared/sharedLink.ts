import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import { messageOf } from '../../matlm/errors';
import { type EngineLink, forkedLink, type LinkEvents, type ProgramOptions } from '../link';
import { firstLineOf } from '../processEnd';
import type { FromHost, ToHost } from '../protocol';
import { type Address, findFolder, logFileOf } from './address';
import { attach, type Attached } from './attach';
import { frameOf } from './frames';
import { engineKey } from './key';

export interface SharedOptions extends ProgramOptions {
  /** The folder of the installation. */
  readonly root: string;
  /** Where the socket is. By default `findFolder` decides. */
  readonly folder?: string | undefined;
  /** Receives the reason if the engine cannot be shared, and the window has one of its own. */
  readonly onUnshared?: ((reason: string) => void) | undefined;
}

/** A link to the engine of all windows, which is started if it does not run. Messages wait until it is found. */
export function sharedLink(options: SharedOptions, events: LinkEvents): EngineLink {
  const { root, hostFile, execArgv = [], folder } = options;
  const closing = new AbortController();
  let waiting: ToHost[] | undefined = [];
  let attached: Attached | undefined;
  let own: EngineLink | undefined;
  let isOpen = true;

  const end = (how: string, fault: string) => {
    if (!isOpen) return;
    isOpen = false;
    attached?.socket.destroy();
    events.onEnd(how, fault, attached !== undefined || own !== undefined);
  };
  const close = (isRestart = false) => {
    isOpen = false;
    closing.abort('the link is closed');
    if (isRestart && attached && !attached.socket.destroyed) attached.socket.end(frameOf({ type: 'leave' }));
    else attached?.socket.destroy();
    own?.close();
  };
  const flush = (send: (message: ToHost) => void) => {
    for (const message of waiting ?? []) send(message);
    waiting = undefined;
  };

  const use = (found: Attached, address: Address) => {
    attached = found;
    const { socket, reader } = found;
    if (socket.destroyed) {
      end('has gone', '');
      return;
    }
    const read = () => {
      try {
        for (let next = reader.next(); next && isOpen; next = reader.next()) events.onMessage(next.message as FromHost);
      } catch (error) {
        end('sent nonsense', messageOf(error));
      }
    };
    socket.on('data', (chunk) => {
      reader.push(chunk);
      read();
    });
    socket.on('close', () => {
      end('has gone', lastLineOf(logFileOf(address)));
    });
    flush((message) => {
      socket.write(frameOf(message));
    });
    read();
    socket.resume();
  };

  const find = async () => {
    const key = await engineKey({ hostFile, root, execArgv });
    const address = folder === undefined ? findFolder(key) : { folder, key };
    const found = await attach(address, options, closing.signal, (limitMs) => {
      if (isOpen) events.onMessage({ type: 'alive', limitMs });
    });
    if (isOpen) use(found, address);
    else found.socket.destroy();
  };

  find().catch((error: unknown) => {
    if (!isOpen) return;
    // Also if a file cannot be written: a window that completes alone is better than one that does not.
    options.onUnshared?.(messageOf(error));
    own = forkedLink(options, {
      onMessage: (message) => {
        if (isOpen) events.onMessage(message);
      },
      onEnd: end,
    });
    flush((message) => {
      own?.send(message);
    });
  });

  return {
    send: (message) => {
      if (!isOpen) return;
      if (own) own.send(message);
      else if (waiting) waiting.push(message);
      else if (attached && !attached.socket.destroyed) attached.socket.write(frameOf(message));
    },
    close,
    kill: () => {
      // The number is that of the process for certain only while the connection stands.
      if (attached && !attached.socket.destroyed) endProcess(attached.pid);
      own?.kill();
      close();
    },
  };
}

function endProcess(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // It has ended.
  }
}

/** The beginning of the last line of a file; empty if there is none. */
function lastLineOf(file: string): string {
  try {
    const opened = openSync(file, 'r');
    try {
      const bytes = Buffer.alloc(2048);
      const from = Math.max(0, fstatSync(opened).size - bytes.length);
      const text = bytes.toString('utf8', 0, readSync(opened, bytes, 0, bytes.length, from));
      return firstLineOf(text.trim().split('\n').at(-1) ?? '').slice(0, 200);
    } finally {
      closeSync(opened);
    }
  } catch {
    return '';
  }
}
