import assert from 'node:assert/strict';
import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  readdirSync,
  renameSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { join } from 'node:path';
import {
  type Address,
  busyFileOf,
  NotSharedError,
  secretFileOf,
  socketOf,
} from '../../../../src/engine/shared/address';
import { attach, attachIfRunning, type Attached } from '../../../../src/engine/shared/attach';
import { busyForMs, showBusy } from '../../../../src/engine/shared/busy';
import { frameOf, FrameReader, MAX_FRAME_BYTES } from '../../../../src/engine/shared/frames';
import { newNonce, PROTOCOL, proofOf } from '../../../../src/engine/shared/handshake';
import { EngineHost } from '../../../../src/engine/shared/host';
import { makeSecret, readSecret, removeOldFiles } from '../../../../src/engine/shared/secret';
import { EngineServer, LINGER_MS } from '../../../../src/engine/shared/server';
import { ManualClock } from '../../../manualClock';
import { temporaryFolder } from '../../../temporary';
import { MODEL, small } from '../../model';
import { randomOf } from './random';

const never = new AbortController().signal;

describe('the server of the engine of all windows', () => {
  let address: Address;
  let secret: string;
  let clock: ManualClock;
  let idle: number;
  let faults: string[];
  let server: EngineServer;
  const sockets: Socket[] = [];
  const others: Server[] = [];

  beforeEach(async () => {
    address = { folder: temporaryFolder(), key: 'feed' };
    secret = makeSecret(address);
    clock = new ManualClock();
    idle = 0;
    faults = [];
    server = new EngineServer(
      address,
      secret,
      { onIdle: () => idle++, onFault: (reason) => faults.push(reason) },
      clock,
    );
    await listening(server);
  });
  afterEach(() => {
    server.close();
    for (const socket of sockets.splice(0)) socket.destroy();
    for (const other of others.splice(0)) other.close();
  });

  const listening = (started: EngineServer) =>
    new Promise<void>((resolve, reject) => {
      started.listen(reject, resolve);
    });
  const until = async (holds: () => boolean) => {
    while (!holds()) await new Promise(setImmediate);
  };
  const untilIdle = () => until(() => idle > 0);
  /** The server knows that its last client has gone, and waits for another. */
  const untilAlone = () => until(() => clock.waiting === 1);
  const raw = () => {
    const socket = connect(socketOf(address));
    socket.on('error', () => undefined);
    sockets.push(socket);
    return socket;
  };
  const closed = (socket: Socket) =>
    new Promise<void>((resolve) =>
      socket
        .once('close', () => {
          resolve();
        })
        .resume(),
    );
  async function attached(): Promise<Attached> {
    const found = await attachIfRunning(address, never);
    assert.ok(typeof found === 'object', JSON.stringify(found));
    sockets.push(found.socket);
    return found;
  }
  /** The next message of a stream. */
  function next(socket: Socket, reader = new FrameReader(MAX_FRAME_BYTES)): Promise<unknown> {
    return new Promise((resolve) => {
      const look = () => {
        const found = reader.next();
        if (found) {
          socket.off('data', hear);
          resolve(found.message);
        }
        return found !== undefined;
      };
      const hear = (chunk: Buffer) => {
        reader.push(chunk);
        look();
      };
      if (!look()) socket.on('data', hear);
      socket.resume();
    });
  }

  it('lets a client in that knows the secret, and answers it', async () => {
    const { socket, reader, pid } = await attached();
    assert.equal(pid, process.pid);
    socket.write(frameOf({ type: 'generate', id: 4, request: {} }));
    const answer = (await next(socket, reader)) as { id: number; events: { message: string }[] };
    assert.deepEqual([answer.id, answer.events[0]?.message], [4, 'the engine is not open yet']);
  });

  it('makes its socket and its secret for the user alone', function () {
    if (process.platform === 'win32') this.skip();
    for (const file of [socketOf(address), secretFileOf(address)]) assert.equal(statSync(file).mode & 0o777, 0o600);
  });

  describe('sends away', () => {
    it('one that has the wrong secret, and the client sees that the server has', async () => {
      writeFileSync(secretFileOf(address), 'f'.repeat(64), { mode: 0o600 });
      assert.equal(await attachIfRunning(address, never), 'stranger');
      // A client that does not look is refused too.
      const socket = raw();
      const nonce = newNonce();
      socket.write(frameOf({ protocol: PROTOCOL, nonce }));
      const reply = (await next(socket)) as { nonce: string };
      const proof = proofOf('f'.repeat(64), 'client', socketOf(address), [nonce, reply.nonce]);
      socket.write(frameOf({ proof }));
      assert.deepEqual(await next(socket), { refused: 'the secret is another one' });
      await closed(socket);
    });

    it('one that gives the server’s own proof back', async () => {
      const socket = raw();
      socket.write(frameOf({ protocol: PROTOCOL, nonce: newNonce() }));
      const { proof } = (await next(socket)) as { proof: string };
      socket.write(frameOf({ proof }));
      assert.deepEqual(await next(socket), { refused: 'the secret is another one' });
    });

    it('one of another version, with the reason', async () => {
      const socket = raw();
      socket.write(frameOf({ protocol: PROTOCOL + 1, nonce: newNonce() }));
      assert.match(JSON.stringify(await next(socket)), /speaks version 1 of the protocol, not 2/);
    });

    it('one that sends a message before its proof, a long one, or nonsense', async () => {
      const long = Buffer.alloc(4);
      long.writeUInt32LE(2000);
      for (const bytes of [
        frameOf({ type: 'open' }),
        long,
        frameOf(null),
        Buffer.from('\u0001\0\0\0{'),
        frameOf({ protocol: 1, nonce: 5 }),
      ]) {
        const socket = raw();
        socket.write(bytes);
        await closed(socket);
      }
      assert.equal(faults.length, 5);
      await attached();
    });

    it('one that says nothing for five seconds', async () => {
      const socket = raw();
      socket.write(frameOf({ protocol: PROTOCOL, nonce: newNonce() }));
      await next(socket);
      clock.advance(4999);
      assert.ok(!socket.closed);
      clock.advance(1);
      await closed(socket);
    });

    it('one whose messages make no sense, and the others stay', async () => {
      const other = await attached();
      const random = randomOf(3);
      for (const bytes of [
        frameOf({ type: 'launch' }),
        frameOf(17),
        frameOf(null),
        frameOf([]),
        frameOf({ type: 'generate' }),
        frameOf({ type: 'memory', id: 1 }),
        ...Array.from({ length: 30 }, () => Buffer.from(Array.from({ length: 50 }, () => Math.floor(random() * 256)))),
      ]) {
        const { socket } = await attached();
        socket.write(bytes);
        socket.resume();
        // Some are no fault as far as they go: the rest of the message is missing, or a call has a fault of its own.
        if (!socket.closed) await Promise.race([closed(socket), new Promise((resolve) => setTimeout(resolve, 20))]);
        socket.destroy();
      }
      other.socket.write(frameOf({ type: 'generate', id: 1, request: {} }));
      assert.match(JSON.stringify(await next(other.socket, other.reader)), /the engine is not open yet/);
    });
  });

  it('ends when no client has been there for a while, and not before', async () => {
    clock.advance(LINGER_MS - 1);
    const { socket } = await attached();
    clock.advance(10 * LINGER_MS);
    assert.equal(idle, 0);
    socket.destroy();
    const last = await attached(); // comes back at once
    last.socket.destroy();
    await untilAlone();
    clock.advance(LINGER_MS - 1);
    assert.equal(idle, 0);
    clock.advance(1);
    assert.equal(idle, 1);
  });

  it('ends at once if its only client restarts its engine, and not if there is another', async () => {
    const [first, second] = [await attached(), await attached()];
    first.socket.write(frameOf({ type: 'leave' }));
    await closed(first.socket);
    assert.equal(idle, 0);
    second.socket.write(frameOf({ type: 'leave' }));
    await closed(second.socket);
    await untilIdle();
    assert.equal(idle, 1);
  });

  it('ends at once too if a client left before the last one has gone, unless another has come since', async () => {
    const [first, second] = [await attached(), await attached()];
    first.socket.write(frameOf({ type: 'leave' }));
    await closed(first.socket);
    assert.equal(idle, 0);
    second.socket.destroy();
    await untilIdle();
    const [third, fourth] = [await attached(), await attached()];
    third.socket.write(frameOf({ type: 'leave' }));
    await closed(third.socket);
    const fifth = await attached();
    for (const { socket } of [fourth, fifth]) socket.destroy();
    await untilAlone();
    assert.equal(idle, 1);
  });

  it('is not kept by a connection that has not proved who it is', async () => {
    const socket = raw();
    socket.write(frameOf({ protocol: PROTOCOL, nonce: newNonce() }));
    await next(socket);
    clock.advance(5000);
    await closed(socket);
    clock.advance(LINGER_MS);
    assert.equal(idle, 1);
  });

  it('removes its socket when it ends, but not that of another which has taken its place', async function () {
    if (process.platform === 'win32') this.skip(); // a pipe is no file
    server.close();
    assert.ok(!existsSync(socketOf(address)));
    const second = new EngineServer(address, secret, { onIdle: () => undefined, onFault: () => undefined }, clock);
    await listening(second);
    server.close();
    assert.ok(existsSync(socketOf(address)));
    second.close();
  });

  it('does not take the socket of one that runs', async () => {
    const second = new EngineServer(address, secret, { onIdle: () => undefined, onFault: () => undefined }, clock);
    await assert.rejects(listening(second), /EADDRINUSE/);
    second.close();
    await attached();
  });

  describe('that loads weights', () => {
    const missing = { hostFile: join(temporaryFolder(), 'engine.js') };

    it('says so in a file, and removes it afterwards', async () => {
      let busyMs = 0;
      const host = new EngineHost(clock, {
        openCheckpoint: small,
        report: () => undefined,
        openEngine: (_root, _checkpoint, { onLoad } = {}) => {
          onLoad?.(1e9);
          busyMs = busyForMs(address);
          throw new Error('there is not enough memory');
        },
      });
      new EngineServer(address, secret, { onIdle: () => undefined, onFault: () => undefined }, clock, host);
      const use = host.models.use({ root: '', folder: MODEL, threads: 1 }, false, { onReplaced: () => undefined });
      await assert.rejects(use, /not enough memory/);
      assert.ok(busyMs > 60_000 && busyMs <= 80_000, `${busyMs}`);
      await until(() => busyForMs(address) === 0);
    });

    it('is waited for, and not replaced by another', async function () {
      if (process.platform === 'win32') this.skip(); // a pipe is no file
      const moved = join(address.folder, 'moved');
      renameSync(socketOf(address), moved);
      let asked = 0;
      const silent = createServer((socket) => {
        asked++;
        socket.on('error', () => undefined);
      }).listen(socketOf(address));
      others.push(silent);
      await new Promise((resolve) => silent.once('listening', resolve));
      showBusy(address, 600_000);
      const heard: number[] = [];
      const found = attach(address, missing, never, (limitMs) => heard.push(limitMs), 100);
      let hasFailed = false;
      found.catch(() => (hasFailed = true));
      await until(() => asked > 3 || hasFailed);
      renameSync(moved, socketOf(address)); // now it answers
      const { pid, socket } = await found;
      sockets.push(socket);
      assert.equal(pid, process.pid);
      assert.ok(heard.length >= 3 && heard.every((limitMs) => limitMs > 60_000), heard.join());
    });

    it('is not waited for longer than it said, if the clock was set back', () => {
      showBusy(address, 60_000);
      assert.ok(busyForMs(address) > 0);
      const later = new Date(Date.now() + 3_600_000);
      utimesSync(busyFileOf(address), later, later);
      assert.equal(busyForMs(address), 0);
    });

    it('is not waited for if its process is gone', async () => {
      server.close();
      showBusy(address, 600_000);
      const found = attach(address, missing, never, () => {
        assert.fail('nothing is busy');
      });
      await assert.rejects(found, /its process ended at once/);
      assert.equal(busyForMs(address), 0, 'nor is the next one taken for busy');
    });
  });

  describe('is not used by a client', () => {
    before(function () {
      if (process.platform === 'win32') this.skip();
    });

    it('if there is none, or its process is gone', async () => {
      assert.equal(await attachIfRunning({ ...address, key: 'none' }, never), 'none');
      server.close();
      assert.equal(await attachIfRunning(address, never), 'none');
      // What a process leaves that was killed.
      const dead = createServer().listen(socketOf(address));
      await new Promise((resolve) => dead.once('listening', resolve));
      writeFileSync(join(address.folder, 'kept'), '');
      renameSync(socketOf(address), join(address.folder, 'moved'));
      await new Promise((resolve) => dead.close(resolve));
      renameSync(join(address.folder, 'moved'), socketOf(address));
      assert.equal(await attachIfRunning(address, never), 'none');
    });

    it('if something else listens there', async () => {
      server.close();
      for (const answer of [frameOf({ hello: 1 }), Buffer.from('HTTP/1.1 400 Bad Request\r\n\r\n')]) {
        const other = createServer((socket) => {
          socket.on('error', () => undefined);
          socket.end(answer);
          socket.resume();
        }).listen(socketOf(address));
        others.push(other);
        await new Promise((resolve) => other.once('listening', resolve));
        chmodSync(socketOf(address), 0o600);
        await assert.rejects(attachIfRunning(address, never), /is no engine/);
        await new Promise<void>((resolve) => {
          other.close(() => {
            resolve();
          });
        });
      }
    });

    it('if it does not know the secret', async () => {
      server.close();
      const other = createServer((socket) => {
        socket.on('error', () => undefined);
        socket.write(frameOf({ protocol: PROTOCOL, nonce: newNonce(), proof: '0'.repeat(64), pid: 1 }));
      }).listen(socketOf(address));
      others.push(other);
      await new Promise((resolve) => other.once('listening', resolve));
      assert.equal(await attachIfRunning(address, never), 'stranger');
    });

    it('if the folder, the secret or the socket is not the user’s alone', async function () {
      chmodSync(address.folder, 0o750);
      await assert.rejects(attachIfRunning(address, never), NotSharedError);
      chmodSync(address.folder, 0o700);
      chmodSync(secretFileOf(address), 0o640);
      await assert.rejects(attachIfRunning(address, never), /secret is open to other users \(mode 640\)/);
      chmodSync(secretFileOf(address), 0o600);
      (await attached()).socket.destroy();
      if (process.geteuid?.() !== 0) this.skip();
      chownSync(socketOf(address), 12345, 12345);
      await assert.rejects(attachIfRunning(address, never), /sock belongs to another user \(12345\); remove it/);
    });

    it('if it does not answer', async function () {
      server.close();
      const mute = createServer((socket) => {
        socket.on('error', () => undefined);
      }).listen(socketOf(address));
      others.push(mute);
      await new Promise((resolve) => mute.once('listening', resolve));
      assert.equal(await attachIfRunning(address, never, 50), 'silent');
    });

    it('that is not wanted any more', async () => {
      const controller = new AbortController();
      const found = attachIfRunning(address, controller.signal);
      controller.abort();
      await assert.rejects(found, /is not wanted any more/);
    });
  });

  describe('the secret', () => {
    it('stays the same, and is made again if it is cut', () => {
      assert.equal(makeSecret(address), secret);
      writeFileSync(secretFileOf(address), 'half');
      assert.equal(readSecret(address), undefined);
      const other = makeSecret(address);
      assert.match(other, /^[0-9a-f]{64}$/);
      assert.notEqual(other, secret);
      assert.equal(readSecret(address), other);
      assert.deepEqual(
        readdirSync(address.folder).filter((name) => !name.endsWith('.sock')),
        ['feed.secret'],
      );
    });

    it('and all other files of engines that have not run for a month are removed', () => {
      const { folder } = address;
      for (const key of ['0ld', 'a1', 'b2'])
        for (const end of ['secret', 'log', 'sock', 'lock', 'busy'])
          writeFileSync(join(folder, `${key}.${end}`), '', { mode: 0o600 });
      mkdirSync(join(folder, 'a1.secret.d'));
      const day = 24 * 3600;
      utimesSync(join(folder, 'a1.secret'), 1000, 1000);
      utimesSync(join(folder, 'b2.log'), 1000, 1000);
      utimesSync(secretFileOf(address), 1000, 1000);
      removeOldFiles(address, Date.now() - day * 1000);
      const left = readdirSync(folder);
      assert.ok(left.includes('b2.log') && left.includes('feed.secret') && left.includes('0ld.secret'), left.join());
      assert.ok(!left.some((name) => name.startsWith('a1.') && name !== 'a1.secret.d'), left.join());
    });
  });
});
