import assert from 'node:assert/strict';
import { copyFileSync, mkdirSync, statSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { EngineInfo, GenerateEvent, GenerateRequest } from '../../../../src/engine/engine';
import type { HardwareReport } from '../../../../src/engine/hardware';
import type { FromHost, ToHost } from '../../../../src/engine/protocol';
import { EngineHost, type ServedClient } from '../../../../src/engine/shared/host';
import {
  FORGET_AFTER_MS,
  type ModelsParts,
  type OpenedEngine,
  UNLOAD_AFTER_MS,
} from '../../../../src/engine/shared/models';
import { openCheckpoint } from '../../../../src/matlm/checkpoint';
import { renameRecord } from '../../../../src/models/importRecord';
import { needLinks } from '../../../links';
import { ManualClock } from '../../../manualClock';
import { temporaryFolder } from '../../../temporary';
import { MODEL, small } from '../../model';

/** A request that an engine runs. */
interface Run {
  readonly engine: FakeEngine;
  readonly request: GenerateRequest;
  readonly signal: AbortSignal;
  readonly emit: (event: GenerateEvent) => void;
}

interface FakeEngine extends OpenedEngine {
  readonly avoidsGpu: boolean;
  readonly yieldReason: string | undefined;
  readonly threads: number;
  isDisposed: boolean;
  readonly adopted: string[][];
  readonly forgotten: number[];
  readonly restored: string[];
  /** Why no backend is left. */
  fault: Error | undefined;
  replaced: () => void;
}

const END = { type: 'end', reason: 'length', decodedTokens: 1, passes: 1, decodeMs: 1 } as const;

describe('the engine process, for its clients', () => {
  let clock: ManualClock;
  let host: EngineHost;
  let engines: FakeEngine[];
  let runs: Run[];
  let measured: number;
  let report: HardwareReport | undefined;
  /** Whether engines run on a GPU if they may. */
  let hasGpu: boolean;
  let sensed: Promise<void>;
  let readOnce: NonNullable<ModelsParts['readOnce']>;
  /** What a measurement does, a piece after the other. */
  let pieces: ((onStep: () => void) => void)[];

  beforeEach(() => {
    clock = new ManualClock();
    engines = [];
    runs = [];
    measured = 0;
    report = undefined;
    hasGpu = false;
    sensed = Promise.resolve();
    readOnce = () => Promise.resolve(0);
    pieces = [];
    host = new EngineHost(clock, {
      openCheckpoint: (folder) => (folder === MODEL ? small() : openCheckpoint(folder)),
      report: () => report,
      sensed: () => sensed,
      readOnce: (...options) => readOnce(...options),
      openEngine: (_root, checkpoint, { threads = 0, avoidsGpu = false, onLoad, inTurn, yieldReason } = {}) => {
        onLoad?.(statSync(checkpoint.weightsFile).size);
        if (threads === 13) throw new Error('there is not enough memory for this model');
        const backend = () => (yieldReason === undefined && hasGpu ? 'gpu' : 'native');
        const engine: FakeEngine = {
          avoidsGpu,
          yieldReason,
          threads,
          isDisposed: false,
          adopted: [],
          forgotten: [],
          restored: [],
          fault: undefined,
          restore: (info) => {
            engine.restored.push(info.backend);
            return info.backend === backend();
          },
          forget: (keys) => engine.forgotten.push(...keys),
          replaced: () => undefined,
          generate: (request, signal, listener) => {
            if (request.prompt.length === 0) throw new RangeError('a request needs at least one token');
            runs.push({ engine, request, signal, emit: listener });
            signal.addEventListener('abort', () => {
              listener({ ...END, reason: 'aborted', decodedTokens: 0 });
            });
          },
          measure: async () => {
            assert.ok(inTurn);
            if (engine.fault) throw engine.fault;
            for (const piece of pieces)
              await inTurn((onStep) => {
                piece(onStep);
                return Promise.resolve();
              });
            return inTurn(() => {
              measured++;
              return Promise.resolve({ pid: 1, backend: backend(), costs: {} } as unknown as EngineInfo);
            });
          },
          whenReplaced: (listener) => (engine.replaced = listener),
          adopt: (found) => {
            engine.adopted.push(found.map(({ backend }) => backend));
            return Promise.resolve();
          },
          yieldGpu: () => Promise.resolve(),
          dispose: () => (engine.isDisposed = true),
        };
        assert.ok(checkpoint.tokenizer.tokenBytes.length > 0);
        engines.push(engine);
        return engine;
      },
    });
  });

  /** A client, and what it has heard. */
  class Client {
    readonly heard: FromHost[] = [];
    private readonly served: ServedClient;
    private wake: () => void = () => undefined;
    private nextId = 1;

    constructor(private readonly window: string) {
      this.served = host.connect((message) => {
        this.heard.push(message);
        this.wake();
      });
    }

    send(message: ToHost): void {
      this.served.receive(message);
    }

    async open(options: { folder?: string; threads?: number; avoidsGpu?: boolean } = {}): Promise<this> {
      const { folder = MODEL, threads = 1, avoidsGpu = false } = options;
      const { window } = this;
      this.send({ type: 'open', root: temporaryFolder(), folder, threads, sensors: {}, avoidsGpu, window });
      await this.until(() => this.of('ready').length > 0 || this.of('unusable').length > 0);
      return this;
    }

    generate(request: Partial<GenerateRequest> = {}): number {
      const id = this.nextId++;
      this.send({
        type: 'generate',
        id,
        request: { prompt: [1], widths: [1], maxTokens: 9, stopTokens: [], ...request },
      });
      return id;
    }

    close(): void {
      this.served.close();
    }

    of<Type extends FromHost['type']>(type: Type): Extract<FromHost, { type: Type }>[] {
      return this.heard.filter((message): message is Extract<FromHost, { type: Type }> => message.type === type);
    }

    events(id: number): GenerateEvent[] {
      return this.of('events').flatMap((message) => (message.id === id ? message.events : []));
    }

    async ended(id: number): Promise<Extract<GenerateEvent, { type: 'end' }>> {
      await this.until(() => this.events(id).at(-1)?.type === 'end');
      return this.events(id).at(-1) as Extract<GenerateEvent, { type: 'end' }>;
    }

    private async until(isTrue: () => boolean): Promise<void> {
      while (!isTrue()) await new Promise<void>((resolve) => (this.wake = resolve));
    }
  }

  /** A reload reads files, which takes as long as the disk and the other processes want. */
  const until = async (isTrue: () => boolean): Promise<void> => {
    while (!isTrue()) await settle();
  };
  const ran = (count: number) => until(() => runs.length >= count);
  /** Time for what must not happen. */
  const settle = () => new Promise((resolve) => setTimeout(resolve, 5));
  const token = (value: number): GenerateEvent => ({ type: 'token', token: value, probability: 1 });
  const prefill: GenerateEvent = { type: 'prefill', reusedTokens: 0, prefilledTokens: 1, prefillMs: 1 };

  describe('opens a model', () => {
    it('once for all of them, and measures it once', async () => {
      await Promise.all([new Client('a').open(), new Client('b').open()]);
      await new Client('c').open();
      assert.deepEqual([engines.length, measured], [1, 1]);
    });

    it('once for two paths to the same folder', async function () {
      needLinks(this);
      const link = join(temporaryFolder(), 'link');
      symlinkSync(MODEL, link);
      await new Client('a').open();
      await new Client('b').open({ folder: link });
      assert.equal(engines.length, 1);
    });

    it('again with another number of threads, or if its files are others', async () => {
      await new Client('a').open();
      await new Client('b').open({ threads: 2 });
      assert.deepEqual(
        engines.map(({ threads }) => threads),
        [1, 2],
      );
      const folder = copyOfModel();
      await new Client('c').open({ folder });
      utimesSync(join(folder, 'model.safetensors'), 1000, 1000);
      await new Client('d').open({ folder });
      assert.equal(engines.length, 4);
    });

    it('that cannot be opened, and says so to each that asks', async () => {
      for (let ask = 0; ask < 2; ask++) {
        const client = await new Client('a').open({ threads: 13 });
        assert.match(client.of('unusable')[0]?.message ?? '', /not enough memory/);
        client.close();
      }
      const nowhere = await new Client('a').open({ folder: '/nowhere' });
      assert.match(nowhere.of('unusable')[0]?.message ?? '', /there is no such folder/);
      assert.equal(engines.length, 0);
    });

    it('only once for a client', async () => {
      const client = await new Client('a').open();
      await client.open();
      await until(() => client.of('unusable').length > 0);
      assert.match(client.of('unusable')[0]?.message ?? '', /has a model already/);
    });
  });

  describe('unloads the weights', () => {
    it('that nobody has used for ten minutes, and loads them for the next request', async () => {
      const client = await new Client('a').open();
      const first = client.generate();
      await ran(1);
      runs[0]!.emit(END);
      await client.ended(first);
      clock.advance(UNLOAD_AFTER_MS - 1);
      assert.ok(!engines[0]!.isDisposed);
      clock.advance(1);
      assert.ok(engines[0]!.isDisposed);
      const second = client.generate();
      await ran(2);
      assert.deepEqual([engines.length, runs.length], [2, 2]);
      assert.equal(runs[1]!.engine, engines[1]);
      runs[1]!.emit(END);
      assert.equal((await client.ended(second)).reason, 'length');
      assert.equal(measured, 1, 'the costs are known');
      assert.deepEqual(engines[1]!.restored, ['native'], 'to the engine too');
      const later = await new Client('b').open();
      assert.deepEqual([later.of('ready').length, engines.length, measured], [1, 2, 1]);
    });

    it('but fails the request if the files have changed meanwhile', async () => {
      const folder = copyOfModel();
      const client = await new Client('a').open({ folder });
      clock.advance(UNLOAD_AFTER_MS);
      utimesSync(join(folder, 'model.safetensors'), 1000, 1000);
      const end = await client.ended(client.generate());
      assert.match(end.message ?? '', /its files have changed; restart the engine/);
    });

    it('but not for good if the model has been renamed meanwhile', async () => {
      const folder = copyOfModel();
      writeFileSync(join(folder, 'imported.json'), '{}');
      const client = await new Client('a').open({ folder });
      clock.advance(UNLOAD_AFTER_MS);
      await renameRecord(folder, 'Another name');
      const id = client.generate();
      await until(() => runs.length > 0 || client.events(id).length > 0);
      runs[0]?.emit(END);
      assert.equal((await client.ended(id)).reason, 'length');
      await new Client('b').open({ folder });
      assert.equal(engines.length, 2, 'a window that comes later shares it');
    });

    it('of a model whose windows have gone, after a while in which they may come back', async () => {
      const client = await new Client('a').open();
      client.close();
      clock.advance(FORGET_AFTER_MS - 1);
      const back = await new Client('a').open();
      clock.advance(FORGET_AFTER_MS);
      assert.deepEqual(
        engines.map(({ isDisposed }) => isDisposed),
        [false],
      );
      back.close();
      clock.advance(FORGET_AFTER_MS);
      assert.deepEqual(
        engines.map(({ isDisposed }) => isDisposed),
        [true],
      );
      await new Client('a').open();
      assert.equal(engines.length, 2);
    });
  });

  it('keeps a model that a window comes back to just before it is forgotten, and that moves off the GPU for it', async () => {
    (await new Client('a').open()).close();
    clock.advance(FORGET_AFTER_MS - 1);
    const moves: (() => void)[] = [];
    engines[0]!.adopt = () => new Promise<void>((resolve) => moves.push(resolve));
    const back = new Client('a').open({ avoidsGpu: true });
    await until(() => moves.length > 0);
    clock.advance(1);
    moves[0]!();
    await back;
    assert.deepEqual([engines.length, engines[0]!.isDisposed], [1, false]);
  });

  describe('avoids the GPU', () => {
    it('for all, once a process died under one of them, and until a probe has stored another report', async () => {
      await new Client('a').open({ avoidsGpu: true });
      await new Client('b').open({ threads: 2 });
      assert.deepEqual(
        engines.map(({ avoidsGpu }) => avoidsGpu),
        [true, true],
      );
      report = { machine: 'probed again', findings: [] };
      await new Client('c').open({ threads: 3 });
      assert.equal(engines.at(-1)!.avoidsGpu, false);
    });

    it('also with a model that another window has opened without knowing it', async () => {
      const costs = { XL: { prefillMsPerToken: 1, decodeMsPerToken: 1 } };
      const kept = { kept: true, error: 0, costs } as const;
      report = {
        machine: 'm',
        findings: [
          { backend: 'gpu', ...kept },
          { backend: 'native', ...kept },
        ],
      };
      await new Client('new').open();
      assert.equal(engines[0]!.avoidsGpu, false);
      await new Client('old').open({ avoidsGpu: true });
      assert.deepEqual(engines[0]!.adopted, [['native', 'onnx-cpu']]);
      await new Client('older').open({ avoidsGpu: true });
      assert.equal(engines[0]!.adopted.length, 1);
      // A report that a window has from the file names the GPU as before.
      const client = await new Client('c').open();
      client.send({ type: 'adopt', report });
      await until(() => engines[0]!.adopted.length === 2);
      assert.deepEqual(engines[0]!.adopted.at(-1), ['native', 'onnx-cpu']);
    });
  });

  describe('leaves the GPU alone', () => {
    const battery = 'the machine runs on battery';

    it('from the start, if there is a reason before a model is opened', async () => {
      host.models.yieldGpu(battery);
      await new Client('a').open();
      host.models.yieldGpu(undefined);
      await new Client('b').open({ threads: 2 });
      assert.deepEqual(
        engines.map(({ yieldReason }) => yieldReason),
        [battery, undefined],
      );
    });

    it('from the start too, if the sensors tell the reason a little later', async () => {
      let tell: () => void = () => undefined;
      sensed = new Promise((resolve) => (tell = resolve));
      const opening = new Client('a').open();
      await settle();
      assert.equal(engines.length, 0);
      host.models.yieldGpu(battery);
      tell();
      await opening;
      assert.equal(engines[0]!.yieldReason, battery);
    });

    it('when a model is loaded again, and tells its windows the costs of the processor', async () => {
      hasGpu = true;
      const client = await new Client('a').open();
      clock.advance(UNLOAD_AFTER_MS);
      host.models.yieldGpu(battery);
      client.generate();
      await ran(1);
      assert.equal(engines[1]!.yieldReason, battery);
      runs[0]!.emit(END);
      await until(() => client.of('ready').length === 2);
      assert.deepEqual(
        client.of('ready').map(({ info }) => info.backend),
        ['gpu', 'native'],
      );
      assert.equal(measured, 2);
    });
  });

  it('tells each client of a model that another backend has taken over, with new costs', async () => {
    const [a, b, other] = [new Client('a'), new Client('b'), new Client('c')];
    await a.open();
    await Promise.all([b.open(), other.open({ threads: 2 })]);
    engines[0]!.replaced();
    await until(() => a.of('ready').length === 2 && b.of('ready').length === 2);
    await settle();
    assert.deepEqual(
      [a, b, other].map((client) => client.of('ready').length),
      [2, 2, 1],
    );
    assert.equal(measured, 3);
  });

  it('tells each client of a model that no backend is left, and why', async () => {
    const [a, b] = [await new Client('a').open(), await new Client('b').open()];
    engines[0]!.fault = new Error('the card was lost; there is not enough memory for this model');
    engines[0]!.replaced();
    await until(() => a.of('unusable').length > 0 && b.of('unusable').length > 0);
    for (const client of [a, b]) assert.match(client.of('unusable')[0]!.message, /^the card was lost; there is not/);
  });

  it('numbers the documents of all windows apart', async () => {
    const [a, b] = [await new Client('a').open(), await new Client('b').open()];
    const asked: [Client, number | undefined][] = [
      [a, 1],
      [b, 1],
      [a, 2],
      [a, 1],
      [a, undefined],
      [b, undefined],
    ];
    let count = 0;
    for (const [client, cacheKey] of asked) {
      const id = client.generate(cacheKey === undefined ? {} : { cacheKey });
      await ran(++count);
      runs.at(-1)!.emit(END);
      await client.ended(id);
    }
    const keys = runs.map(({ request }) => request.cacheKey);
    assert.equal(keys[3], keys[0]);
    assert.equal(new Set(keys).size, 5);
    assert.ok(!keys.includes(0), 'measurements have a cache of their own');
  });

  it('ends everything of a client that goes, and the others go on', async () => {
    const [a, b] = [await new Client('a').open(), await new Client('b').open()];
    a.generate();
    a.generate();
    const id = b.generate();
    await ran(1);
    await settle();
    assert.equal(runs.length, 1);
    a.close();
    await ran(2);
    assert.ok(runs[0]!.signal.aborted);
    assert.equal(runs.length, 2, 'the second of the client never runs');
    assert.deepEqual(engines[0]!.forgotten, [runs[0]!.request.cacheKey], 'its keys and values are freed');
    runs[1]!.emit(END);
    assert.equal((await b.ended(id)).reason, 'length');
    await settle();
    assert.equal(a.of('events').length, 0);
    assert.ok(host.scheduler.isIdle);
  });

  it('ends an aborted request at once, whether it runs or waits', async () => {
    const client = await new Client('a').open();
    const [first, second] = [client.generate(), client.generate()];
    await ran(1);
    client.send({ type: 'abort', id: second });
    assert.equal((await client.ended(second)).reason, 'aborted');
    assert.equal(client.events(first).length, 0);
    client.send({ type: 'abort', id: first });
    assert.equal((await client.ended(first)).reason, 'aborted');
    assert.ok(runs[0]!.signal.aborted);
    assert.equal(runs.length, 1);
    client.send({ type: 'abort', id: 99 });
  });

  it('reports a request that the engine refuses, and does the next', async () => {
    const client = await new Client('a').open();
    const refused = await client.ended(client.generate({ prompt: [] }));
    assert.deepEqual([refused.reason, refused.message], ['failed', 'a request needs at least one token']);
    client.generate();
    await ran(1);
  });

  describe('a request that yields', () => {
    it('goes on from its tokens, and is one for its client', async () => {
      const [a, b] = [await new Client('a').open(), await new Client('b').open()];
      const scoreBound = { constant: 1, ofSum: 1, ofMean: 0, ofLeast: 0, ofLogCount: 0, ofMemorySum: 0 };
      const ahead = a.generate({ urgency: 'ahead', scoreBound, bannedFirstTokens: [5], expected: [7] });
      await ran(1);
      runs[0]!.emit(prefill);
      runs[0]!.emit(token(7));
      runs[0]!.emit(token(8));
      b.generate({ urgency: 'focused' });
      await ran(2);
      assert.ok(runs[0]!.signal.aborted);
      assert.equal(runs.length, 2);
      runs[1]!.emit(END);
      await ran(3);
      const { request } = runs[2]!;
      assert.deepEqual(request.prompt, [1, 7, 8]);
      assert.deepEqual([request.maxTokens, request.bannedFirstTokens, request.expected], [7, [], []]);
      assert.equal(request.scoreBound, undefined, 'a bound counts the tokens that are not decoded again');
      runs[2]!.emit(prefill);
      runs[2]!.emit(token(9));
      runs[2]!.emit({ ...END, passes: 3, decodeMs: 5 });
      const end = await a.ended(ahead);
      assert.deepEqual(
        a.events(ahead).map(({ type }) => type),
        ['prefill', 'token', 'token', 'token', 'end'],
      );
      assert.deepEqual([end.reason, end.passes, end.decodeMs], ['length', 4, 6]);
    });

    it('begins again without repeating itself if its tokens end within a character', async () => {
      const [a, b] = [await new Client('a').open(), await new Client('b').open()];
      const { tokenizer } = await small();
      // The first of the bytes of é, and the whole of it.
      const firstByte = tokenizer.tokenBytes.findIndex((bytes) => bytes.length === 1 && bytes[0] === 0xc3);
      const ahead = a.generate({ urgency: 'ahead', healingPrefix: 'é' });
      await ran(1);
      runs[0]!.emit(prefill);
      runs[0]!.emit(token(firstByte));
      b.generate({ urgency: 'hand' });
      await ran(2);
      runs[1]!.emit(END);
      await ran(3);
      assert.deepEqual([runs[2]!.request.prompt, runs[2]!.request.healingPrefix], [[1], 'é']);
      for (const value of [firstByte, 8, 9]) runs[2]!.emit(token(value));
      runs[2]!.emit(END);
      await a.ended(ahead);
      const tokens = a.events(ahead).flatMap((event) => (event.type === 'token' ? [event.token] : []));
      assert.deepEqual(tokens, [firstByte, 8, 9]);
    });

    it('may be aborted while it waits', async () => {
      const [a, b] = [await new Client('a').open(), await new Client('b').open()];
      const ahead = a.generate({ urgency: 'ahead' });
      await ran(1);
      b.generate({ urgency: 'hand' });
      await ran(2);
      a.send({ type: 'abort', id: ahead });
      assert.equal((await a.ended(ahead)).reason, 'aborted');
      runs[1]!.emit(END);
      await settle();
      assert.equal(runs.length, 2);
      assert.equal(a.events(ahead).length, 1);
    });
  });

  describe('tells a client that waits that it does not hang', () => {
    it('once a second, as long as the others’ requests come further', async () => {
      const [a, b, idle] = [await new Client('a').open(), await new Client('b').open(), await new Client('c').open()];
      await settle();
      const [before, beforeIdle] = [b.of('alive').length, idle.of('alive').length];
      a.generate();
      b.generate();
      await ran(1);
      for (let i = 0; i < 10; i++) {
        runs[0]!.emit({ type: 'progress', prefilledTokens: i });
        clock.advance(250);
      }
      assert.equal(b.of('alive').length - before, 3);
      clock.advance(60_000); // nothing happens: that is a hang, and nobody hears of anything
      assert.equal(b.of('alive').length - before, 3);
      assert.equal(idle.of('alive').length, beforeIdle);
    });

    it('while a file is read from a slow disk, when a model is opened and when it is loaded again', async () => {
      const idle = await new Client('a').open({ threads: 2 });
      const client = new Client('b');
      /** What each has heard while the file was read. */
      const heard: number[][] = [];
      readOnce = async (_file, onPiece) => {
        await settle();
        const counts = () => [client, idle].map((either) => either.of('alive').length);
        const [before = 0, beforeIdle = 0] = counts();
        for (let piece = 0; piece < 5; piece++) {
          clock.advance(4000);
          onPiece?.();
        }
        const [now = 0, nowIdle = 0] = counts();
        heard.push([now - before, nowIdle - beforeIdle]);
        return 0;
      };
      await client.open();
      clock.advance(UNLOAD_AFTER_MS);
      client.generate();
      await ran(1);
      assert.deepEqual(heard, [
        [5, 0],
        [5, 0],
      ]);
    });

    it('while a slow model is measured, after each step and after each piece', async () => {
      const client = new Client('a');
      const heard: number[] = [];
      const hears = () => heard.push(client.of('alive').filter(({ limitMs }) => limitMs === undefined).length);
      pieces = [
        (onStep) => {
          hears();
          for (let step = 0; step < 3; step++) {
            clock.advance(9000);
            onStep();
          }
          hears();
          clock.advance(9000);
        },
        hears,
      ];
      await client.open();
      assert.deepEqual(
        heard.map((count) => count - heard[0]!),
        [0, 3, 4],
      );
    });

    it('before it loads a model, with a limit that grows with its size, and afterwards', async () => {
      const client = await new Client('a').open();
      await new Client('b').open({ threads: 2 });
      await until(() => client.of('alive').at(-1)?.limitMs === undefined);
      const limits = client.of('alive').map(({ limitMs }) => limitMs);
      // 30 s, and one more for each 20 MB.
      assert.deepEqual(limits.flatMap((limit) => limit ?? []).map(Math.round), [30_405, 30_405]);
      assert.equal(limits.at(-1), undefined);
    });
  });

  function copyOfModel(): string {
    const folder = join(temporaryFolder(), 'model');
    mkdirSync(folder);
    for (const file of ['config.json', 'tokenizer.json', 'model.safetensors'])
      copyFileSync(join(MODEL, file), join(folder, file));
    return folder;
  }
});
