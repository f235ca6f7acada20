import assert from 'node:assert/strict';
import { setTimeout } from 'node:timers/promises';
import type { Engine, GenerateEvent, GenerateRequest } from '../../src/engine/engine';
import { GpuPrefillEngine } from '../../src/engine/gpuPrefill';
import { LogitsEngine } from '../../src/engine/logitsEngine';
import { LocalEngine } from '../../src/engine/native';
import { ROOT } from './harness';
import { TINY, tinyCheckpoint } from './tinyCheckpoint';

const LEAST = 8;
const MOST = 64;
const XL = Array<number>(TINY.layers).fill(TINY.ffnSize);
const S = Array<number>(TINY.layers).fill(32);

/** A card that takes some time for each token, and computes nothing. */
class SlowCard {
  /** Of each chunk, its place in the text. */
  readonly reads: { readonly position: number; readonly tokens: number }[] = [];
  /** Called while a chunk is read. */
  onRead: () => void = () => undefined;
  readonly engine: LogitsEngine;

  /** @param msPerToken of a submodel */
  constructor(
    checkpoint: ConstructorParameters<typeof LogitsEngine>[0],
    msPerToken: number | ((widths: readonly number[]) => number),
  ) {
    const { layers, kvHeads, headDim, vocabularySize } = checkpoint.config.model;
    this.engine = new LogitsEngine(checkpoint, {
      name: 'the slow card',
      chunkLimits: { least: LEAST, most: MOST },
      read: async (tokens, position, widths, rows) => {
        this.reads.push({ position, tokens: tokens.length });
        this.onRead();
        const ms = typeof msPerToken === 'number' ? msPerToken : msPerToken(widths);
        if (ms > 0) await setTimeout(ms * tokens.length);
        return new Float32Array(rows.length * vocabularySize);
      },
      keysAndValues: (begin, end) => Promise.resolve(new Uint16Array(2 * layers * (end - begin) * kvHeads * headDim)),
      describe: () =>
        Promise.resolve({ backend: 'gpu' as const, isa: 'none', threads: 1, weightBytes: 0, kvCacheBytes: 0 }),
      dispose: () => undefined,
    });
  }

  get chunks(): number[] {
    return this.reads.map(({ tokens }) => tokens);
  }
}

function run(engine: Engine, request: Partial<GenerateRequest>, signal = new AbortController().signal) {
  return new Promise<Extract<GenerateEvent, { type: 'end' }>>((resolve) => {
    engine.generate({ prompt: [], widths: XL, maxTokens: 1, stopTokens: [], ...request }, signal, (event) => {
      if (event.type === 'end') resolve(event);
    });
  });
}

describe('a prompt on a slow card', () => {
  const tokenBytes = Array.from({ length: TINY.vocabularySize }, (_, i) => Uint8Array.of(32 + (i % 95)));
  const checkpoint = { ...tinyCheckpoint({ ...TINY, contextLength: 2048 }), tokenizer: { tokenBytes } };
  const text = (tokens: number) => Array.from({ length: tokens }, (_, i) => (i * 37 + 11) % TINY.vocabularySize);

  it('is read in chunks of no more than 150 ms, for each submodel', async () => {
    const card = new SlowCard(checkpoint, (widths) => (widths[0] === S[0] ? 0 : 8));
    await run(card.engine, { prompt: text(1000), widths: S });
    const ofS = card.chunks.length;
    await run(card.engine, { prompt: text(60).reverse() });
    // 150 ms are enough for 18 tokens, or for fewer if the machine is busy. That S is fast says nothing of XL.
    for (const tokens of card.chunks.slice(ofS)) assert.ok(tokens <= 2 * LEAST, card.chunks.join());
  });

  it('is read in large chunks if the card is fast after all', async () => {
    const card = new SlowCard(checkpoint, 0);
    await run(card.engine, { prompt: text(1500) });
    assert.equal(card.chunks[0], LEAST, 'nothing is known of it yet');
    assert.ok(card.chunks.includes(MOST), card.chunks.join());
  });

  const engines: [string, (card: SlowCard) => Engine & { dispose(): void }][] = [
    ['gpu', ({ engine }) => engine],
    [
      'gpu-prefill',
      ({ engine }) => {
        const both = new GpuPrefillEngine(new LocalEngine(ROOT, checkpoint, 1), engine, checkpoint.config);
        const gpuPrefill = { startMs: 0, msPerToken: 0 };
        both.restore({ costs: { XL: { prefillMsPerToken: 1, decodeMsPerToken: 1, gpuPrefill } } });
        return both;
      },
    ],
  ];
  for (const [backend, open] of engines) {
    it(`is aborted after the chunk that the card reads, and continued there by the next request: ${backend}`, async () => {
      const card = new SlowCard(checkpoint, 2);
      const engine = open(card);
      const controller = new AbortController();
      card.onRead = () => {
        if (card.reads.length === 2) controller.abort();
      };
      const { reason } = await run(engine, { prompt: text(300) }, controller.signal);
      assert.deepEqual([reason, card.reads.length], ['aborted', 2]);
      const read = card.chunks.reduce((sum, tokens) => sum + tokens, 0);
      assert.ok(read < 200, `${read} tokens of 300`);
      await run(engine, { prompt: text(300) });
      assert.equal(card.reads[2]?.position, read);
      engine.dispose();
    });

    it(`ends at once and never begins if it is aborted while another one is read: ${backend}`, async () => {
      const card = new SlowCard(checkpoint, 2);
      const engine = open(card);
      const [first, second] = [new AbortController(), new AbortController()];
      let isRunning = true;
      const running = run(engine, { prompt: text(300) }, first.signal).finally(() => (isRunning = false));
      const waiting = run(engine, { prompt: text(100).reverse() }, second.signal);
      second.abort();
      assert.deepEqual([(await waiting).reason, isRunning], ['aborted', true]);
      first.abort();
      await running;
      const reads = card.reads.length;
      await run(engine, { prompt: text(9) });
      assert.ok(card.reads.slice(reads).every(({ position }) => position < 9));
      engine.dispose();
    });
  }
});
