import assert from 'node:assert/strict';
import { copyFileSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { EngineClient, type EngineState } from '../../src/engine/client';
import {
  AT_ONCE,
  type Engine,
  type EngineInfo,
  failed,
  FinalError,
  type GenerateEvent,
  type InTurn,
} from '../../src/engine/engine';
import type { LocalBackend } from '../../src/engine/localBackend';
import { type BackendCandidate, FallbackEngine } from '../../src/engine/fallbackEngine';
import { GpuPrefillEngine } from '../../src/engine/gpuPrefill';
import { LocalEngine } from '../../src/engine/native';
import { OnnxEngine } from '../../src/engine/onnx/onnxEngine';
import { AddonError } from '../../src/engine/loadAddon';
import { openEngine } from '../../src/engine/openEngine';
import { type Checkpoint, openCheckpoint } from '../../src/matlm/checkpoint';
import { needLinks } from '../links';
import { temporaryFolder } from '../temporary';
import { ROOT } from './harness';
import { randomTensors, TINY, tinyCheckpoint } from './tinyCheckpoint';
import { needOnnxRuntime } from './onnxRuntime';

let checkpoint: Checkpoint;
before(async () => {
  checkpoint = await openCheckpoint(join(ROOT, 'models', 'matlm-6m'));
});

function events(engine: Engine): Promise<GenerateEvent[]> {
  const prompt = checkpoint.tokenizer.encode('function add(first: number, second: number) {\n ');
  const request = {
    prompt,
    widths: checkpoint.config.granularities.L!,
    maxTokens: 12,
    stopTokens: [],
    healingPrefix: ' return firs',
  };
  return new Promise((resolve) => {
    const heard: GenerateEvent[] = [];
    engine.generate(request, new AbortController().signal, (event) => {
      heard.push(event);
      if (event.type === 'end') resolve(heard);
    });
  });
}

const tokensOf = (heard: readonly GenerateEvent[]) =>
  heard.flatMap((event) => (event.type === 'token' ? [event.token] : []));

describe('if the native addon cannot be loaded', () => {
  before(function () {
    needOnnxRuntime(this);
    needLinks(this);
  });

  /** An installation that has ONNX Runtime, and whatever stands in for the addon. */
  function installation(addon?: string): string {
    const root = temporaryFolder();
    symlinkSync(join(ROOT, 'node_modules'), join(root, 'node_modules'));
    const folder = join(root, 'prebuilds', `${process.platform}-${process.arch}`);
    mkdirSync(folder, { recursive: true });
    if (addon !== undefined) writeFileSync(join(folder, 'matcoder_engine.node'), addon);
    return root;
  }

  const faults: [string, string | undefined, RegExp][] = [
    ['it is missing', undefined, /The native engine for \S+ is missing/],
    ['it is damaged', 'not a library', /The native engine is damaged/],
  ];
  for (const [why, addon, reason] of faults) {
    it(`ONNX Runtime completes on the processor and names the reason: ${why}`, async () => {
      const engine = openEngine(installation(addon), checkpoint, { threads: 1 });
      assert.equal(tokensOf(await events(engine)).length, 12);
      const { backend, rejected } = await engine.measure();
      assert.equal(backend, 'onnx-cpu');
      assert.equal(rejected.length, 1);
      assert.equal(rejected[0]!.backend, 'native');
      assert.match(rejected[0]!.reason, reason);
      engine.dispose();
    });
  }

  it('the engine’s process continues without its sensors too', async () => {
    const info = await new Promise<EngineInfo>((resolve, reject) => {
      const client: EngineClient = new EngineClient({
        hostFile: join(ROOT, 'dist', 'engine.js'),
        root: installation(),
        modelFolder: checkpoint.folder,
        threads: 1,
        onState: (state) => {
          if (state.kind === 'ready') resolve(state.info);
          if (state.kind === 'failed') reject(new Error(state.reason));
          if (state.kind === 'ready' || state.kind === 'failed') client.stop();
        },
      });
      client.start();
    });
    assert.equal(info.backend, 'onnx-cpu');
    assert.ok((info.costs.XL?.decodeMsPerToken ?? 0) > 0);
  });

  it('and ONNX Runtime cannot either, both faults are reported, that of the addon first', () => {
    assert.throws(
      () => openEngine(temporaryFolder(), checkpoint, { threads: 1 }),
      (error: unknown) => {
        assert.ok(error instanceof AggregateError);
        assert.match(
          error.message,
          /^The native engine for \S+ is missing: reinstall .*\. ONNX Runtime for \S+ does not load \(/,
        );
        assert.ok(error.errors[0] instanceof AddonError);
        return true;
      },
    );
  });
});

it('an engine’s process without a backend says that there is none, and why', async () => {
  const state = await new Promise<EngineState>((resolve) => {
    const client: EngineClient = new EngineClient({
      hostFile: join(ROOT, 'dist', 'engine.js'),
      root: temporaryFolder(),
      modelFolder: checkpoint.folder,
      threads: 1,
      onState: (now) => {
        if (now.kind !== 'failed') return;
        resolve(now);
        client.stop();
      },
    });
    client.start();
  });
  assert.ok(state.kind === 'failed' && state.lacksEngine);
  assert.match(state.reason, /^The native engine for .* ONNX Runtime (for \S+ does not load|has no libraries for)/);
});

const fallback = (candidates: readonly BackendCandidate[]) =>
  new FallbackEngine(candidates, checkpoint.tokenizer.tokenBytes);

describe('a backend that fails', () => {
  /** An engine that works until a request has that many tokens: then it is as if its device were lost. */
  function losingItsDevice(afterTokens: number): LocalBackend {
    const engine = new LocalEngine(ROOT, checkpoint, 1);
    return {
      measure: () => engine.measure(),
      dispose: () => {
        engine.dispose();
      },
      generate: (request, signal, listener) => {
        const maxTokens = Math.min(request.maxTokens, afterTokens);
        engine.generate({ ...request, maxTokens }, signal, (event) => {
          const isLost = event.type === 'end' && event.reason === 'length' && maxTokens < request.maxTokens;
          listener(isLost ? { ...event, reason: 'failed', message: 'the device was lost' } : event);
        });
      },
    };
  }

  for (const afterTokens of [0, 1, 5]) {
    it(`in the middle of a request, after ${afterTokens} tokens, is replaced and the request continues`, async () => {
      const native = new LocalEngine(ROOT, checkpoint, 1);
      const whole = await events(native);
      const opened: string[] = [];
      const engine = fallback([
        { backend: 'gpu', open: () => losingItsDevice(afterTokens) },
        { backend: 'native', open: () => (opened.push('native'), native) },
      ]);
      let replaced = 0;
      engine.whenReplaced(() => replaced++);
      const heard = await events(engine);
      assert.deepEqual(tokensOf(heard), tokensOf(whole));
      const kinds = heard.map((event) => event.type);
      assert.deepEqual(kinds, ['prefill', ...Array<string>(12).fill('token'), 'end']);
      const end = heard.at(-1)!;
      assert.ok(end.type === 'end' && end.reason === 'length' && end.decodedTokens === 12);
      assert.deepEqual([opened, replaced], [['native'], 1]);
      const { backend, rejected } = await engine.measure();
      assert.equal(backend, 'native');
      assert.deepEqual(rejected, [{ backend: 'gpu', reason: 'the device was lost' }]);
      assert.deepEqual(tokensOf(await events(engine)), tokensOf(whole), 'and the next request does not notice');
      engine.dispose();
    });
  }

  it('ends the request with its reason if it is the last one', async () => {
    const engine = fallback([{ backend: 'gpu', open: () => losingItsDevice(2) }]);
    const end = (await events(engine)).at(-1)!;
    assert.ok(end.type === 'end' && end.reason === 'failed' && end.message === 'the device was lost');
    engine.dispose();
  });

  it('while two requests wait for it is replaced once, and both are answered', async () => {
    const native = new LocalEngine(ROOT, checkpoint, 1);
    const whole = tokensOf(await events(native));
    const engine = fallback([
      { backend: 'gpu', open: () => losingItsDevice(2) },
      { backend: 'native', open: () => native },
    ]);
    const both = await Promise.all([events(engine), events(engine)]);
    assert.deepEqual(both.map(tokensOf), [whole, whole]);
    assert.equal((await engine.measure()).rejected.length, 1);
    engine.dispose();
  });
});

describe('a long prefill', () => {
  before(function () {
    needOnnxRuntime(this);
  });

  it('reports each chunk, whichever backend runs it', async () => {
    const tiny = tinyCheckpoint(TINY);
    const onnx = new OnnxEngine(ROOT, tiny, 1);
    const engine = new FallbackEngine([{ backend: 'onnx-cpu', open: () => onnx }], []);
    const request = {
      prompt: Array.from({ length: 150 }, (_, i) => i % 96),
      widths: tiny.config.granularities.S!,
      maxTokens: 1,
      stopTokens: [],
    };
    const heard = await new Promise<GenerateEvent[]>((resolve) => {
      const all: GenerateEvent[] = [];
      engine.generate(request, new AbortController().signal, (event) => {
        all.push(event);
        if (event.type === 'end') resolve(all);
      });
    });
    const progress = heard.flatMap((event) => (event.type === 'progress' ? [event.prefilledTokens] : []));
    assert.deepEqual([progress, heard[2]?.type], [[64, 128], 'prefill']);
    engine.dispose();
  });
});

describe('a fault that concerns every backend', () => {
  const never: BackendCandidate = { backend: 'onnx-cpu', open: () => assert.fail('it was opened') };

  it('ends the start with its message, and no other backend is opened', () => {
    const open = () => {
      throw new FinalError('model.safetensors: there is not enough memory for this model');
    };
    assert.throws(() => fallback([{ backend: 'native', open }, never]), /not enough memory/);
  });

  it('ends a request with its message, and the engine stays', async () => {
    const inner = new LocalEngine(ROOT, checkpoint, 1);
    const failing: LocalBackend = {
      measure: () => inner.measure(),
      dispose: () => {
        inner.dispose();
      },
      generate: (_request, _signal, listener) => {
        const counts = { decodedTokens: 0, passes: 0, decodeMs: 0 };
        listener({ type: 'end', reason: 'failed', ...counts, message: 'the weights appear corrupt', isFinal: true });
      },
    };
    const engine = fallback([{ backend: 'native', open: () => failing }, never]);
    const end = (await events(engine)).at(-1)!;
    assert.ok(end.type === 'end' && end.reason === 'failed' && end.message === 'the weights appear corrupt');
    assert.deepEqual((await engine.measure()).rejected, []);
    engine.dispose();
  });

  it('is reported by the native engine if weights are too large to compute with', async () => {
    const tensors = randomTensors(TINY);
    tensors['model.norm.weight']!.values.fill(3e38);
    const engine = new LocalEngine(ROOT, tinyCheckpoint(TINY, tensors), 1);
    const request = { prompt: [1, 2], widths: Array<number>(TINY.layers).fill(32), maxTokens: 2, stopTokens: [] };
    const end = await new Promise<GenerateEvent>((resolve) => {
      engine.generate(request, new AbortController().signal, (event) => {
        if (event.type === 'end') resolve(event);
      });
    });
    assert.ok(end.type === 'end' && end.reason === 'failed' && end.isFinal);
    engine.dispose();
  });

  it('is found in weights that are not finite before any backend is opened, also if there is no addon', () => {
    for (const value of [NaN, Infinity, -Infinity]) {
      for (const name of [
        'model.norm.weight',
        'model.embed_tokens.weight',
        'model.layers.1.mlp.up_proj.weight_scale',
      ]) {
        const tensors = randomTensors(TINY);
        const { dtype, values } = tensors[name]!;
        values[values.length - 1] = value;
        const broken = { ...checkpoint, ...tinyCheckpoint(TINY, tensors), tokenizer: checkpoint.tokenizer };
        const { begin, end } = broken.tensors[name]!;
        // The helper that writes halves knows no such values.
        if (dtype === 'F16')
          overwrite(broken.weightsFile, end - 2, Number.isNaN(value) ? 0x7e01 : value > 0 ? 0x7c00 : 0xfc00);
        assert.ok(begin < end);
        assert.throws(
          () => openEngine(temporaryFolder(), broken, { threads: 1 }),
          new RegExp(`the tensor ${name} holds a value that is not finite`),
        );
      }
    }
  });

  function overwrite(file: string, at: number, half: number): void {
    const bytes = readFileSync(file);
    bytes.writeUInt16LE(half, at);
    writeFileSync(file, bytes);
  }
});

describe('weights that are a symbolic link, as in a cache of downloads', () => {
  before(function () {
    needOnnxRuntime(this);
    needLinks(this);
  });

  it('are read by ONNX Runtime too', async () => {
    const folder = temporaryFolder();
    for (const file of ['config.json', 'tokenizer.json'])
      copyFileSync(join(checkpoint.folder, file), join(folder, file));
    mkdirSync(join(folder, 'blobs'));
    copyFileSync(checkpoint.weightsFile, join(folder, 'blobs', '0123abcd'));
    symlinkSync(join('blobs', '0123abcd'), join(folder, 'model.safetensors'));
    const linked = await openCheckpoint(folder);
    const engine = new OnnxEngine(ROOT, linked, 1);
    assert.equal(tokensOf(await events(engine)).length, 12);
    engine.dispose();
  });
});

describe('a GPU that other programs need', () => {
  /** The engine as a card would be, which counts how often it was opened and closed. */
  function onGpu() {
    const seen = { opened: 0, disposed: 0 };
    const open = (): LocalBackend => {
      seen.opened++;
      const engine = new LocalEngine(ROOT, checkpoint, 1);
      return {
        measure: () => engine.measure(),
        generate: (request, signal, listener) => {
          engine.generate(request, signal, listener);
        },
        dispose: () => {
          seen.disposed++;
          engine.dispose();
        },
      };
    };
    return { seen, candidate: { backend: 'gpu', open } as const };
  }
  const native = { backend: 'native', open: () => new LocalEngine(ROOT, checkpoint, 1) } as const;

  it('is yielded to the processor with the reason, and used again later', async () => {
    const { seen, candidate } = onGpu();
    const engine = fallback([candidate, native]);
    const told: string[] = [];
    engine.whenReplaced(() => void engine.measure().then(({ backend }) => told.push(backend)));
    const whole = tokensOf(await events(engine));
    for (let reading = 0; reading < 3; reading++) await engine.yieldGpu('other programs use 80% of its time');
    const away = await engine.measure();
    assert.equal(away.backend, 'native');
    assert.deepEqual(away.yielded, { backend: 'gpu', reason: 'other programs use 80% of its time' });
    assert.deepEqual(away.rejected, [], 'nobody is at fault');
    assert.deepEqual(seen, { opened: 1, disposed: 1 }, 'what lay in its memory is free');
    assert.deepEqual(tokensOf(await events(engine)), whole);
    for (let reading = 0; reading < 3; reading++) await engine.yieldGpu(undefined);
    const back = await engine.measure();
    assert.deepEqual([back.backend, back.yielded], ['gpu', undefined]);
    assert.deepEqual(seen, { opened: 2, disposed: 1 });
    assert.deepEqual(tokensOf(await events(engine)), whole);
    assert.deepEqual(told, ['native', 'gpu']);
    engine.dispose();
  });

  it('hands over a running request, which continues from its current token', async () => {
    const alone = new LocalEngine(ROOT, checkpoint, 1);
    const whole = tokensOf(await events(alone));
    alone.dispose();
    // One that stands still after three tokens, until it is disposed.
    const inner = new LocalEngine(ROOT, checkpoint, 1);
    let endAborted: () => void = () => undefined;
    let standsStill: () => void = () => undefined;
    const stands = new Promise<void>((resolve) => (standsStill = resolve));
    const slow: LocalBackend = {
      measure: () => inner.measure(),
      generate: (request, signal, listener) => {
        inner.generate({ ...request, maxTokens: 3 }, signal, (event) => {
          if (event.type !== 'end') {
            listener(event);
            return;
          }
          endAborted = () => {
            listener({ ...event, reason: 'aborted' });
          };
          standsStill();
        });
      },
      dispose: () => {
        inner.dispose();
        endAborted();
      },
    };
    const engine = fallback([{ backend: 'gpu', open: () => slow }, native]);
    const heard = events(engine);
    await stands;
    await engine.yieldGpu('other programs use 80% of its time');
    assert.deepEqual(tokensOf(await heard), whole);
    engine.dispose();
  });

  it('is rejected if it does not open again, and the processor continues', async () => {
    const { candidate } = onGpu();
    let isBroken = false;
    const open = () => {
      if (isBroken) throw new Error('the device is gone');
      return candidate.open();
    };
    const engine = fallback([{ backend: 'gpu', open }, native]);
    await engine.yieldGpu('other programs use 80% of its time');
    isBroken = true;
    await engine.yieldGpu(undefined);
    const { backend, rejected, yielded } = await engine.measure();
    assert.deepEqual([backend, yielded], ['native', undefined]);
    assert.deepEqual(rejected, [{ backend: 'gpu', reason: 'the device is gone' }]);
    assert.equal(tokensOf(await events(engine)).length, 12);
    engine.dispose();
  });

  it('serves again at once if the processor’s engine fails meanwhile', async () => {
    const { candidate } = onGpu();
    let fail = false;
    const failing = () => {
      const engine = new LocalEngine(ROOT, checkpoint, 1);
      const generate: LocalBackend['generate'] = (request, signal, listener) => {
        if (fail)
          listener({ type: 'end', reason: 'failed', decodedTokens: 0, passes: 0, decodeMs: 0, message: 'no memory' });
        else engine.generate(request, signal, listener);
      };
      return {
        measure: () => engine.measure(),
        dispose: () => {
          engine.dispose();
        },
        generate,
      };
    };
    const engine = fallback([candidate, { backend: 'native', open: failing }]);
    await engine.yieldGpu('other programs use 80% of its time');
    fail = true;
    assert.equal(tokensOf(await events(engine)).length, 12);
    const { backend, yielded } = await engine.measure();
    assert.deepEqual([backend, yielded], ['gpu', undefined]);
    engine.dispose();
  });

  it('is ignored while the model runs on the processor', async () => {
    const engine = fallback([native, onGpu().candidate]);
    await engine.yieldGpu('other programs use 80% of its time');
    const { backend, yielded } = await engine.measure();
    assert.deepEqual([backend, yielded], ['native', undefined]);
    engine.dispose();
  });
});

describe('the weights', () => {
  /**
   * Candidates, and what became of the weights on both sides, in order. A lost card fails each prompt. One that closes late does so
   * when its request has ended.
   */
  function counted({ isLost = false, closesLate = false } = {}) {
    const log: string[] = [];
    const native = (processor?: LocalEngine): LocalEngine => {
      if (processor) return processor;
      log.push('+processor');
      return new (class extends LocalEngine {
        override dispose(kept?: LocalEngine): void {
          if (kept !== this) log.push('-processor');
          super.dispose(kept);
        }
      })(ROOT, checkpoint, 1);
    };
    const loss = () => Promise.reject(new Error('the card was lost'));
    const card = () => {
      log.push('+card');
      let closed = Promise.resolve();
      const close = () => {
        log.push('-card');
      };
      return {
        describe: () => Promise.resolve({ ...NOTHING, backend: 'gpu' as const, isa: 'none', threads: 1 }),
        // It has read nothing that the processor could continue from.
        readAndCopy: () => (isLost ? loss() : Promise.resolve(undefined)),
        cachedTokens: () => 0,
        forget: () => undefined,
        dispose: () => {
          if (closesLate) closed = setImmediate().then(close);
          else close();
        },
        whenClosed: () => closed,
      };
    };
    const gpu = (): LocalBackend => {
      const { dispose, whenClosed } = card();
      const inner = new LocalEngine(ROOT, checkpoint, 1);
      return {
        measure: () => inner.measure(),
        generate: (request, signal, listener) => {
          if (isLost) listener(failed('the card was lost'));
          else inner.generate(request, signal, listener);
        },
        dispose: () => {
          dispose();
          inner.dispose();
        },
        whenClosed,
      };
    };
    return {
      log,
      native: { backend: 'native', open: native } as const,
      gpu: { backend: 'gpu', open: gpu } as const,
      gpuPrefill: {
        backend: 'gpu-prefill',
        open: (processor?: LocalEngine) => new GpuPrefillEngine(native(processor), card(), checkpoint.config),
      } as const,
    };
  }
  const NOTHING = { weightBytes: 0, kvCacheBytes: 0 };
  /** With which each prompt is read on the card. */
  const FREE_PREFILL = { startMs: 0, msPerToken: 0 };
  const costs = { XL: { prefillMsPerToken: 1, decodeMsPerToken: 1, gpuPrefill: FREE_PREFILL } };
  const believing = (engine: FallbackEngine) => {
    assert.ok(engine.restore({ backend: 'gpu-prefill', costs } as unknown as EngineInfo));
    return engine;
  };
  const reusedTokens = (heard: readonly GenerateEvent[]) =>
    heard.flatMap((event) => (event.type === 'prefill' ? [event.reusedTokens] : []))[0];

  it('on the processor stay, with what they have read, while the card comes and goes', async () => {
    const { log, native, gpuPrefill } = counted();
    const engine = believing(fallback([gpuPrefill, native]));
    const whole = tokensOf(await events(engine));
    await engine.yieldGpu('the machine runs on battery');
    const away = await engine.measure();
    assert.deepEqual([away.backend, away.yielded?.backend], ['native', 'gpu-prefill']);
    assert.equal(away.costs.XL?.gpuPrefill, undefined, 'no prompt is read on the card');
    const again = await events(engine);
    assert.deepEqual([tokensOf(again), reusedTokens(again)! > 5], [whole, true]);
    await engine.yieldGpu(undefined);
    const back = await engine.measure();
    assert.deepEqual([back.backend, back.yielded], ['gpu-prefill', undefined]);
    assert.deepEqual(log, ['+processor', '+card', '-card', '+card']);
    engine.dispose();
    assert.deepEqual(log.slice(4).sort(), ['-card', '-processor']);
  });

  it('on the processor are measured once, and then on loan', async () => {
    const { native, gpuPrefill } = counted();
    let turns = 0;
    const engine = new FallbackEngine([gpuPrefill, native], checkpoint.tokenizer.tokenBytes, {
      inTurn: (work) => (turns++, AT_ONCE(work)),
    });
    const { costs } = await engine.measure();
    const before = turns;
    await engine.yieldGpu('the machine runs on battery');
    const away = await engine.measure();
    assert.deepEqual([turns, away.costs.XL?.decodeMsPerToken], [before, costs.XL?.decodeMsPerToken]);
    engine.dispose();
  });

  it('on the processor stay if the card is lost', async () => {
    const { log, native, gpuPrefill } = counted({ isLost: true });
    const engine = believing(fallback([gpuPrefill, native]));
    assert.equal(tokensOf(await events(engine)).length, 12);
    const { backend, rejected } = await engine.measure();
    assert.deepEqual([backend, rejected[0]?.reason], ['native', 'the card was lost']);
    assert.deepEqual(log, ['+processor', '+card', '-card']);
    engine.dispose();
    assert.deepEqual(log.slice(3), ['-processor']);
  });

  it('on a lost card are given up before the processor loads its own', async () => {
    const { log, native, gpu } = counted({ isLost: true });
    const engine = fallback([gpu, native]);
    assert.equal(tokensOf(await events(engine)).length, 12);
    assert.deepEqual(log, ['+card', '-card', '+processor']);
    engine.dispose();
  });

  it('are loaded by the processor once, also if the card is lost while it takes over', async () => {
    const { log, native, gpu } = counted({ isLost: true });
    let goOn: () => void = () => undefined;
    const held = new Promise<void>((resolve) => (goOn = resolve));
    const engine = new FallbackEngine([gpu, native], checkpoint.tokenizer.tokenBytes, {
      inTurn: (work) => held.then(() => AT_ONCE(work)),
    });
    const moving = engine.yieldGpu('the machine runs on battery');
    while (!log.includes('+processor')) await setImmediate();
    assert.equal(tokensOf(await events(engine)).length, 12);
    goOn();
    await moving;
    assert.equal(tokensOf(await events(engine)).length, 12);
    assert.deepEqual(log, ['+card', '+processor', '-card']);
    engine.dispose();
    assert.deepEqual(log.slice(3), ['-processor']);
  });

  it('are on the card once at most, also if another backend that uses it is better', async () => {
    const { log, native, gpu, gpuPrefill } = counted({ closesLate: true });
    const engine = fallback([gpu, native]);
    await engine.adopt([gpuPrefill, gpu, native]);
    assert.equal((await engine.measure()).backend, 'gpu-prefill');
    await engine.adopt([gpu, gpuPrefill, native]);
    assert.equal((await engine.measure()).backend, 'gpu');
    assert.deepEqual(log, ['+card', '+processor', '-card', '+card', '-card', '+card', '-processor']);
    assert.equal(tokensOf(await events(engine)).length, 12);
    engine.dispose();
  });

  it('are not brought to the card at all if it is yielded from the start', async () => {
    const { log, native, gpuPrefill } = counted();
    const yieldReason = 'the machine runs on battery';
    const engine = new FallbackEngine([gpuPrefill, native], checkpoint.tokenizer.tokenBytes, { yieldReason });
    const { backend, yielded } = await engine.measure();
    assert.deepEqual([backend, yielded], ['native', { backend: 'gpu-prefill', reason: yieldReason }]);
    assert.deepEqual(log, ['+processor']);
    await engine.yieldGpu(undefined);
    assert.equal((await engine.measure()).backend, 'gpu-prefill');
    assert.deepEqual(log, ['+processor', '+card']);
    engine.dispose();
  });

  it('stay in use if the card does not take them', async () => {
    const { log, native, gpuPrefill } = counted();
    const engine = fallback([native]);
    const open = (processor?: LocalEngine) => {
      const opened = gpuPrefill.open(processor);
      opened.measure = () => Promise.reject(new Error('the card has too little memory'));
      return opened;
    };
    await engine.adopt([{ backend: 'gpu-prefill', open }, native]);
    const { backend, rejected } = await engine.measure();
    assert.deepEqual([backend, rejected[0]?.reason], ['native', 'the card has too little memory']);
    assert.deepEqual(log, ['+processor', '+card', '-card']);
    assert.equal(tokensOf(await events(engine)).length, 12);
    engine.dispose();
  });

  it('are measured in turn before a backend takes over, on both sides', async () => {
    const { native, gpuPrefill } = counted();
    let isTurn = false;
    const seen: boolean[] = [];
    const open = () => {
      const engine = native.open();
      const generate = engine.generate.bind(engine);
      engine.generate = (...request) => {
        seen.push(isTurn);
        generate(...request);
      };
      return engine;
    };
    const { gpu } = counted();
    const inTurn: InTurn = async (work) => {
      isTurn = true;
      try {
        return await AT_ONCE(work);
      } finally {
        isTurn = false;
      }
    };
    const engine = new FallbackEngine([gpu], checkpoint.tokenizer.tokenBytes, { inTurn });
    await engine.adopt([{ backend: 'native', open }]);
    await engine.adopt([gpuPrefill, { backend: 'native', open }]);
    assert.ok(seen.length > 2 && seen.every(Boolean), seen.join());
    engine.dispose();
  });

  const nothingElse: [string, () => never, RegExp][] = [
    [
      'there is not enough memory for them',
      () => {
        throw new FinalError('model.safetensors: there is not enough memory for this model');
      },
      /the card was lost; model\.safetensors: there is not enough memory/,
    ],
    [
      'the engine does not load',
      () => {
        throw new Error('The native engine is damaged');
      },
      /the card was lost; The native engine is damaged/,
    ],
  ];
  for (const [why, open, message] of nothingElse) {
    it(`are gone with a lost card, and every request says so, if ${why}`, async () => {
      const { log, gpu } = counted({ isLost: true });
      let opened = 0;
      const native: BackendCandidate = { backend: 'native', open: () => (opened++, open()) };
      const engine = fallback([gpu, native]);
      let replaced = 0;
      engine.whenReplaced(() => replaced++);
      for (let request = 0; request < 2; request++) {
        const end = (await events(engine)).at(-1)!;
        assert.ok(end.type === 'end' && end.reason === 'failed' && end.isFinal);
        assert.match(end.message ?? '', message);
      }
      await assert.rejects(engine.measure(), message);
      // Nothing is loaded for a backend that cannot run the model.
      await engine.yieldGpu('the machine runs on battery');
      await engine.yieldGpu(undefined);
      assert.deepEqual([opened, replaced, log], [1, 1, ['+card', '-card']]);
      engine.dispose();
    });
  }
});

describe('the result of a probe while the engine runs', () => {
  const open = () => new LocalEngine(ROOT, checkpoint, 1);

  it('is adopted if it names a better backend, and only then', async () => {
    const engine = fallback([{ backend: 'native', open }]);
    let replaced = 0;
    engine.whenReplaced(() => replaced++);
    const whole = tokensOf(await events(engine));
    await engine.adopt([
      { backend: 'native', open },
      { backend: 'gpu', open },
    ]);
    assert.deepEqual([(await engine.measure()).backend, replaced], ['native', 0]);
    await engine.adopt([
      { backend: 'gpu', open },
      { backend: 'native', open },
    ]);
    assert.deepEqual([(await engine.measure()).backend, replaced], ['gpu', 1]);
    assert.deepEqual(tokensOf(await events(engine)), whole);
    engine.dispose();
  });

  it('leaves a GPU that is yielded alone until it is free', async () => {
    const engine = fallback([
      { backend: 'gpu', open },
      { backend: 'native', open },
    ]);
    await engine.yieldGpu('the machine runs on battery');
    await engine.adopt([
      { backend: 'gpu-prefill', open },
      { backend: 'native', open },
    ]);
    const { backend, yielded } = await engine.measure();
    assert.deepEqual([backend, yielded?.backend], ['native', 'gpu-prefill']);
    await engine.yieldGpu(undefined);
    assert.equal((await engine.measure()).backend, 'gpu-prefill');
    engine.dispose();
  });

  it('is rejected if the backend does not open, and the engine stays', async () => {
    const engine = fallback([{ backend: 'native', open }]);
    const broken = () => {
      throw new Error('out of device memory');
    };
    await engine.adopt([
      { backend: 'gpu', open: broken },
      { backend: 'native', open },
    ]);
    const { backend, rejected } = await engine.measure();
    assert.equal(backend, 'native');
    assert.deepEqual(rejected, [{ backend: 'gpu', reason: 'out of device memory' }]);
    engine.dispose();
  });

  it('reaches the engine’s process, which continues with another backend', async function () {
    needOnnxRuntime(this);
    const costs = (ms: number) => ({ XL: { prefillMsPerToken: ms, decodeMsPerToken: ms } });
    const kept = { kept: true, error: 0 } as const;
    const backends: string[] = [];
    await new Promise<void>((resolve, reject) => {
      const client: EngineClient = new EngineClient({
        hostFile: join(ROOT, 'dist', 'engine.js'),
        root: ROOT,
        modelFolder: checkpoint.folder,
        threads: 1,
        onState: (state) => {
          if (state.kind === 'failed') reject(new Error(state.reason));
          if (state.kind !== 'ready') return;
          backends.push(state.info.backend);
          if (backends.length === 2) {
            client.stop();
            resolve();
            return;
          }
          const findings = [
            { ...kept, backend: 'native', costs: costs(10) },
            { ...kept, backend: 'onnx-cpu', costs: costs(1) },
          ] as const;
          client.adopt({ machine: 'm', findings });
        },
      });
      client.start();
    });
    assert.deepEqual(backends, ['native', 'onnx-cpu']);
  });
});
