import assert from 'node:assert/strict';
import { join } from 'node:path';
import { EngineClient, type EngineState } from '../../../src/engine/client';
import type { GenerateEvent } from '../../../src/engine/engine';

describe('the client of the engine’s process', () => {
  const states: EngineState[] = [];
  let wake: () => void = () => undefined;
  let client: EngineClient;

  function start(mode: string): void {
    states.length = 0;
    client = new EngineClient({
      hostFile: join(__dirname, '..', 'fixtures', 'host.cjs'),
      root: '',
      modelFolder: mode,
      threads: 1,
      onState: (state) => {
        states.push(state);
        wake();
      },
      silenceMs: 300,
      startMs: 2000,
      backoffMs: 10,
    });
    client.start();
  }

  afterEach(() => {
    client.stop();
  });

  async function until(kind: EngineState['kind'], count = 1): Promise<EngineState> {
    for (;;) {
      const found = states.filter((state) => state.kind === kind);
      if (found.length >= count) return found.at(-1)!;
      await new Promise<void>((resolve) => (wake = resolve));
    }
  }

  function generate(signal = new AbortController().signal): Promise<GenerateEvent[]> {
    const request = { prompt: [1], widths: [32], maxTokens: 1, stopTokens: [] };
    return new Promise((resolve) => {
      const events: GenerateEvent[] = [];
      client.generate(request, signal, (event) => {
        events.push(event);
        if (event.type === 'end') resolve(events);
      });
    });
  }

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

  it('starts it again after it died in a request, which ends as failed', async () => {
    start('crashes in a request');
    await until('ready');
    assert.match(reasonOf(await generate()), /^failed: the engine ended by SIGKILL/);
    await until('ready', 2);
    assert.deepEqual(
      states.map((state) => state.kind),
      ['starting', 'ready', 'restarting', 'starting', 'ready'],
    );
  });

  for (const [backend, expected] of [
    ['onnx-cuda', true],
    ['onnx-cpu', false],
    ['native', false],
  ] as const) {
    it(`${expected ? 'does without cards' : 'may use a card'} after a process of ${backend} died`, async () => {
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

  it('gives up after three restarts, with the reason', async () => {
    start('crashes at start');
    const failed = await until('failed');
    assert.match(
      failed.kind === 'failed' ? failed.reason : '',
      /ended with exit code 3; it ended 4 times in five minutes/,
    );
    assert.equal(states.filter((state) => state.kind === 'starting').length, 4);
  });

  it('does not start again what cannot work, and gives its message', async () => {
    start('unusable');
    assert.deepEqual(await until('failed'), { kind: 'failed', reason: 'weights.bin: it is truncated' });
    assert.equal(states.filter((state) => state.kind === 'restarting').length, 0);
  });

  it('kills a process that hangs, and starts another', async () => {
    start('hangs');
    await until('ready');
    assert.match(reasonOf(await generate()), /^failed: the engine ended by SIGKILL \(it did not answer for 0\.3 s\)/);
    await until('ready', 2);
  });

  it('starts afresh by hand after it gave up', async () => {
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
