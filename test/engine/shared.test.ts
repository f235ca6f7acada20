import assert from 'node:assert/strict';
import { type ChildProcess, fork } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, readdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type ClientOptions, EngineClient, type EngineState } from '../../src/engine/client';
import type { EngineInfo, GenerateEvent, GenerateRequest } from '../../src/engine/engine';
import { type Checkpoint, openCheckpoint, SHIPPED } from '../../src/matlm/checkpoint';
import { engineKey } from '../../src/engine/shared/key';
import { logFileOf, socketOf } from '../../src/engine/shared/address';
import { complete } from '../../src/cli/complete';
import { needLinks } from '../links';
import { ManualClock } from '../manualClock';
import { temporaryFolder } from '../temporary';
import { ROOT } from './harness';

const SMALL = join(ROOT, 'models', 'matlm-6m');

/** A window's client, with all that it hears. */
class Window {
  readonly states: EngineState[] = [];
  readonly client: EngineClient;
  readonly unshared: string[] = [];
  private wake: () => void = () => undefined;

  constructor(folder: string, options: Partial<ClientOptions> = {}) {
    this.client = new EngineClient({
      hostFile: join(ROOT, 'dist', 'engine.js'),
      root: ROOT,
      modelFolder: SMALL,
      threads: 1,
      shared: { folder, onUnshared: (reason) => this.unshared.push(reason) },
      onState: (state) => {
        this.states.push(state);
        this.wake();
      },
      ...options,
    });
  }

  /** The engine's description when it has become ready that often. */
  async ready(count = 1): Promise<EngineInfo> {
    for (;;) {
      const infos = this.states.flatMap((state) => (state.kind === 'ready' ? [state.info] : []));
      if (infos.length >= count) return infos.at(-1)!;
      assert.notEqual(this.states.at(-1)?.kind, 'failed', JSON.stringify(this.states.at(-1)));
      await this.changed();
    }
  }

  /** Another state has come. */
  changed(): Promise<void> {
    return new Promise<void>((resolve) => (this.wake = resolve));
  }

  start(): Promise<EngineInfo> {
    this.client.start();
    return this.ready();
  }

  generate(request: GenerateRequest, signal = new AbortController().signal): Promise<GenerateEvent[]> {
    return new Promise((resolve) => {
      const heard: GenerateEvent[] = [];
      this.client.generate(request, signal, (event) => {
        heard.push(event);
        if (event.type === 'end') resolve(heard);
      });
    });
  }
}

const tokensOf = (events: readonly GenerateEvent[]) =>
  events.flatMap((event) => (event.type === 'token' ? [event.token] : []));

describe('the engine of all windows', () => {
  let checkpoint: Checkpoint;
  let folder: string;
  let windows: Window[];
  const pids = new Set<number>();

  before(async () => {
    checkpoint = await openCheckpoint(SMALL);
  });
  beforeEach(() => {
    folder = temporaryFolder();
    windows = [];
  });
  afterEach(() => {
    for (const { client, states } of windows) {
      client.stop();
      for (const state of states) if (state.kind === 'ready') pids.add(state.info.pid);
    }
    for (const pid of pids) {
      try {
        process.kill(pid, 'SIGKILL');
      } catch {
        // It has ended.
      }
    }
    pids.clear();
  });

  const open = (options: Partial<ClientOptions> = {}) => {
    const window = new Window(folder, options);
    windows.push(window);
    return window;
  };
  const request = (): GenerateRequest => ({
    prompt: checkpoint.tokenizer.encode('export function add(first: number, second: number) {\n  return'),
    widths: checkpoint.config.granularities.XL!,
    maxTokens: 8,
    stopTokens: [],
  });

  it('is started by the first window, and serves the second too', async () => {
    const [first, second] = [open(), open()];
    const { pid } = await first.start();
    assert.notEqual(pid, process.pid);
    assert.equal((await second.start()).pid, pid);
    const answers = await Promise.all([first.generate(request()), second.generate(request())]);
    assert.equal(tokensOf(answers[0]).length, 8);
    assert.deepEqual(tokensOf(answers[1]), tokensOf(answers[0]));
    assert.deepEqual([first.unshared, second.unshared], [[], []]);
  });

  it('holds one copy of the weights for two windows', async function () {
    if (process.platform !== 'linux') this.skip(); // the memory of a process is read from /proc
    const [first, second] = [open({ modelFolder: SHIPPED_FOLDER }), open({ modelFolder: SHIPPED_FOLDER })];
    const { pid, weightBytes } = await first.start();
    const alone = residentBytes(pid);
    assert.ok(alone > weightBytes, `${alone} bytes, of which the weights are ${weightBytes}`);
    await second.start();
    const both = residentBytes(pid);
    // The second window's vocabulary and its memory of the workspace are its own.
    assert.ok(both - alone < weightBytes / 2, `${alone} bytes with one window, ${both} with two`);
    const answers = await Promise.all([first.generate(request()), second.generate(request())]);
    assert.deepEqual(tokensOf(answers[0]), tokensOf(answers[1]));
  });

  it('is started once by windows that begin at the same time', async () => {
    const infos = await Promise.all(Array.from({ length: 5 }, () => open().start()));
    assert.equal(new Set(infos.map(({ pid }) => pid)).size, 1);
    // A process that lost the race would have left the reason.
    assert.equal(readFileSync(logFileOf({ folder, key: await keyOf(ROOT) }), 'utf8'), '');
  });

  it('is started once by processes that begin at the same time, and outlives the one that started it', async function () {
    const processes = Array.from({ length: 4 }, () => clientProcess(folder));
    const pids = await Promise.all(processes.map(pidOf));
    assert.equal(new Set(pids).size, 1);
    await Promise.all(processes.map(ended));
    const window = open();
    assert.equal((await window.start()).pid, pids[0]);
    assert.equal(tokensOf(await window.generate(request())).length, 8);
  });

  it('that is killed under three windows is started again once, and each completes again', async () => {
    const three = [open(), open(), open()];
    const [{ pid } = { pid: 0 }] = await Promise.all(three.map((window) => window.start()));
    const running = three.map((window) => window.generate({ ...request(), maxTokens: 400 }));
    process.kill(pid, 'SIGKILL');
    for (const events of await Promise.all(running)) {
      const end = events.at(-1)!;
      // One may have ended before.
      assert.ok(end.type === 'end' && (end.reason === 'failed' || end.reason === 'length' || end.reason === 'stop'));
    }
    const infos = await Promise.all(three.map((window) => window.ready(2)));
    assert.equal(new Set(infos.map((info) => info.pid)).size, 1);
    assert.notEqual(infos[0]!.pid, pid);
    for (const window of three) {
      assert.equal(tokensOf(await window.generate(request())).length, 8);
      assert.deepEqual(window.unshared, []);
      const kinds = window.states.map(({ kind }) => kind);
      assert.deepEqual(kinds, ['starting', 'ready', 'restarting', 'starting', 'ready']);
    }
  });

  it('is a new one after its only window has restarted it, and the same if another window has it', async () => {
    const [first, second] = [open(), open()];
    const { pid } = await first.start();
    first.client.start();
    const next = await first.ready(2);
    assert.notEqual(next.pid, pid);
    await second.start();
    first.client.start();
    assert.equal((await first.ready(3)).pid, next.pid);
  });

  it('that ends again and again is replaced by one of the window’s own', async () => {
    const window = open();
    const pids = [(await window.start()).pid];
    for (let crash = 1; crash <= 2; crash++) {
      process.kill(pids.at(-1)!, 'SIGKILL');
      pids.push((await window.ready(crash + 1)).pid);
    }
    assert.equal(new Set(pids).size, 3);
    assert.deepEqual(window.unshared, ['it ended 2 times in five minutes']);
    const other = open();
    assert.notEqual((await other.start()).pid, pids.at(-1));
  });

  it('that hangs is ended by a window that waits, and replaced', async function () {
    if (process.platform === 'win32') this.skip(); // nothing stops a process there
    const clock = new ManualClock();
    const [first, second] = [open({ clock }), open()];
    const { pid } = await first.start();
    await second.start();
    process.kill(pid, 'SIGSTOP');
    const lost = first.generate(request());
    clock.advance(10_000);
    const end = (await lost).at(-1)!;
    assert.ok(end.type === 'end' && end.message?.includes('did not answer for 10 s'));
    clock.advance(1000);
    const infos = [await first.ready(2), await second.ready(2)];
    assert.ok(infos[0]!.pid === infos[1]!.pid && infos[0]!.pid !== pid);
  });

  it('is another one for the windows of another version, and both work', async function () {
    needLinks(this);
    const root = temporaryFolder();
    for (const name of ['build', 'node_modules', 'dist']) symlinkSync(join(ROOT, name), join(root, name));
    writeFileSync(join(root, 'package.json'), JSON.stringify({ version: '0.0.1' }));
    const [ours, theirs] = [open(), open({ root })];
    assert.notEqual((await ours.start()).pid, (await theirs.start()).pid);
    for (const window of [ours, theirs]) assert.equal(tokensOf(await window.generate(request())).length, 8);
    const sockets = readdirSync(folder).filter((name) => name.endsWith('.sock'));
    assert.equal(sockets.length, process.platform === 'win32' ? 0 : 2);
  });

  it('replaces the socket of a process that was killed', async function () {
    if (process.platform === 'win32') this.skip(); // a pipe ends with its process
    const first = open();
    const { pid } = await first.start();
    first.client.stop();
    process.kill(pid, 'SIGKILL');
    assert.ok(existsSync(socketOf({ folder, key: await keyOf(ROOT) })));
    assert.notEqual((await open().start()).pid, pid);
  });

  it('is the window’s own if the folder is open to other users, with the reason', async function () {
    if (process.platform === 'win32') this.skip();
    const wide = join(folder, 'wide');
    mkdirSync(wide, { mode: 0o755 });
    folder = wide;
    const [first, second] = [open(), open()];
    assert.notEqual((await first.start()).pid, (await second.start()).pid);
    assert.match(first.unshared.join(), /wide is open to other users \(mode 755\); remove it/);
    assert.equal(tokensOf(await first.generate(request())).length, 8);
    assert.deepEqual(readdirSync(wide), []);
  });

  it('that does not start is the window’s own, which says why it does not start either', async () => {
    const window = open({ hostFile: join(folder, 'engine.js') });
    window.client.start();
    while (window.states.at(-1)?.kind !== 'restarting') await window.changed();
    const state = window.states.at(-1)!;
    assert.match(state.kind === 'restarting' ? state.reason : '', /^the engine ended with exit code 1/);
    assert.deepEqual(window.unshared, ['its process ended at once (exit code 1)']);
  });

  it('is not started for a window that closes before it is', async () => {
    const window = open();
    window.client.start();
    window.client.stop();
    const { pid } = await open().start();
    assert.ok(pid > 0);
    assert.deepEqual(
      window.states.map(({ kind }) => kind),
      ['starting', 'stopped'],
    );
  });

  it('keeps the memories of two windows apart, also if they number their documents alike', async () => {
    const [first, second] = [open(), open()];
    await Promise.all([first.start(), second.start()]);
    const texts = ['const alphaBetaGamma = deltaEpsilon;\n', 'function zetaEtaTheta(iota) {}\n'];
    await Promise.all([first.client.remember(1, texts[0]!), second.client.remember(1, texts[1]!)]);
    const length = async (window: Window, text: string) =>
      (await window.client.look(checkpoint.tokenizer.encode(text).slice(0, -2), {})).length;
    assert.ok((await length(first, texts[0]!)) > 3);
    assert.equal(await length(first, texts[1]!), 0);
    assert.ok((await length(second, texts[1]!)) > 3);
    assert.equal((await first.client.forget([1])).documents, 0);
    assert.ok((await length(second, texts[1]!)) > 3);
    // A request uses the memory of its own window.
    const prompt = checkpoint.tokenizer.encode('function zetaEtaTheta(');
    for (const [window, expected] of [
      [first, false],
      [second, true],
    ] as const) {
      const events = await window.generate({ ...request(), prompt, maxTokens: 1, memory: {} });
      const token = events.find((event) => event.type === 'token');
      assert.equal((token?.matchLength ?? 0) > 3, expected);
    }
  });

  it('frees what a client had that dies in the middle of a request', async () => {
    const window = open();
    const { pid } = await window.start();
    const child = clientProcess(folder, 'generates');
    assert.equal(await pidOf(child), pid);
    child.kill('SIGKILL');
    await ended(child);
    // Its request would take the engine for seconds; this one is not more urgent.
    const events = await window.generate({ ...request(), urgency: 'measuring' });
    assert.equal(tokensOf(events).length, 8);
    const end = events.at(-1)!;
    assert.ok(end.type === 'end' && end.reason === 'length');
  });

  it('lets a key interrupt what another window does ahead, which then goes on to the same answer', async () => {
    const [typing, ahead] = [open(), open()];
    await Promise.all([typing.start(), ahead.start()]);
    const long = { ...request(), maxTokens: 200, urgency: 'ahead' as const };
    const whole = tokensOf(await ahead.generate(long));
    const attempt = async () => {
      const order: string[] = [];
      let interrupted: Promise<unknown> = Promise.resolve();
      const again = await new Promise<GenerateEvent[]>((resolve) => {
        const heard: GenerateEvent[] = [];
        ahead.client.generate(long, new AbortController().signal, (event) => {
          heard.push(event);
          const tokens = tokensOf(heard).length;
          if (event.type === 'token' && tokens === 2)
            interrupted = typing.generate(request()).then(() => order.push('key'));
          if (event.type === 'end') {
            order.push('ahead');
            resolve(heard);
          }
        });
      });
      await interrupted;
      return { order, again };
    };
    let { order, again } = await attempt();
    // On a busy machine the key may reach the process when there is nothing to interrupt any more.
    for (let more = 0; more < 20 && order[0] === 'ahead'; more++) ({ order, again } = await attempt());
    assert.deepEqual(order, ['key', 'ahead']);
    assert.deepEqual(tokensOf(again), whole);
    const end = again.at(-1)!;
    assert.ok(end.type === 'end' && end.decodedTokens === whole.length, JSON.stringify(end));
    assert.equal(again.filter((event) => event.type === 'prefill').length, 1);
  });

  it('is used by the command line, which starts none', async () => {
    const place = { file: join(ROOT, 'examples', 'src', 'station.ts'), line: 17, column: 22 };
    const before = await complete(ROOT, SMALL, place, 'XL', undefined, folder);
    assert.deepEqual(readdirSync(folder), []);
    const window = open();
    await window.start();
    const after = await complete(ROOT, SMALL, place, 'XL', undefined, folder);
    assert.equal(after.text, before.text);
    assert.deepEqual(after.tokens, before.tokens);
    assert.equal(window.states.at(-1)?.kind, 'ready');
  });
});

const SHIPPED_FOLDER = join(ROOT, SHIPPED);

const keyOf = (root: string) => engineKey({ hostFile: join(root, 'dist', 'engine.js'), root, execArgv: [] });

function residentBytes(pid: number): number {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  return Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1]) * 1024;
}

/** A process with a client, which tells the process of its engine. It ends by itself unless it `generates`. */
function clientProcess(folder: string, task = ''): ChildProcess {
  return fork(join(__dirname, 'fixtures', 'sharedClient.ts'), [ROOT, SMALL, folder, task], {
    execArgv: ['--import', 'tsx'],
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  });
}

function pidOf(child: ChildProcess): Promise<number> {
  return new Promise((resolve, reject) => {
    child.once('message', (message) => {
      resolve((message as { pid: number }).pid);
    });
    child.once('exit', () => {
      reject(new Error('the process with the client ended'));
    });
  });
}

function ended(child: ChildProcess): Promise<void> {
  return new Promise((resolve) => {
    if (child.exitCode !== null || child.signalCode !== null) resolve();
    else
      child.once('exit', () => {
        resolve();
      });
  });
}
