import assert from 'node:assert/strict';
import { WatchedEngine } from '../../../../src/completion/decode/watchedEngine';
import type { EndEvent, GenerateEvent } from '../../../../src/engine/engine';

describe('an engine whose cache is watched', () => {
  let held: (readonly number[])[];
  let emit: (event: GenerateEvent) => void;
  let engine: WatchedEngine;
  const END: EndEvent = { type: 'end', reason: 'aborted', decodedTokens: 0, passes: 0, decodeMs: 0 };
  const read = (prompt: readonly number[]) => {
    const request = { prompt, widths: [8], maxTokens: 4, stopTokens: [] };
    engine.generate(request, new AbortController().signal, () => undefined);
  };

  beforeEach(() => {
    held = [];
    engine = new WatchedEngine(
      { generate: (_request, _signal, listener) => (emit = listener) },
      { wasRead: (prompt) => held.push(prompt) },
    );
    read([1, 2, 3, 4]);
  });

  it('holds the prompt when it was read, whatever becomes of the decode', () => {
    emit({ type: 'prefill', reusedTokens: 0, prefilledTokens: 4, prefillMs: 1 });
    emit(END);
    assert.deepEqual(held, [[1, 2, 3, 4]]);
  });

  it('holds a part of the prompt if the prefill was aborted', () => {
    emit({ ...END, cachedTokens: 2 });
    assert.deepEqual(held, [[1, 2]]);
  });

  it('holds what it held if the request never began', () => {
    emit(END);
    assert.deepEqual(held, []);
  });

  it('holds nothing after a fault', () => {
    emit({ ...END, reason: 'failed' });
    assert.deepEqual(held, [[]]);
  });

  it('is idle when every request has ended, and not before', async () => {
    const first = emit;
    read([5]);
    let isIdle = false;
    const idle = engine.idle().then(() => (isIdle = true));
    first(END);
    await Promise.resolve();
    assert.deepEqual([engine.isIdle, isIdle], [false, false]);
    emit(END);
    await idle;
    assert.equal(engine.isIdle, true);
  });
});
