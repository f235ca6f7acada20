import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { copyFileSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { loadAddon, type NativeEngine } from '../../src/engine/native';
import type { TensorEntry } from '../../src/matlm/safetensors';
import { addon, generate, ROOT } from './harness';
import { random, randomTensors, TINY, writeWeights } from './tinyCheckpoint';
import { temporaryFolder } from '../temporary';

const S = [32, 32, 32, 32];
const XL = [128, 128, 128, 128];

describe('requests to the engine', () => {
  const weights = writeWeights(randomTensors(TINY));
  const next = random(3);
  const prompt = Array.from({ length: 20 }, () => Math.floor(next() * TINY.vocabularySize));
  let engine: NativeEngine;
  // A long context, so that a request is still running when an abort arrives.
  beforeEach(() => (engine = new addon.Engine({ ...weights, config: { ...TINY, contextLength: 8192 }, threads: 1 })));
  afterEach(() => {
    engine.dispose();
  });

  it('stop before a stop token, which is not reported', async () => {
    const free = await generate(engine, prompt, XL, 10);
    const stop = free.tokens[4]!;
    const stopped = await generate(engine, prompt, XL, 10, { stopTokens: [stop] });
    assert.equal(stopped.reason, 'stop');
    assert.deepEqual(stopped.tokens, free.tokens.slice(0, free.tokens.indexOf(stop)));
  });

  it('do not begin with what their caller excludes', async () => {
    const free = await generate(engine, prompt, XL, 1);
    const other = await generate(engine, prompt, XL, 3, { notFirst: [free.tokens[0]!] });
    assert.notEqual(other.tokens[0], free.tokens[0]);
  });

  it('end with their length', async () => {
    const { reason, tokens } = await generate(engine, prompt, S, 7);
    assert.equal(reason, 'length');
    assert.equal(tokens.length, 7);
  });

  it('stop when aborted, and the next is not touched', async () => {
    const expected = await generate(engine, prompt, XL, 30);
    const aborted = await generate(engine, prompt.toReversed(), XL, 8000, {
      onToken: (count, abort) => {
        if (count === 2) abort();
      },
    });
    assert.equal(aborted.reason, 'aborted');
    assert.deepEqual((await generate(engine, prompt, XL, 30)).tokens, expected.tokens);
  });

  it('are served in order, and an abort reaches only its own', async () => {
    const expected = await generate(engine, prompt, S, 20);
    const ends: string[] = [];
    const request = (tokens: number[]) => ({
      tokens: Int32Array.from(tokens),
      widths: Int32Array.from(S),
      maxTokens: 8000,
      stopTokens: new Int32Array(),
    });
    const first = new Promise<void>((resolve) => {
      const handle = engine.generate(request(prompt.toReversed()), (event) => {
        if (event.type !== 'end') return;
        ends.push(`first ${event.reason}`);
        resolve();
      });
      handle.abort();
    });
    const second = generate(engine, prompt, S, 20).then((result) => {
      ends.push(`second ${result.reason}`);
      return result;
    });
    await first;
    assert.deepEqual((await second).tokens, expected.tokens);
    assert.deepEqual(ends, ['first aborted', 'second length']);
  });

  it('end at once when aborted before they began, whatever runs before them', async () => {
    const ends: string[] = [];
    let stopFirst = (): void => undefined;
    const first = generate(engine, prompt, XL, 8000, {
      onToken: (_, abort) => {
        stopFirst = abort;
      },
    }).then(() => ends.push('first'));
    const second = new Promise<void>((resolve) => {
      const handle = engine.generate(
        { tokens: Int32Array.of(1), widths: Int32Array.from(S), maxTokens: 5, stopTokens: new Int32Array() },
        (event) => {
          if (event.type !== 'end') return;
          ends.push(`second ${event.reason}`);
          resolve();
        },
      );
      handle.abort();
    });
    await second;
    stopFirst();
    await first;
    assert.deepEqual(ends, ['second aborted', 'first']);
  });

  const bad: [string, number[], number[], RegExp][] = [
    ['no tokens', [], S, /needs at least one token/],
    ['a token outside the vocabulary', [1, 96], S, /the token 96 is not in the vocabulary of 96/],
    ['a negative token', [-1], S, /the token -1 is not in the vocabulary/],
    ['too few widths', [1], [32, 32], /has 4 widths, not 2/],
    ['a width between two blocks', [1], [33, 32, 32, 32], /the width 33 is not a multiple of 32 between 0 and 128/],
    ['a width beyond the model', [1], [32, 32, 160, 32], /the width 160 is not a multiple/],
    ['a prompt longer than the context', Array<number>(8193).fill(1), S, /has 8193 tokens, the model's context 8192/],
  ];
  for (const [name, tokens, widths, message] of bad) {
    it(`are refused with the fault named: ${name}`, async () => {
      assert.throws(() => {
        generateNow(engine, tokens, widths);
      }, message);
      assert.equal((await generate(engine, prompt, S, 1)).tokens.length, 1, 'and the engine goes on');
    });
  }

  it('end when the engine is disposed of, and the process ends by itself', function () {
    this.timeout(60_000);
    const script = `
      const { Engine } = require(${JSON.stringify(join(ROOT, 'native/build/Release/matcoder_engine.node'))});
      const engine = new Engine(${JSON.stringify({ ...weights, config: TINY, threads: 2 })});
      const request = { tokens: Int32Array.of(1, 2), widths: Int32Array.of(128, 128, 128, 128), maxTokens: 150, stopTokens: new Int32Array() };
      engine.generate(request, (event) => { if (event.type === 'end') console.log(event.reason); });
      engine.generate(request, (event) => { if (event.type === 'end') console.log(event.reason); });
      engine.dispose();
    `;
    const { status, stdout, stderr } = spawnSync(process.execPath, ['-e', script], {
      encoding: 'utf8',
      timeout: 20_000,
    });
    assert.equal(stderr, '');
    assert.equal(status, 0);
    // The first may have come to its end before.
    assert.match(stdout, /^(aborted|length)\naborted\n$/);
  });
});

function generateNow(engine: NativeEngine, tokens: number[], widths: number[]): void {
  engine.generate(
    { tokens: Int32Array.from(tokens), widths: Int32Array.from(widths), maxTokens: 1, stopTokens: new Int32Array() },
    () => undefined,
  );
}

describe('a checkpoint given to the engine', () => {
  const good = writeWeights(randomTensors(TINY));
  const NAME = 'model.layers.1.mlp.up_proj.weight';
  const broken = (change: (entry: TensorEntry) => TensorEntry | undefined) => {
    const changed = change(good.tensors[NAME]!);
    const rest = Object.fromEntries(Object.entries(good.tensors).filter(([name]) => name !== NAME));
    return changed ? { ...rest, [NAME]: changed } : rest;
  };
  const cases: [string, Record<string, TensorEntry>, RegExp][] = [
    ['a tensor is missing', broken(() => undefined), /up_proj\.weight is missing/],
    [
      'a shape is wrong',
      broken((e) => ({ ...e, shape: [64, 128] })),
      /has the shape \[64, 128\] where config\.json makes it \[128, 64\]/,
    ],
    ['a tensor ends past the file', broken((e) => ({ ...e, end: 1e12 })), /lies beyond the end of the file/],
    ['a tensor ends before it begins', broken((e) => ({ ...e, begin: e.end + 1 })), /lies beyond the end of the file/],
    [
      'the bytes do not fit the shape',
      broken((e) => ({ ...e, end: e.end - 1 })),
      /takes 8191 bytes where its shape needs 8192/,
    ],
    ['a type is unknown', broken((e) => ({ ...e, dtype: 'Q9' as 'I8' })), /is Q9, which this engine does not read/],
  ];
  for (const [name, tensors, message] of cases) {
    it(`is refused with the file and the tensor named: ${name}`, () => {
      const open = () => new addon.Engine({ weightsPath: good.weightsPath, tensors, config: TINY, threads: 1 });
      assert.throws(open, message);
      assert.throws(open, new RegExp(good.weightsPath));
    });
  }

  it('is refused where a scale is not a number', () => {
    const tensors = randomTensors(TINY);
    tensors['model.layers.0.self_attn.o_proj.weight_scale']!.values[3] = NaN;
    assert.throws(
      () => new addon.Engine({ ...writeWeights(tensors), config: TINY, threads: 1 }),
      /o_proj\.weight_scale holds a value that is not finite/,
    );
  });

  it('is refused where a dimension is absurd', () => {
    for (const config of [
      { ...TINY, vocabularySize: 2 ** 30 },
      { ...TINY, layers: 0 },
      { ...TINY, headDim: 20 },
    ]) {
      assert.throws(
        () => new addon.Engine({ ...good, config, threads: 1 }),
        /does not describe a model this engine runs/,
      );
    }
  });

  it('is refused where the instruction set does not exist here', () => {
    assert.throws(
      () => new addon.Engine({ ...good, config: TINY, threads: 1, isa: 'avx1024' as 'avx2' }),
      /the instruction set avx1024 does not run on this machine; it has .*scalar/,
    );
  });
});

describe('loading the addon', () => {
  it('names every place it looked at where there is none', () => {
    const root = temporaryFolder();
    assert.throws(() => loadAddon(root), /is missing: looked at .*native.* and .*prebuilds.*npm run build/);
  });

  it('names the file and the fault where it is not an addon', () => {
    const root = temporaryFolder();
    const folder = join(root, 'native', 'build', 'Release');
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, 'matcoder_engine.node'), 'not an addon');
    assert.throws(() => loadAddon(root), /matcoder_engine\.node: the native engine does not load \(.+\)\. Reinstall/);
  });

  it('takes a prebuilt one where none was built here', () => {
    const root = temporaryFolder();
    const folder = join(root, 'prebuilds', `${process.platform}-${process.arch}`);
    mkdirSync(folder, { recursive: true });
    copyFileSync(join(ROOT, 'native/build/Release/matcoder_engine.node'), join(folder, 'matcoder_engine.node'));
    assert.equal(typeof loadAddon(root).Engine, 'function');
  });
});
