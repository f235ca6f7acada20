import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type ClientOptions, EngineClient, type EngineState } from '../../../src/engine/client';
import type { GenerateEvent, GenerateRequest } from '../../../src/engine/engine';
import { KILLED } from '../../crash';
import { ManualClock } from '../../manualClock';
import { temporaryFolder } from '../../temporary';

describe('the client of the engine’s process', () => {
  let states: EngineState[];
  let clock: ManualClock;
  let wake: () => void = () => undefined;
  let machines = 0;
  let client: EngineClient;

  function start(mode: string, options: Partial<ClientOptions> = {}): void {
    states = [];
    clock = new ManualClock();
    machines = 0;
    client = new EngineClient({
      hostFile: join(__dirname, '..', 'fixtures', 'host.cjs'),
      root: '',
      modelFolder: mode,
      threads: 1,
      onState: (state) => {
        states.push(state);
        wake();
      },
      onMachine: () => {
        machines++;
        wake();
      },
      clock,
      ...options,
    });
    client.start();
  }

  afterEach(() => {
    client.stop();
  });

  async function untilTrue(isTrue: () => boolean): Promise<void> {
    while (!isTrue()) await new Promise<void>((resolve) => (wake = resolve));
  }

  /** The latest state of a kind, after that many; the pauses before restarts pass. */
  async function until(kind: EngineState['kind'], count = 1): Promise<EngineState> {
    const found = () => states.filter((state) => state.kind === kind);
    while (found().length < count) {
      const last = states.at(-1);
      if (last?.kind === 'restarting') clock.advance(last.delayMs);
      else await new Promise<void>((resolve) => (wake = resolve));
    }
    return found().at(-1)!;
  }

  function generate(
    signal = new AbortController().signal,
    onEvent: (event: GenerateEvent) => void = () => undefined,
    options: Partial<GenerateRequest> = {},
  ): Promise<GenerateEvent[]> {
    const request = { prompt: [1], widths: [32], maxTokens: 1, stopTokens: [], ...options };
    return new Promise((resolve) => {
      const events: GenerateEvent[] = [];
      client.generate(request, signal, (event) => {
        events.push(event);
        onEvent(event);
        if (event.type === 'end') resolve(events);
      });
    });
  }

  const kinds = () => states.map((state) => state.kind);
  const reasonOf = (events: GenerateEvent[]) => {
    const end = events.at(-1)!;
    return end.type === 'end' ? `${end.reason}: ${end.message ?? ''}` : '';
  };

  it('starts it and passes events on', async () => {
    start('works');
    await until('ready');
    assert.deepEqual(
      (await generate()).map((event) => event.type),
      ['token', 'end'],
    );
  });

  it('passes an abort on', async () => {
    start('waits for abort');
    await until('ready');
    const controller = new AbortController();
    const events = generate(controller.signal);
    controller.abort();
    assert.match(reasonOf(await events), /^aborted/);
  });

  it('ends a request as failed while nothing runs', async () => {
    start('never ready');
    assert.equal(reasonOf(await generate()), 'failed: the engine is starting');
  });

  it('starts it again after a crash during a request, which ends as failed', async () => {
    start('crashes in a request');
    await until('ready');
    assert.match(reasonOf(await generate()), new RegExp(`^failed: the engine ${KILLED}`));
    await until('ready', 2);
    assert.deepEqual(kinds(), ['starting', 'ready', 'restarting', 'starting', 'ready']);
  });

  for (const [backend, expected] of [
    ['gpu', true],
    ['onnx-cpu', false],
    ['native', false],
  ] as const) {
    it(`${expected ? 'avoids the GPU' : 'may use the GPU'} after a process of ${backend} died`, async () => {
      start(`crashes in a request of ${backend}`);
      await until('ready');
      await generate();
      await until('ready', 2);
      const told = states.flatMap((state) => (state.kind === 'ready' ? [state.info as unknown] : []));
      assert.deepEqual(
        told.map((info) => (info as { avoidsGpu: boolean }).avoidsGpu),
        [false, expected],
      );
    });
  }

  describe('as a memory', () => {
    it('passes calls on and returns their answers, also if several wait', async () => {
      start('works');
      await until('ready');
      const calls = [client.remember(1, 'a'), client.forget([1]), client.look([1], {})];
      assert.deepEqual(
        (await Promise.all(calls)).map((answer) => 'name' in answer && answer.name),
        ['remember', 'forget', 'look'],
      );
      await assert.rejects(client.remember(1, 'bad'), /a token is not in the vocabulary/);
    });

    it('rejects calls while nothing runs, and those that a crash or a stop leaves without an answer', async () => {
      start('crashes in the memory');
      await assert.rejects(client.remember(1, 'a'), /the engine is starting/);
      await until('ready');
      await assert.rejects(client.remember(1, 'a'), new RegExp(`the engine ${KILLED}`));
      client.stop();
      start('never answers the memory');
      await until('ready');
      const lost = client.remember(1, 'a');
      client.stop();
      await assert.rejects(lost, /the engine was stopped/);
    });

    it('does not make a request look alive that hangs', async () => {
      start('hangs');
      await until('ready');
      const events = generate();
      clock.advance(6000);
      await client.remember(1, 'a');
      clock.advance(6000);
      assert.match(reasonOf(await events), /did not answer for 10 s/);
    });
  });

  it('gives up after three restarts in five minutes, with the reason', async () => {
    start('crashes at start');
    const failed = await until('failed');
    assert.match(
      failed.kind === 'failed' ? failed.reason : '',
      /ended with exit code 3; it failed 4 times in five minutes/,
    );
    assert.equal(kinds().filter((kind) => kind === 'starting').length, 4);
  });

  it('goes on restarting if the crashes are further apart than that', async () => {
    start('crashes in a request');
    await until('ready');
    for (let crash = 1; crash <= 6; crash++) {
      await generate();
      await until('ready', crash + 1);
      clock.advance(101_000); // three of these fit in five minutes, four do not
    }
    assert.ok(!kinds().includes('failed'));
  });

  it('does not restart a process that cannot work, and gives its message', async () => {
    start('unusable');
    assert.deepEqual(await until('failed'), { kind: 'failed', reason: 'weights.bin: it is truncated' });
    start('has no engine');
    const reason = 'MatCoder has no engine for aix-ppc64';
    assert.deepEqual(await until('failed'), { kind: 'failed', reason, lacksEngine: true });
    assert.ok(!kinds().includes('restarting'));
  });

  it('reports a program that is missing, and one that may not be run', async () => {
    const program = join(temporaryFolder(), 'node');
    // On Windows each file may be run, and one that is no program is not found.
    for (const code of process.platform === 'win32' ? ['ENOENT'] : ['ENOENT', 'EACCES']) {
      start('works', { execPath: program });
      const failed = await until('failed');
      assert.match(
        failed.kind === 'failed' ? failed.reason : '',
        new RegExp(`did not start \\(.*${code}.*\\); it failed 4`),
      );
      client.stop();
      writeFileSync(program, 'not a program', { mode: 0o600 });
    }
  });

  it('reports a bundle that is missing', async () => {
    start('works', { hostFile: join(temporaryFolder(), 'engine.js') });
    const failed = await until('failed');
    assert.match(failed.kind === 'failed' ? failed.reason : '', /ended with exit code 1/);
  });

  it('ends a process that never becomes ready', () => {
    start('never ready');
    clock.advance(29_999);
    assert.deepEqual(kinds(), ['starting']);
    clock.advance(1);
    assert.deepEqual(kinds(), ['starting', 'restarting']);
  });

  it('ends a process that hangs although its sensors go on, and starts another', async () => {
    start('hangs');
    await until('ready');
    const events = generate();
    await untilTrue(() => machines > 0);
    clock.advance(10_000);
    assert.match(reasonOf(await events), /^failed: the engine did not answer for 10 s/);
    await until('ready', 2);
  });

  it('notices that a process is stopped while a user types and each key sends a request', async function () {
    if (process.platform === 'win32') this.skip(); // nothing stops a process there
    start('works');
    const ready = await until('ready');
    assert.ok(ready.kind === 'ready');
    process.kill(ready.info.pid, 'SIGSTOP');
    let keys = 0;
    for (; keys < 50 && kinds().at(-1) === 'ready'; keys++) {
      const controller = new AbortController();
      void generate(controller.signal);
      clock.advance(1000);
      controller.abort();
    }
    assert.deepEqual([keys, kinds().at(-1)], [10, 'restarting']);
    await until('ready', 2);
  });

  it('does not take a long prefill for a hang while progress events arrive', async () => {
    start('prefills for ever');
    await until('ready');
    for (let chunk = 0; chunk < 5; chunk++) {
      await new Promise<void>((resolve) => {
        void generate(undefined, (event) => {
          if (event.type === 'progress') resolve();
        });
      });
      clock.advance(9999);
      assert.equal(kinds().at(-1), 'ready');
    }
    clock.advance(1);
    assert.equal(kinds().at(-1), 'restarting');
  });

  it('has patience while the process loads a model, as long as that said, and not longer', async () => {
    start('loads a model');
    await until('ready');
    const heard = [generate(), generate()];
    await untilTrue(() => machines === 2); // both messages with the limit have arrived
    clock.advance(59_999);
    assert.equal(kinds().at(-1), 'ready');
    clock.advance(1);
    for (const events of heard) assert.match(reasonOf(await events), /did not answer for 60 s/);
  });

  it('has the usual patience again after that', async () => {
    start('loads a model');
    await until('ready');
    void generate();
    await untilTrue(() => machines === 1);
    clock.advance(59_999);
    const back = generate(undefined, undefined, { prompt: [2] });
    await untilTrue(() => machines === 2);
    clock.advance(9999);
    assert.equal(kinds().at(-1), 'ready');
    clock.advance(1);
    assert.match(reasonOf(await back), /did not answer for 10 s/);
  });

  it('goes on waiting for a process that starts and has others to serve, but not for ever', async () => {
    start('waits for others');
    clock.advance(20_000);
    await untilTrue(() => machines === 1);
    clock.advance(29_999);
    assert.deepEqual(kinds(), ['starting']);
    clock.advance(1);
    assert.deepEqual(kinds(), ['starting', 'restarting']);
  });

  it('tells the process what is typed in the window that has the keyboard', async () => {
    for (const isFocused of [true, false]) {
      start('tells the urgency', { isFocused: () => isFocused });
      await until('ready');
      for (const [urgency, expected] of [
        [undefined, isFocused ? 'focused' : 'none'],
        ['typing', isFocused ? 'focused' : 'typing'],
        ['hand', 'hand'],
        ['ahead', 'ahead'],
      ] as const) {
        assert.equal(reasonOf(await generate(undefined, undefined, urgency && { urgency })), `failed: ${expected}`);
      }
      client.stop();
    }
  });

  it('expects nothing while no request is running', async () => {
    start('works');
    await until('ready');
    await generate();
    clock.advance(3_600_000);
    assert.equal(kinds().at(-1), 'ready');
  });

  it('can be started by hand after it gave up', async () => {
    start('crashes at start');
    await until('failed');
    client.start();
    assert.equal(client.state.kind, 'starting');
    await until('failed', 2);
  });

  it('stops for good', async () => {
    start('works');
    await until('ready');
    client.stop();
    assert.equal(client.state.kind, 'stopped');
    assert.equal(reasonOf(await generate()), 'failed: the engine is stopped');
  });
});
