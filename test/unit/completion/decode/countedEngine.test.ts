import assert from 'node:assert/strict';
import { CountedEngine } from '../../../../src/completion/decode/countedEngine';
import type { Engine, GenerateEvent } from '../../../../src/engine/engine';
import { DutyCycle, WINDOW_MS } from '../../../../src/governor/dutyCycle';

describe('the count of the engine’s work', () => {
  it('counts prefills, decodes and aborted prefills', () => {
    let nowMs = 0;
    let emit: (event: GenerateEvent) => void = () => undefined;
    const inner: Engine = { generate: (_request, _signal, listener) => (emit = listener) };
    const cycle = new DutyCycle();
    const engine = new CountedEngine(inner, cycle, () => nowMs);
    const heard: string[] = [];
    const generate = () => {
      engine.generate(
        { prompt: [1], widths: [], maxTokens: 4, stopTokens: [] },
        new AbortController().signal,
        (event) => heard.push(event.type),
      );
    };
    const workedMs = () => Math.round(cycle.share(nowMs) * WINDOW_MS);
    generate();
    nowMs = 500; // queued for 300 ms, then 200 ms of work
    emit({ type: 'prefill', reusedTokens: 0, prefilledTokens: 100, prefillMs: 200 });
    nowMs = 600;
    emit({ type: 'end', reason: 'stop', decodedTokens: 3, passes: 3, decodeMs: 90 });
    assert.equal(workedMs(), 290);
    generate();
    nowMs = 700;
    emit({ type: 'end', reason: 'aborted', decodedTokens: 0, passes: 0, decodeMs: 0 });
    assert.equal(workedMs(), 390);
    assert.deepEqual(heard, ['prefill', 'end', 'end']);
  });
});
