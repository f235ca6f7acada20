import assert from 'node:assert/strict';
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { EngineClient } from '../../src/engine/client';
import type { Engine, EngineInfo, GenerateEvent } from '../../src/engine/engine';
import { type Candidate, FallbackEngine } from '../../src/engine/fallbackEngine';
import { LocalEngine } from '../../src/engine/localEngine';
import type { Measurable } from '../../src/engine/measure';
import { openEngine } from '../../src/engine/openEngine';
import { type Checkpoint, openCheckpoint } from '../../src/matlm/checkpoint';
import { temporaryFolder } from '../temporary';
import { ROOT } from './harness';

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
    givenBack: ' return firs',
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

describe('where the native addon cannot load', () => {
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
    ['it is not for this platform', 'not a library', /the native engine does not load/],
  ];
  for (const [why, addon, reason] of faults) {
    it(`ONNX Runtime completes on the processor, and says so: ${why}`, async () => {
      const engine = openEngine(installation(addon), checkpoint, 1);
      assert.equal(tokensOf(await events(engine)).length, 12);
      const { backend, putAside } = await engine.measure();
      assert.equal(backend, 'onnx-cpu');
      assert.equal(putAside.length, 1);
      assert.equal(putAside[0]!.backend, 'native');
      assert.match(putAside[0]!.reason, reason);
      engine.dispose();
    });
  }

  it('the engine’s process goes on without its sensors too', async () => {
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

  it('and ONNX Runtime neither, the fault of the addon is told', () => {
    assert.throws(() => openEngine(temporaryFolder(), checkpoint, 1), /The native engine for \S+ is missing/);
  });
});

const fallback = (candidates: readonly Candidate[]) => new FallbackEngine(candidates, checkpoint.tokenizer.spellings);

describe('a backend that fails', () => {
  /** An engine that works until a request has that many tokens: then it is as if its device were lost. */
  function losingItsDevice(afterTokens: number): Measurable {
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
    it(`in the middle of a request, after ${afterTokens} tokens, is replaced and the request goes on`, async () => {
      const native = new LocalEngine(ROOT, checkpoint, 1);
      const whole = await events(native);
      const opened: string[] = [];
      const engine = fallback([
        { backend: 'onnx-webgpu', open: () => losingItsDevice(afterTokens) },
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
      const { backend, putAside } = await engine.measure();
      assert.equal(backend, 'native');
      assert.deepEqual(putAside, [{ backend: 'onnx-webgpu', reason: 'the device was lost' }]);
      assert.deepEqual(tokensOf(await events(engine)), tokensOf(whole), 'and the next request does not notice');
      engine.dispose();
    });
  }

  it('as the last there is ends the request with its reason', async () => {
    const engine = fallback([{ backend: 'onnx-webgpu', open: () => losingItsDevice(2) }]);
    const end = (await events(engine)).at(-1)!;
    assert.ok(end.type === 'end' && end.reason === 'failed' && end.message === 'the device was lost');
    engine.dispose();
  });

  it('while two requests wait for it is replaced once, and both are answered', async () => {
    const native = new LocalEngine(ROOT, checkpoint, 1);
    const whole = tokensOf(await events(native));
    const engine = fallback([
      { backend: 'onnx-webgpu', open: () => losingItsDevice(2) },
      { backend: 'native', open: () => native },
    ]);
    const both = await Promise.all([events(engine), events(engine)]);
    assert.deepEqual(both.map(tokensOf), [whole, whole]);
    assert.equal((await engine.measure()).putAside.length, 1);
    engine.dispose();
  });
});
