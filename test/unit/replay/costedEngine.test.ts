import assert from 'node:assert/strict';
import type { GenerateEvent, GenerateRequest } from '../../../src/engine/engine';
import type { ModelAnswer } from '../../../src/replay/answers';
import { VirtualClock } from '../../../src/replay/clock';
import { CostedEngine } from '../../../src/replay/costedEngine';
import { PassCosts } from '../../../src/replay/passCosts';
import { exampleConfig } from '../model';

const config = exampleConfig();
const { S, XL } = config.granularities;
const cost = (prefillMsPerToken: number, decodeMsPerToken: number) => ({ prefillMsPerToken, decodeMsPerToken });
/** A pass takes 4 ms with S, 16 with XL, and no attention. */
const COSTS = new PassCosts(config, { submodels: { S: cost(1, 4), XL: cost(1, 16) }, attentionMs: 0 });

describe('the engine of known costs', () => {
  let clock: VirtualClock;
  let answer: ModelAnswer;
  let engine: CostedEngine;

  beforeEach(() => {
    clock = new VirtualClock();
    answer = { tokens: [5, 6, 7], probabilities: [0.9, 0.8, 0.7], memoryShares: [], matchLengths: [], reason: 'line' };
    const pace = () => 1;
    engine = new CostedEngine(clock, () => new Promise((resolve) => setTimeout(resolve, 3, answer)), COSTS, pace);
  });

  /** Its events with their virtual times. */
  async function generate(
    change: Partial<GenerateRequest> = {},
    abortAtMs?: number,
  ): Promise<{ type: string; atMs: number; event: GenerateEvent }[]> {
    const startMs = clock.now();
    const events: { type: string; atMs: number; event: GenerateEvent }[] = [];
    const controller = new AbortController();
    if (abortAtMs !== undefined)
      clock.at(startMs + abortAtMs, () => {
        controller.abort();
      });
    const request = { prompt: [1, 2], widths: S!, maxTokens: 10, stopTokens: [], ...change };
    engine.generate(request, controller.signal, (event) =>
      events.push({ type: event.type, atMs: clock.now() - startMs, event }),
    );
    await clock.run(() => events.at(-1)?.type === 'end');
    return events;
  }
  const timesOf = (events: readonly { type: string; atMs: number }[]) => events.map(({ type, atMs }) => [type, atMs]);
  const prompt = (length: number) => Array.from({ length }, (_, i) => i);

  it('takes a pass for the prompt, and one for each token after the first', async () => {
    const events = await generate();
    assert.deepEqual(timesOf(events), [
      ['prefill', 4],
      ['token', 4],
      ['token', 8],
      ['token', 12],
      ['end', 12],
    ]);
    assert.deepEqual(events.at(-1)!.event, { type: 'end', reason: 'line', decodedTokens: 3, passes: 2, decodeMs: 8 });
  });

  it('takes one more pass for the end of the text', async () => {
    answer = { ...answer, reason: 'stop' };
    assert.equal((await generate()).at(-1)!.atMs, 16);
  });

  it('verifies expected tokens together with the prompt', async () => {
    const events = await generate({ expected: [5, 6] });
    assert.deepEqual(
      events.filter(({ type }) => type === 'token').map(({ atMs }) => atMs),
      [4, 4, 4],
    );
  });

  it('prefills a long prompt in chunks, without the tokens in its cache', async () => {
    assert.equal((await generate({ prompt: prompt(100), maxTokens: 0 })).at(-1)!.atMs, 100);
    const { event } = (await generate({ prompt: prompt(110) }))[0]!;
    assert.deepEqual(event, { type: 'prefill', reusedTokens: 100, prefilledTokens: 10, prefillMs: 10 });
  });

  it('shares its cache between sizes', async () => {
    await generate({ prompt: prompt(100), maxTokens: 0 });
    assert.equal((await generate({ prompt: prompt(110), widths: XL! }))[0]!.atMs, 16);
  });

  it('keeps the complete chunks of an aborted prefill', async () => {
    assert.deepEqual(timesOf(await generate({ prompt: prompt(150) }, 100)), [['end', 100]]);
    const [read] = await generate({ prompt: prompt(150) });
    assert.ok(read?.event.type === 'prefill');
    assert.equal(read.event.reusedTokens, 64);
  });

  it('stops in the middle of an answer', async () => {
    const { event, atMs } = (await generate({}, 6)).at(-1)!;
    assert.equal(atMs, 6);
    assert.ok(event.type === 'end' && event.reason === 'aborted' && event.decodedTokens === 1);
  });

  it('processes one request after the other', async () => {
    const ends: number[] = [];
    for (const widths of [S!, XL!]) {
      engine.generate(
        { prompt: [1, 2], widths, maxTokens: 1, stopTokens: [] },
        new AbortController().signal,
        (event) => {
          if (event.type === 'prefill') ends.push(clock.now());
        },
      );
    }
    await clock.run(() => ends.length === 2);
    // The second request finds the answer of the first in the cache, and prefills the last token again.
    assert.deepEqual(ends, [4, 12 + 16]);
  });

  it('is slowed down by the factor of the scenario', async () => {
    const paces = [2, 1, 5];
    engine = new CostedEngine(
      clock,
      () => Promise.resolve(answer),
      COSTS,
      () => paces.shift() ?? 1,
    );
    const tokens = (await generate()).filter(({ type }) => type === 'token');
    assert.deepEqual(
      tokens.map(({ atMs }) => atMs),
      [8, 12, 32],
    );
  });
});

describe('the duration of a pass', () => {
  it('is the time of the weights or of the tokens, plus attention to earlier positions', () => {
    const costs = new PassCosts(config, { submodels: { S: cost(1, 4), XL: cost(2, 16) }, attentionMs: 0.001 });
    const layers = S!.length;
    assert.equal(costs.passMs(S!, 1, 0), 4 + 2 * 0.5 * layers * 0.001);
    assert.ok(Math.abs(costs.passMs(S!, 64, 0) - (64 + 65 * 32 * layers * 0.001)) < 1e-9);
    assert.ok(Math.abs(costs.passMs(S!, 1, 1000) - (4 + 2 * 1000.5 * layers * 0.001)) < 1e-9);
    assert.ok(Math.abs(costs.passMs(XL!, 1, 0) - 16) < 0.1);
    const between = S!.map((width) => 2 * width);
    assert.ok(costs.passMs(between, 1, 0) > 4.1 && costs.passMs(between, 1, 0) < 15.9);
  });
});
