import assert from 'node:assert/strict';
import { type Model, Models } from '../../../src/completion/models';
import { ReadAhead } from '../../../src/completion/readAhead';
import type { Engine, GenerateEvent, GenerateRequest } from '../../../src/engine/engine';
import { CostModel } from '../../../src/governor/costs';
import { submodelOf } from '../../../src/matlm/submodel';
import { exampleConfig, small } from '../model';
import { settle } from './hand';

const COST = { prefillMsPerToken: 1, decodeMsPerToken: 1 };

describe('reading a prompt ahead', () => {
  let model: Model;
  let faults: string[];
  let refuses: boolean;
  let readAhead: ReadAhead;
  /** Whether an abort waits for the rest of a chunk, as in the engine. */
  let isSlow: boolean;
  let running: { request: GenerateRequest; signal: AbortSignal; emit: (event: GenerateEvent) => void }[];
  const submodel = submodelOf(exampleConfig(), 'S');
  const prompt = (length: number) => Array.from({ length }, (_, i) => i);

  beforeEach(async () => {
    const checkpoint = { ...(await small()), config: exampleConfig() };
    const costs = new CostModel(checkpoint.config, { S: COST, XL: COST });
    running = [];
    faults = [];
    refuses = false;
    isSlow = false;
    const engine: Engine = {
      generate: (request, signal, emit) => {
        if (refuses) throw new Error('the request makes no sense');
        running.push({ request, signal, emit });
        signal.addEventListener('abort', () => {
          if (!isSlow) emit({ type: 'end', reason: 'aborted', decodedTokens: 0, passes: 0, decodeMs: 0 });
        });
      },
    };
    model = new Models({ checkpoint, engine, costs }).main;
    readAhead = new ReadAhead((reason) => faults.push(reason));
  });

  /** The engine has prefilled the last request. */
  async function isRead(reason: 'length' | 'failed' = 'length'): Promise<void> {
    const { request, emit } = running.at(-1)!;
    const { length } = request.prompt;
    if (reason === 'length') emit({ type: 'prefill', reusedTokens: 0, prefilledTokens: length, prefillMs: length });
    emit({ type: 'end', reason, decodedTokens: 0, passes: 0, decodeMs: 0 });
    await settle();
  }
  const lengths = () => running.map(({ request }) => request.prompt.length);

  it('prefills chunk by chunk, decodes nothing, and knows each chunk from then on', async () => {
    readAhead.begin({ model, document: 0, tokens: prompt(150), submodel });
    assert.equal(model.cache.unreadOf(prompt(150)), 150);
    await isRead();
    assert.equal(model.cache.unreadOf(prompt(150)), 150 - 64);
    await isRead();
    await isRead();
    assert.deepEqual(lengths(), [64, 128, 150]);
    assert.ok(running.every(({ request }) => request.maxTokens === 0 && request.widths === submodel.widths));
    assert.equal(model.cache.unreadOf(prompt(160)), 10);
  });

  it('prefills no token twice', () => {
    model.cache.wasRead(prompt(100));
    readAhead.begin({ model, document: 0, tokens: prompt(101), submodel });
    assert.deepEqual(lengths(), []);
  });

  it('continues with the longer prompt of the next key', async () => {
    readAhead.begin({ model, document: 0, tokens: prompt(100), submodel });
    readAhead.begin({ model, document: 0, tokens: prompt(140), submodel });
    await isRead();
    await isRead();
    await isRead();
    assert.deepEqual(lengths(), [64, 128, 140]);
  });

  it('stops at once when a decode begins', async () => {
    readAhead.begin({ model, document: 0, tokens: prompt(150), submodel });
    await isRead();
    readAhead.stop();
    await settle();
    assert.equal(running[1]!.signal.aborted, true);
    assert.deepEqual(lengths(), [64, 128]);
    readAhead.begin({ model, document: 0, tokens: prompt(150), submodel });
    assert.deepEqual(lengths(), [64, 128, 128]);
  });

  it('begins again if a new prompt comes before it has stopped', async () => {
    readAhead.begin({ model, document: 0, tokens: prompt(150), submodel });
    readAhead.stop();
    readAhead.begin({ model, document: 0, tokens: prompt(90), submodel });
    await settle();
    assert.deepEqual(lengths(), [64, 64]);
    await isRead();
    await isRead();
    assert.deepEqual(lengths(), [64, 64, 90]);
  });

  it('goes on from what a decode that was aborted has left in the cache', async () => {
    isSlow = true;
    const decode = new AbortController();
    const { widths } = submodel;
    model.engine.generate(
      { prompt: prompt(500), widths, maxTokens: 9, stopTokens: [] },
      decode.signal,
      () => undefined,
    );
    decode.abort();
    readAhead.begin({ model, document: 0, tokens: prompt(450), submodel });
    await settle();
    assert.deepEqual(lengths(), [500], 'how much it has left is not known yet');
    const aborted = { type: 'end', reason: 'aborted', decodedTokens: 0, passes: 0, decodeMs: 0 } as const;
    running[0]!.emit({ ...aborted, cachedTokens: 320 });
    await settle();
    assert.deepEqual(lengths(), [500, 384]);
    await isRead();
    assert.deepEqual(lengths(), [500, 384, 448]);
  });

  it('waits for another model too if that is wanted by then', async () => {
    let asked = 0;
    const { checkpoint, costs } = model;
    const other = new Models({ checkpoint, engine: { generate: () => asked++ }, costs }).main;
    const decode = { prompt: prompt(500), widths: submodel.widths, maxTokens: 9, stopTokens: [] };
    const { signal } = new AbortController();
    for (const { engine } of [model, other]) engine.generate(decode, signal, () => undefined);
    readAhead.begin({ model, document: 0, tokens: prompt(600), submodel });
    readAhead.begin({ model: other, document: 0, tokens: prompt(600), submodel });
    await isRead();
    assert.deepEqual([lengths(), asked], [[500], 1]);
  });

  it('does not begin after a decode if it was stopped meanwhile', async () => {
    const { widths } = submodel;
    const { signal } = new AbortController();
    model.engine.generate({ prompt: prompt(500), widths, maxTokens: 9, stopTokens: [] }, signal, () => undefined);
    readAhead.begin({ model, document: 0, tokens: prompt(600), submodel });
    readAhead.stop();
    await isRead();
    assert.deepEqual(lengths(), [500]);
  });

  it('reports a request that the engine refuses, and begins again with the next', async () => {
    refuses = true;
    readAhead.begin({ model, document: 0, tokens: prompt(150), submodel });
    await settle();
    assert.deepEqual(faults, ['the request makes no sense']);
    refuses = false;
    readAhead.begin({ model, document: 0, tokens: prompt(150), submodel });
    assert.deepEqual(lengths(), [64]);
  });

  it('stops when the engine fails', async () => {
    readAhead.begin({ model, document: 0, tokens: prompt(150), submodel });
    await isRead('failed');
    assert.deepEqual(lengths(), [64]);
  });
});
