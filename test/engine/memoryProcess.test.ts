import assert from 'node:assert/strict';
import { copyFileSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { EngineClient, type EngineState } from '../../src/engine/client';
import type { GenerateEvent } from '../../src/engine/engine';
import { LocalMemory } from '../../src/engine/localMemory';
import { openMemory } from '../../src/engine/native';
import { type Checkpoint, openCheckpoint } from '../../src/matlm/checkpoint';
import { temporaryFolder } from '../temporary';
import { ROOT } from './harness';

const SMALL = join(ROOT, 'models', 'matlm-6m');

/** The small checkpoint without its gate. */
function withoutGate(): string {
  const folder = temporaryFolder();
  const config = JSON.parse(readFileSync(join(SMALL, 'config.json'), 'utf8')) as { matformer: { memory?: unknown } };
  delete config.matformer.memory;
  writeFileSync(join(folder, 'config.json'), JSON.stringify(config));
  copyFileSync(join(SMALL, 'tokenizer.json'), join(folder, 'tokenizer.json'));
  copyFileSync(join(SMALL, 'model.safetensors'), join(folder, 'model.safetensors'));
  return folder;
}

const CODE =
  'export function addAll(items: readonly number[]): number {\n  return items.reduce((a, b) => a + b, 0);\n}\n';

describe('the memory in this process', () => {
  let checkpoint: Checkpoint;
  before(async () => {
    checkpoint = await openCheckpoint(SMALL);
  });
  /** A memory, and how often it paused. */
  const open = (onPause: () => void = () => undefined) => {
    const native = openMemory(ROOT, checkpoint);
    assert.ok(native);
    const pause = async () => {
      onPause();
      await new Promise(setImmediate);
    };
    return new LocalMemory(native, checkpoint.tokenizer, pause);
  };
  const tokensOf = (text: string) => checkpoint.tokenizer.encode(text);

  it('finds what is remembered until it is forgotten', async () => {
    const memory = open();
    const tokens = tokensOf(CODE);
    const stats = await memory.remember(3, CODE.replaceAll('\n', '\r\n'));
    assert.deepEqual([stats.documents, stats.tokens], [1, tokens.length + 1]); // a separator ends it
    const found = await memory.look(tokens.slice(0, -3), {});
    assert.deepEqual(found, { length: Math.min(32, tokens.length - 3), count: 1, topShare: 1 });
    const hidden = await memory.look(tokens.slice(0, -3), { document: 3, hiddenLines: [0, 2] });
    assert.equal(hidden.length, 0);
    assert.equal((await memory.forget([3])).documents, 0);
    assert.equal((await memory.look(tokens.slice(0, -3), {})).length, 0);
  });

  it('lets other work have its turn while it tokenises', async () => {
    let pauses = 0;
    const memory = open(() => {
      pauses++;
    });
    const lines = Array.from({ length: 4000 }, (_, i) => `const value${i * 7919} = compute${i}(${i}, "${i ** 3}");\n`);
    let turns = 0;
    const timer = setInterval(() => {
      turns++;
    }, 1);
    await memory.remember(1, lines.join(''));
    clearInterval(timer);
    assert.ok(pauses >= 3 && turns >= 3, `${pauses} pauses, ${turns} turns`);
  });

  it('drops a text that a newer one of the same document replaces, and answers for both', async () => {
    const memory = open();
    const long = CODE.repeat(300);
    const [first, second] = await Promise.all([
      memory.remember(1, long),
      memory.remember(1, CODE),
      memory.remember(2, 'b\n'),
    ]);
    assert.deepEqual(first, second);
    const stats = await memory.forget([2]);
    assert.deepEqual([stats.documents, stats.tokens], [1, tokensOf(CODE).length + 1]);
  });

  it('does not remember what is forgotten while it waits', async () => {
    const memory = open();
    const remembered = [memory.remember(1, CODE.repeat(300)), memory.remember(2, CODE)];
    await memory.forget([1, 2]);
    for (const stats of await Promise.all(remembered)) assert.equal(stats.documents, 0);
    await new Promise((resolve) => setTimeout(resolve, 50));
    assert.equal((await memory.forget([])).documents, 0);
  });

  it('rejects a text that cannot be tokenised, and goes on with the next', async () => {
    const native = openMemory(ROOT, checkpoint);
    assert.ok(native);
    const encode = (text: string) => {
      if (text.startsWith('bad')) throw new Error('cannot be encoded');
      return checkpoint.tokenizer.encode(text);
    };
    const memory = new LocalMemory(native, { encode });
    const bad = memory.remember(1, 'bad');
    const good = memory.remember(2, CODE);
    await assert.rejects(bad, /cannot be encoded/);
    assert.equal((await good).documents, 1);
  });
});

describe('the memory in the engine’s process', () => {
  let client: EngineClient;
  let wake: () => void = () => undefined;
  const states: EngineState[] = [];

  function start(modelFolder: string): void {
    states.length = 0;
    client = new EngineClient({
      hostFile: join(ROOT, 'dist', 'engine.js'),
      root: ROOT,
      modelFolder,
      threads: 1,
      onState: (state) => {
        states.push(state);
        wake();
      },
    });
    client.start();
  }

  async function untilReady(count = 1): Promise<void> {
    while (states.filter(({ kind }) => kind === 'ready').length < count) {
      assert.notEqual(states.at(-1)?.kind, 'failed');
      await new Promise<void>((resolve) => (wake = resolve));
    }
  }

  afterEach(() => {
    client.stop();
  });

  it('knows what the client gives it, and a request continues as the text does', async () => {
    const folder = SMALL;
    const { tokenizer, config } = await openCheckpoint(folder);
    start(folder);
    await untilReady();
    await client.remember(1, CODE);
    const stats = await client.remember(2, 'const other = 1;\n');
    assert.equal(stats.documents, 2);
    const prompt = tokenizer.encode(CODE.slice(0, CODE.indexOf(' a + b')));
    assert.equal((await client.look(prompt, {})).count, 1);
    assert.equal((await client.look(prompt, { document: 1, hiddenLines: [0, 1] })).length, 0);
    const request = { prompt, widths: config.granularities.XL!, maxTokens: 4, stopTokens: [], memory: {} };
    const events: GenerateEvent[] = await new Promise((resolve) => {
      const heard: GenerateEvent[] = [];
      client.generate(request, new AbortController().signal, (event) => {
        heard.push(event);
        if (event.type === 'end') resolve(heard);
      });
    });
    const first = events.find((event) => event.type === 'token');
    assert.ok(first?.matchLength !== undefined && first.matchLength >= 16, JSON.stringify(first));
    assert.equal((await client.forget([1, 2])).documents, 0);
    assert.equal((await client.look(prompt, {})).length, 0);
  });

  it('is empty after a crash, and calls that had no answer are rejected', async function () {
    if (process.platform === 'win32') this.skip(); // nothing stops a process there
    start(SMALL);
    await untilReady();
    await client.remember(1, CODE);
    const { info } = states.at(-1) as Extract<EngineState, { kind: 'ready' }>;
    process.kill(info.pid, 'SIGSTOP');
    const lost = client.remember(2, CODE);
    process.kill(info.pid, 'SIGKILL');
    await assert.rejects(lost, /ended by SIGKILL/);
    await assert.rejects(client.remember(3, CODE), /the engine is restarting/);
    await untilReady(2);
    assert.equal((await client.remember(4, CODE)).documents, 1);
  });

  it('knows nothing if the checkpoint has no gate', async () => {
    start(withoutGate());
    await untilReady();
    assert.deepEqual(await client.remember(1, CODE), { documents: 0, tokens: 0, bytes: 0 });
    assert.equal((await client.look([1, 2, 3], {})).length, 0);
    assert.equal((await client.forget([1])).documents, 0);
  });
});
