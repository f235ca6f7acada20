import { chmodSync, fstatSync, ftruncateSync, lstatSync } from 'node:fs';
import { createServer, type Server, type Socket } from 'node:net';
import { type Clock, SYSTEM_CLOCK } from '../../machine/clock';
import { messageOf } from '../../matlm/errors';
import type { FromHost, ToHost } from '../protocol';
import { type Address, socketOf } from './address';
import { clearBusy, showBusy } from './busy';
import { frameOf, FrameReader, MAX_FRAME_BYTES, MAX_GREETING_BYTES } from './frames';
import { isHello, isProof, isProofMessage, newNonce, proofOf, PROTOCOL } from './handshake';
import { EngineHost, type ServedClient } from './host';
import { readSecret, touchSecret } from './secret';

/** Without a client, the process ends after this time. A window that is reloaded comes back before that. */
export const LINGER_MS = 30_000;
/** A connection that has not proved who it is by then is closed. */
const GREETING_MS = 5000;
/** Connections at once, those included that have not proved who they are. */
const MAX_CONNECTIONS = 256;
/** Bytes that wait for a client that does not read. */
const MAX_WAITING_BYTES = 64 * 2 ** 20;
const CHECK_FILES_MS = 60_000;
const MAX_LOG_BYTES = 256 * 1024;

/** Serve all windows on the socket of an address until none has been there for a while. */
export function serve(address: Address): void {
  const secret = readSecret(address);
  if (secret === undefined) throw new Error('there is no secret: whoever starts this process makes one');
  const server = new EngineServer(address, secret, {
    onIdle: () => {
      end();
    },
    onFault: (reason) => {
      process.stderr.write(`a client is sent away: ${reason}\n`);
    },
  });
  const end = () => {
    server.close();
    process.exit(0);
  };
  process.on('SIGTERM', end);
  process.on('SIGINT', () => undefined); // of a terminal in which a window was started
  process.on('SIGHUP', () => undefined);
  server.listen((error) => {
    // Another process was faster.
    process.stderr.write(`${error.message}\n`);
    process.exit(1);
  });
  touchSecret(address);
  setInterval(() => {
    boundLog(process.stderr.fd);
    touchSecret(address);
  }, CHECK_FILES_MS).unref();
}

/** Its standard error is a file, which a library may write to for ever. */
function boundLog(descriptor: number): void {
  try {
    const entry = fstatSync(descriptor);
    if (entry.isFile() && entry.size > MAX_LOG_BYTES) ftruncateSync(descriptor, 0);
  } catch {
    // It is closed, or no file.
  }
}

export interface ServerEvents {
  /** No client has been there for `LINGER_MS`. */
  readonly onIdle: () => void;
  /** Receives the reason if a client is sent away. */
  readonly onFault: (reason: string) => void;
}

/** Listens on the socket, and gives each client that knows the secret a `ServedClient`. */
export class EngineServer {
  private readonly server: Server;
  private readonly path: string;
  private readonly connections = new Set<Socket>();
  /** Of the socket's file, which another process may have replaced. */
  private inode: number | undefined;
  private cancelLinger: () => void = () => undefined;
  /** A client has left to get a new process, and none has come since. */
  private isLeft = false;

  constructor(
    address: Address,
    private readonly secret: string,
    private readonly events: ServerEvents,
    private readonly clock: Clock = SYSTEM_CLOCK,
    private readonly host: EngineHost = new EngineHost(clock),
  ) {
    this.path = socketOf(address);
    host.whenLoading((limitMs) => {
      if (!this.hasSocket()) return;
      if (limitMs === undefined) clearBusy(address);
      else showBusy(address, limitMs);
    });
    this.server = createServer((socket) => {
      this.accept(socket);
    });
    this.server.maxConnections = MAX_CONNECTIONS;
  }

  /** @param onFault the socket cannot be made, because another process has it, for example */
  listen(onFault: (error: Error) => void, onListening: () => void = () => undefined): void {
    this.server.once('error', onFault);
    this.server.listen({ path: this.path, readableAll: false, writableAll: false }, () => {
      this.server.off('error', onFault);
      this.server.on('error', () => undefined); // of one connection; the others go on
      if (process.platform !== 'win32') {
        chmodSync(this.path, 0o600);
        this.inode = inodeOf(this.path);
      }
      onListening();
    });
    this.linger();
  }

  close(): void {
    this.cancelLinger();
    for (const socket of this.connections) socket.destroy();
    // `Server.close` removes the socket's file.
    if (this.hasSocket()) this.server.close();
    else this.server.unref();
  }

  /** Whether no other process has taken this one's place. */
  private hasSocket(): boolean {
    return this.inode === undefined || this.inode === inodeOf(this.path);
  }

  private linger(): void {
    this.cancelLinger();
    this.cancelLinger = this.clock.after(LINGER_MS, this.events.onIdle);
  }

  private accept(socket: Socket): void {
    this.connections.add(socket);
    const connection = new Connection(socket, this.path, this.secret, this.clock, this.host, {
      onClient: () => {
        this.cancelLinger();
        this.isLeft = false;
      },
      onLeave: () => {
        this.isLeft = true;
      },
      onFault: this.events.onFault,
    });
    socket.on('close', () => {
      connection.closed();
      this.connections.delete(socket);
      if (this.isLeft && this.host.isUnused) this.events.onIdle();
      else if (this.connections.size === 0) this.linger();
    });
  }
}

/** Undefined if there is no such file. */
function inodeOf(path: string): number | undefined {
  try {
    return lstatSync(path).ino;
  } catch {
    return undefined;
  }
}

interface ConnectionEvents {
  /** It has proved who it is. */
  readonly onClient: () => void;
  /** It wants a process that no other client uses to end. */
  readonly onLeave: () => void;
  readonly onFault: (reason: string) => void;
}

/** One connection: the handshake, then the messages of a client. Whatever is wrong with it ends it, and nothing else. */
class Connection {
  private readonly reader = new FrameReader(MAX_GREETING_BYTES);
  private readonly cancelGreeting: () => void;
  private nonces: [string, string] | undefined;
  private client: ServedClient | undefined;

  constructor(
    private readonly socket: Socket,
    private readonly name: string,
    private readonly secret: string,
    clock: Clock,
    private readonly host: EngineHost,
    private readonly events: ConnectionEvents,
  ) {
    this.cancelGreeting = clock.after(GREETING_MS, () => {
      socket.destroy();
    });
    socket.on('error', () => undefined); // it is closed then
    socket.on('data', (chunk) => {
      this.receive(chunk);
    });
  }

  closed(): void {
    this.cancelGreeting();
    this.client?.close();
  }

  private receive(chunk: Buffer): void {
    this.reader.push(chunk);
    try {
      for (let next = this.reader.next(); next && !this.socket.destroyed; next = this.reader.next()) {
        if (this.client) this.hear(this.client, next.message as ToHost);
        else this.greet(next.message);
      }
    } catch (error) {
      this.events.onFault(messageOf(error));
      this.socket.destroy();
    }
  }

  private hear(client: ServedClient, message: ToHost): void {
    if (message.type !== 'leave') {
      client.receive(message);
      return;
    }
    client.close();
    this.client = undefined;
    this.events.onLeave();
    this.socket.destroy();
  }

  private greet(message: unknown): void {
    if (!this.nonces) {
      if (!isHello(message)) throw new Error('its greeting makes no sense');
      if (message.protocol !== PROTOCOL) {
        this.refuse(`this engine speaks version ${PROTOCOL} of the protocol, not ${message.protocol}`);
        return;
      }
      this.nonces = [message.nonce, newNonce()];
      const proof = proofOf(this.secret, 'server', this.name, this.nonces);
      this.socket.write(frameOf({ protocol: PROTOCOL, nonce: this.nonces[1], proof, pid: process.pid }));
      return;
    }
    const expected = proofOf(this.secret, 'client', this.name, this.nonces);
    if (!isProofMessage(message) || !isProof(message.proof, expected)) {
      this.refuse('the secret is another one');
      return;
    }
    this.cancelGreeting();
    this.reader.maxBytes = MAX_FRAME_BYTES;
    this.events.onClient();
    this.socket.write(frameOf({ welcome: true }));
    this.client = this.host.connect((message) => {
      this.send(message);
    });
  }

  private refuse(refused: string): void {
    this.socket.end(frameOf({ refused }));
  }

  private send(message: FromHost): void {
    if (this.socket.destroyed) return;
    if (this.socket.writableLength > MAX_WAITING_BYTES) this.socket.destroy();
    else this.socket.write(frameOf(message));
  }
}
