import assert from 'node:assert/strict';
import { getEventListeners } from 'node:events';
import type { GenerateEvent } from '../../../src/engine/engine';
import { EngineLease } from '../../../src/session/engineLease';
import { FakeEngine } from './fakes';

const REQUEST = { prompt: [1], widths: [32], maxTokens: 1, stopTokens: [] };
const END = { type: 'end', reason: 'stop', decodedTokens: 1, passes: 1, decodeMs: 1 } as const;

describe('the lease of an engine', () => {
  let engine: FakeEngine;
  let lease: EngineLease;
  let events: GenerateEvent[];
  const heard = () => events.map((event) => (event.type === 'end' ? `${event.type} ${event.reason}` : event.type));

  beforeEach(() => {
    engine = new FakeEngine({ modelFolder: '', threads: 1, onState: () => undefined });
    lease = new EngineLease(engine);
    events = [];
  });

  function generate(signal = new AbortController().signal): void {
    lease.generate(REQUEST, signal, (event) => events.push(event));
  }

  it('passes requests, events and aborts on', () => {
    const controller = new AbortController();
    generate(controller.signal);
    const { signal, emit } = engine.requests[0]!;
    emit({ type: 'token', token: 1, probability: 1 });
    controller.abort('typing goes on');
    assert.deepEqual([signal.aborted, signal.reason], [true, 'typing goes on']);
    emit(END);
    assert.deepEqual(heard(), ['prefill', 'token', 'end stop']);
  });

  it('stops a request at once if it was aborted before', () => {
    generate(AbortSignal.abort());
    assert.equal(engine.requests[0]!.signal.aborted, true);
  });

  it('keeps nothing of a request that has ended', () => {
    const controller = new AbortController();
    generate(controller.signal);
    const { signal, emit } = engine.requests[0]!;
    emit(END);
    assert.deepEqual(getEventListeners(controller.signal, 'abort'), []);
    controller.abort();
    lease.close();
    assert.equal(signal.aborted, false);
  });

  it('that is closed stops what is in progress, ends it once, and drops what comes later', () => {
    generate();
    const { signal, emit } = engine.requests[0]!;
    lease.close();
    assert.deepEqual([signal.aborted, heard()], [true, ['prefill', 'end aborted']]);
    emit({ type: 'token', token: 1, probability: 1 });
    emit(END);
    lease.close();
    assert.deepEqual(heard(), ['prefill', 'end aborted']);
  });

  it('that is closed ends nothing a second time', () => {
    generate();
    engine.requests[0]!.emit(END);
    lease.close();
    assert.deepEqual(heard(), ['prefill', 'end stop']);
  });

  it('that is closed asks the engine for nothing', () => {
    lease.close();
    generate();
    assert.deepEqual([engine.requests.length, heard()], [0, ['end failed']]);
  });
});
