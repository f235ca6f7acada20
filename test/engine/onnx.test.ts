import assert from 'node:assert/strict';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { buildPrompt } from '../../src/completion/prompt/prompt';
import { LocalEngine } from '../../src/engine/native';
import { submodelGraph } from '../../src/engine/onnx/graph';
import { OnnxEngine } from '../../src/engine/onnx/onnxEngine';
import { type Checkpoint, openCheckpoint, SHIPPED } from '../../src/matlm/checkpoint';
import { complete } from './complete';
import { relativeError, ROOT } from './harness';
import { random, randomTensors, TINY, tinyCheckpoint } from './tinyCheckpoint';
import { needOnnxRuntime } from './onnxRuntime';

const S = [32, 32, 32, 32];
const XL = [128, 128, 128, 128];
const XS = [32, 0, 32, 0];
const MIX = [64, 32, 128, 96];
const MIXED = [64, 128, 1024, 512, 256, 96];

interface Golden {
  prompts: { path: string; prefix: string; suffix: string }[];
}

const CHECKPOINTS = { 'the small checkpoint': join('models', 'matlm-6m'), 'the checkpoint that ships': SHIPPED };
for (const [called, folder] of Object.entries(CHECKPOINTS))
  describe(`${called} in ONNX Runtime on the processor`, () => {
    let checkpoint: Checkpoint;
    let native: LocalEngine;
    let onnx: OnnxEngine;
    let prompt: number[];
    /** Those of the golden file: places in real code. */
    let prompts: number[][];
    let filesBefore: string[];
    const text =
      'export function sum(values: number[]): number {\n  let total = 0;\n  for (const value of values) {\n    total += ';

    before(async function () {
      needOnnxRuntime(this);
      checkpoint = await openCheckpoint(join(ROOT, folder));
      filesBefore = readdirSync(checkpoint.folder);
      prompt = checkpoint.tokenizer.encode(text.repeat(4));
      const golden = JSON.parse(readFileSync(join(__dirname, 'fixtures', 'golden.json'), 'utf8')) as Golden;
      prompts = golden.prompts.map((place) => [
        ...buildPrompt(checkpoint, { ...place, prefixStart: 0 }, 900, () => '').tokens,
      ]);
    });
    // Engines of its own for each test: a cache that another submodel wrote may be read, and is another text.
    beforeEach(() => {
      native = new LocalEngine(ROOT, checkpoint, 1);
      onnx = new OnnxEngine(ROOT, checkpoint, 1);
    });
    afterEach(() => {
      native.dispose();
      onnx.dispose();
    });

    function widthsOf(name: string): readonly number[] {
      const { layers } = checkpoint.config.model;
      return (
        checkpoint.config.granularities[name] ?? Array.from({ length: layers }, (_, i) => MIXED[i % MIXED.length]!)
      );
    }

    for (const name of ['XS', 'S', 'M', 'L', 'XL', 'a mix']) {
      it(`computes the native engine's logits for ${name}, within the error of int8 activations`, async () => {
        const widths = widthsOf(name);
        const first = prompt.length - 30;
        const expected = (await native.logits(prompt, widths)).subarray(first * checkpoint.config.model.vocabularySize);
        const found = await onnx.logits(prompt, widths, first);
        assert.equal(found.length, expected.length);
        // Both round activations to int8, at other places: the golden figures allow the native engine 2.5% of PyTorch's.
        assert.ok(relativeError(found, expected) < 0.035, `the relative error is ${relativeError(found, expected)}`);
      });

      it(`generates the native engine's text for ${name}, except where another token is nearly as likely`, async () => {
        const widths = widthsOf(name);
        const ratios: number[] = [];
        for (const tokens of prompts) {
          const request = { prompt: tokens.slice(-300), widths, maxTokens: 8 };
          const [ours, theirs] = [await complete(native, request), await complete(onnx, request)];
          const parting = ours.tokens.findIndex((token, i) => token !== theirs.tokens[i]);
          if (parting < 0) continue;
          const logits = await native.logits([...request.prompt, ...ours.tokens.slice(0, parting)], widths);
          const last = logits.subarray(-checkpoint.config.model.vocabularySize);
          ratios.push(Math.exp(last[theirs.tokens[parting]!]! - last[ours.tokens[parting]!]!));
        }
        assert.ok(
          ratios.every((ratio) => ratio > 0.8),
          `where they part, their choice is ${ratios.join(', ')} as likely`,
        );
        assert.ok(ratios.length <= prompts.length / 2, `${ratios.length} of ${prompts.length} part`);
      });
    }

    it('spells the healing prefix as the native engine does', async () => {
      const widths = checkpoint.config.granularities.L!;
      const request = { prompt, widths, maxTokens: 6, healingPrefix: 'valu' };
      for (const engine of [native, onnx]) {
        const { tokens } = await complete(engine, request);
        assert.match(checkpoint.tokenizer.decode(tokens), /^valu/);
      }
    });

    it('adds no file and no copy of the weights to the checkpoint', () => {
      const { weightsFile, tensors, config } = checkpoint;
      const graph = submodelGraph({ config: config.model, weightsFile, tensors }, config.granularities.XL!);
      const tables = config.model.contextLength * config.model.headDim * 4;
      assert.ok(graph.length - tables < 0.02 * statSync(weightsFile).size, `the graph has ${graph.length} bytes`);
      assert.deepEqual(readdirSync(checkpoint.folder), filesBefore);
    });
  });

describe('requests to ONNX Runtime', () => {
  before(function () {
    needOnnxRuntime(this);
  });

  const checkpoint = tinyCheckpoint(TINY);
  const next = random(9);
  const prompt = Array.from({ length: 70 }, () => Math.floor(next() * TINY.vocabularySize));
  let engine: OnnxEngine;
  beforeEach(() => (engine = new OnnxEngine(ROOT, checkpoint, 1)));
  afterEach(() => {
    engine.dispose();
  });

  it('prefill a prompt once, and of a longer one only the new tokens', async () => {
    assert.equal((await complete(engine, { prompt, widths: XL, maxTokens: 0 })).prefilledTokens, 70);
    const longer = await complete(engine, { prompt: [...prompt, 1, 2, 3], widths: XL, maxTokens: 0 });
    assert.deepEqual([longer.reusedTokens, longer.prefilledTokens], [70, 3]);
  });

  it('prefill nothing again when the submodel changes in the middle of a completion', async () => {
    const begun = await complete(engine, { prompt, widths: XL, maxTokens: 8 });
    for (const widths of [S, XL, MIX]) {
      const went = await complete(engine, { prompt: [...prompt, ...begun.tokens], widths, maxTokens: 4 });
      assert.deepEqual([went.reusedTokens, went.prefilledTokens], [77, 1]);
    }
  });

  it('prefill again the positions of a submodel that skips layers, but not the other way round', async () => {
    await complete(engine, { prompt, widths: XS, maxTokens: 0 });
    assert.equal((await complete(engine, { prompt, widths: S, maxTokens: 0 })).reusedTokens, 0);
    assert.equal((await complete(engine, { prompt, widths: XS, maxTokens: 0 })).reusedTokens, 69);
  });

  it('are answered as by a new engine, whatever was asked before', async () => {
    for (const widths of [XS, S, XL]) await complete(engine, { prompt: prompt.slice(0, 50), widths, maxTokens: 10 });
    await complete(engine, { prompt: prompt.with(0, 5), widths: XL, maxTokens: 3 });
    const used = await complete(engine, { prompt, widths: XL });
    const fresh = new OnnxEngine(ROOT, checkpoint, 1);
    const unused = await complete(fresh, { prompt, widths: XL });
    fresh.dispose();
    assert.deepEqual(used.tokens, unused.tokens);
    assert.ok(relativeError(used.probabilities, unused.probabilities) < 1e-3);
  });

  it('end before a stop token, which is not reported', async () => {
    const free = await complete(engine, { prompt, widths: XL });
    const stopped = await complete(engine, { prompt, widths: XL, stopTokens: [free.tokens[4]!] });
    assert.equal(stopped.reason, 'stop');
    assert.deepEqual(stopped.tokens, free.tokens.slice(0, free.tokens.indexOf(free.tokens[4]!)));
  });

  it('do not begin with a banned token', async () => {
    const free = await complete(engine, { prompt, widths: XL });
    const other = await complete(engine, { prompt, widths: XL, bannedFirstTokens: [free.tokens[0]!] });
    assert.notEqual(other.tokens[0], free.tokens[0]);
  });

  it('end at the end of the context, with that reason', async () => {
    const { reason, tokens } = await complete(engine, { prompt, widths: S, maxTokens: 1000 });
    assert.equal(reason, 'context');
    assert.equal(tokens.length, TINY.contextLength - prompt.length + 1);
  });

  it('stop between tokens when aborted, without an effect on the next', async () => {
    const expected = await complete(engine, { prompt, widths: XL });
    const aborted = await complete(
      engine,
      { prompt: prompt.toReversed(), widths: XL, maxTokens: 80 },
      (count, abort) => {
        if (count === 3) abort();
      },
    );
    assert.deepEqual([aborted.reason, aborted.tokens.length], ['aborted', 3]);
    assert.deepEqual((await complete(engine, { prompt, widths: XL })).tokens, expected.tokens);
  });

  it('report what the cache keeps of a prompt whose prefill was aborted', async () => {
    const controller = new AbortController();
    const cachedTokens = await new Promise((resolve) => {
      engine.generate({ prompt, widths: XL, maxTokens: 0, stopTokens: [] }, controller.signal, (event) => {
        if (event.type === 'progress') controller.abort();
        if (event.type === 'end') resolve(event.cachedTokens);
      });
    });
    assert.equal(cachedTokens, 64);
    assert.equal((await complete(engine, { prompt, widths: XL })).reusedTokens, 64);
  });

  it('end at once when aborted before their turn', async () => {
    const order: string[] = [];
    const first = complete(engine, { prompt, widths: XL }).then(() => order.push('first'));
    const controller = new AbortController();
    const second = new Promise<void>((resolve) => {
      engine.generate({ prompt, widths: S, maxTokens: 5, stopTokens: [] }, controller.signal, (event) => {
        if (event.type === 'end') order.push(event.reason);
        resolve();
      });
    });
    controller.abort();
    await Promise.all([first, second]);
    assert.deepEqual(order, ['aborted', 'first']);
  });

  it('run one after the other', async () => {
    const alone = await complete(engine, { prompt, widths: XL });
    const [a, b] = await Promise.all([
      complete(engine, { prompt, widths: XL }),
      complete(engine, { prompt: prompt.slice(0, 20), widths: S }),
    ]);
    assert.deepEqual(a.tokens, alone.tokens);
    assert.equal(b.reason, 'length');
  });

  const bad: [string, number[], number[], RegExp][] = [
    ['no tokens', [], S, /needs at least one token/],
    ['a token outside the vocabulary', [1, 96], S, /the token 96 is not in the vocabulary of 96/],
    ['too few widths', [1], [32, 32], /has 4 widths, not 2/],
    ['a width beyond the model', [1], [32, 32, 160, 32], /the width 160 is not a multiple/],
    ['a prompt longer than the context', Array<number>(161).fill(1), S, /has 161 tokens, the model's context 160/],
  ];
  for (const [name, tokens, widths, message] of bad) {
    it(`are refused with a message that names the fault: ${name}`, async () => {
      await assert.rejects(async () => complete(engine, { prompt: tokens, widths }), message);
      assert.equal((await complete(engine, { prompt, widths: S, maxTokens: 1 })).tokens.length, 1);
    });
  }

  it('are decoded without drafts, because a submodel that drafts would replace the weights', async () => {
    const speculation = { widths: S, maxTokens: 4, always: true };
    const { drafts, tokens } = await complete(engine, { prompt, widths: XL, maxTokens: 8, speculation });
    assert.deepEqual([drafts.writtenDrafts, drafts.copiedDrafts, tokens.length], [0, 0, 8]);
  });

  it('fail with the tensor’s name if it is missing', async () => {
    const entries = Object.entries(checkpoint.tensors).filter(([name]) => name !== 'model.norm.weight');
    const tensors = Object.fromEntries(entries);
    const broken = new OnnxEngine(ROOT, { ...checkpoint, tensors }, 1);
    await assert.rejects(complete(broken, { prompt, widths: S }), /tensor model.norm.weight is missing/);
    broken.dispose();
  });

  it('fail if the logits are not numbers', async () => {
    const tensors = randomTensors(TINY);
    tensors['model.layers.1.mlp.down_proj.weight_scale']!.values[3] = Number.NaN;
    const broken = new OnnxEngine(ROOT, tinyCheckpoint(TINY, tensors), 1);
    await assert.rejects(complete(broken, { prompt, widths: S }), /ONNX Runtime computed logits that are not numbers/);
    broken.dispose();
  });
});

describe('matrices that are stored as float', () => {
  before(function () {
    needOnnxRuntime(this);
  });

  for (const dtype of ['F32', 'F16'] as const) {
    it(`are quantised by row: ${dtype}`, async () => {
      const tensors = randomTensors(TINY);
      for (const [name, tensor] of Object.entries(tensors)) {
        const scale = tensors[`${name}_scale`]?.values;
        if (!scale) continue;
        const k = tensor.shape[1]!;
        tensors[name] = {
          dtype,
          shape: tensor.shape,
          values: tensor.values.map((v, i) => v * scale[Math.floor(i / k)]!),
        };
      }
      const checkpoint = tinyCheckpoint(TINY, tensors);
      const native = new LocalEngine(ROOT, checkpoint, 1);
      const onnx = new OnnxEngine(ROOT, checkpoint, 1);
      const tokens = Array.from({ length: 40 }, (_, i) => (i * 37) % TINY.vocabularySize);
      const expected = (await native.logits(tokens, MIX)).subarray(20 * TINY.vocabularySize);
      const error = relativeError(await onnx.logits(tokens, MIX, 20), expected);
      assert.ok(error < 0.06, `the relative error is ${error}`);
      native.dispose();
      onnx.dispose();
    });
  }
});
