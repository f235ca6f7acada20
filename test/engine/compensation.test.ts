import assert from 'node:assert/strict';
import type { NativeEngine } from '../../src/engine/addon';
import { LocalEngine } from '../../src/engine/native';
import { hasGraph } from '../../src/engine/onnx/graph';
import type { ModelConfig } from '../../src/matlm/config';
import { checkTensors } from '../../src/matlm/tensors';
import { addon, generate, logits, relativeError, ROOT } from './harness';
import { referenceActivations, referenceLogits } from './reference';
import {
  random,
  randomTensors,
  type Tensors,
  TINY,
  tinyCheckpoint,
  withForm,
  without,
  writeWeights,
} from './tinyCheckpoint';

const MODEL: ModelConfig = { ...TINY, hasCompensation: true };
const WHOLE = Array<number>(MODEL.layers).fill(MODEL.ffnSize);
const FORMS = ['rows', 'float', '8', '4', '4min'] as const;

/** A random model with mean activations that are large enough to matter. */
function compensated(form: (typeof FORMS)[number], mean = (next: number) => next - 0.3, config = MODEL): Tensors {
  let tensors = randomTensors(config);
  const next = random(3);
  for (let l = 0; l < config.layers; l++) {
    const name = `model.layers.${l}.mlp.down_proj`;
    if (form !== 'rows') tensors = withForm(tensors, name, form);
    const values = Float32Array.from({ length: config.ffnSize }, () => mean(next()));
    tensors[`model.layers.${l}.mlp.mean_active`] = { dtype: 'F32', shape: [config.ffnSize], values };
  }
  return tensors;
}

describe('a submodel that is compensated for the units it lacks', () => {
  const next = random(5);
  const below = (n: number) => Math.floor(next() * n);
  const text = (length: number) => Array.from({ length }, () => below(MODEL.vocabularySize));
  const tokens = text(90);
  const open = (tensors: Tensors, options: object = {}, config = MODEL): NativeEngine =>
    new addon.Engine({ ...writeWeights(tensors), config, threads: 1, ...options });

  for (const form of FORMS) {
    it(`adds their mean contribution, derived from the weights, for any width: ${form}`, async () => {
      const tensors = compensated(form);
      const engine = open(tensors);
      for (const widths of [
        [32, 32, 32, 32],
        [96, 64, 128, 32],
        [64, 0, 96, 128],
      ]) {
        const found = await logits(engine, tokens, widths);
        const expected = referenceLogits(MODEL, tensors, widths, tokens).flat();
        const error = relativeError(found, expected);
        assert.ok(error < 0.03, `${widths.join()}: the relative error is ${error}`);
        const plain = referenceLogits(TINY, tensors, widths, tokens).flat();
        assert.ok(relativeError(found, plain) > 0.15, 'the test would notice if nothing were added');
      }
      engine.dispose();
    });
  }

  it('adds it before the factor of what a block adds to the residual stream', async () => {
    const config = { ...MODEL, residualScale: 0.3 };
    const tensors = compensated('8');
    const engine = open(tensors, {}, config);
    const found = await logits(engine, tokens, [32, 64, 32, 96]);
    const expected = referenceLogits(config, tensors, [32, 64, 32, 96], tokens).flat();
    assert.ok(relativeError(found, expected) < 0.03);
    engine.dispose();
  });

  it('adds nothing to the whole model', async () => {
    const tensors = compensated('rows');
    const [engine, plain] = [open(tensors), open(tensors, {}, TINY)];
    assert.deepEqual(await logits(engine, tokens, WHOLE), await logits(plain, tokens, WHOLE));
    engine.dispose();
    plain.dispose();
  });

  it('has the same bits with every instruction set, any number of threads and whatever came before', async () => {
    const submodels = [
      [32, 96, 64, 128],
      [64, 32, 0, 96],
    ];
    for (const form of FORMS) {
      const weights = writeWeights(compensated(form));
      const plain = new addon.Engine({ ...weights, config: MODEL, threads: 1, isa: 'scalar' });
      const expected = [];
      for (const widths of submodels) expected.push(await logits(plain, tokens, widths));
      plain.dispose();
      for (const isa of addon.supportedIsas) {
        for (const threads of [1, 3]) {
          const engine = new addon.Engine({ ...weights, config: MODEL, threads, isa });
          const found = [];
          for (const widths of [...submodels].reverse()) found.unshift(await logits(engine, tokens, widths));
          assert.deepEqual(found, expected, `${form}, ${isa}, ${threads} threads`);
          engine.dispose();
        }
      }
    }
  });

  it('writes the same text with drafts as without, if drafter and target are compensated', async () => {
    const weights = writeWeights(compensated('rows'));
    const [plainly, drafting] = [
      new addon.Engine({ ...weights, config: MODEL, threads: 1 }),
      new addon.Engine({ ...weights, config: MODEL, threads: 2 }),
    ];
    let [accepted, rejected] = [0, 0];
    for (let round = 0; round < 40; round++) {
      const target = round % 2 === 0 ? WHOLE : [96, 128, 64, 96];
      const draftWidths = round % 3 === 0 ? [32, 0, 32, 0] : target.map((width) => 32 * (1 + below(width / 32)));
      const prompt = text(1 + below(60));
      const plain = await generate(plainly, prompt, target, 24);
      const options = { draftTokens: 1 + below(8), draftWidths, draftAlways: true };
      const drafted = await generate(drafting, prompt, target, 24, options);
      assert.deepEqual(drafted.tokens, plain.tokens);
      assert.deepEqual(drafted.probabilities, plain.probabilities);
      const { writtenDrafts, writtenAccepted } = drafted.drafts!;
      accepted += writtenAccepted;
      rejected += writtenDrafts - writtenAccepted;
    }
    assert.ok(accepted > 0 && rejected > 0, `${accepted} accepted, ${rejected} rejected`);
    plainly.dispose();
    drafting.dispose();
  });

  it('goes on from the keys and values of another width', async () => {
    const engine = open(compensated('rows'));
    const small = [32, 64, 32, 64];
    await generate(engine, tokens, WHOLE, 0);
    const { reusedTokens, reason } = await generate(engine, [...tokens, 1, 2], small, 4);
    assert.equal(reason, 'length');
    assert.equal(reusedTokens, tokens.length);
    engine.dispose();
  });

  it('is refused if the means are missing, too few or not finite', () => {
    const name = 'model.layers.2.mlp.mean_active';
    const missing = without(compensated('rows'), name);
    assert.throws(() => open(missing), /model\.layers\.2\.mlp\.mean_active is missing/);
    assert.throws(() => {
      checkTensors('model.safetensors', MODEL, writeWeights(missing).tensors);
    }, /mean_active is missing/);
    const short = compensated('rows');
    short[name] = { dtype: 'F32', shape: [96], values: new Float32Array(96) };
    assert.throws(() => open(short), /mean_active has the shape \[96\], but config\.json implies \[128\]/);
    const broken = compensated('rows');
    broken[name]!.values[77] = NaN;
    assert.throws(
      () => open(broken),
      /corrupt: tensor model\.layers\.2\.mlp\.mean_active holds a value that is not finite/,
    );
  });

  it('fails with the reason if the weights overflow in its bias', async () => {
    const engine = open(compensated('rows', () => 3e38));
    await assert.rejects(logits(engine, tokens, [32, 32, 32, 32]), /corrupt: the activations .* are not finite/);
    assert.ok(await logits(engine, tokens, WHOLE));
    engine.dispose();
  });

  it('has no graph: the native engine alone computes it', () => {
    const { tensors } = writeWeights(compensated('rows'));
    assert.ok(hasGraph({ config: TINY, tensors }));
    assert.ok(!hasGraph({ config: MODEL, tensors }));
  });
});

describe('the activations of the hidden units over a text', () => {
  const next = random(17);
  const tokens = Array.from({ length: 150 }, () => Math.floor(next() * TINY.vocabularySize));
  const tensors = randomTensors(TINY);
  const checkpoint = tinyCheckpoint(TINY, tensors) as unknown as ConstructorParameters<typeof LocalEngine>[1];
  const open = (threads = 1) => new LocalEngine(ROOT, checkpoint, threads);

  it('are the mean and the mean square of each', async () => {
    const engine = open();
    const found = await engine.activations(tokens);
    const expected = referenceActivations(TINY, tensors, tokens);
    assert.equal(found.mean.length, TINY.layers * TINY.ffnSize);
    assert.ok(relativeError(found.mean, expected.mean) < 0.03);
    assert.ok(relativeError(found.square, expected.square) < 0.03);
    engine.dispose();
  });

  it('have the same bits with every instruction set, any number of threads and whatever is in the cache', async () => {
    const engine = open();
    const expected = await engine.activations(tokens);
    assert.deepEqual(await engine.activations(tokens), expected);
    engine.dispose();
    const weights = { weightsPath: checkpoint.weightsFile, tensors: checkpoint.tensors };
    for (const isa of addon.supportedIsas) {
      for (const threads of [1, 2, 3]) {
        const other = new addon.Engine({ ...weights, config: TINY, threads, isa });
        await generate(other, tokens.slice(0, 70), WHOLE, 4);
        assert.deepEqual(await gathered(other, tokens), expected, `${isa}, ${threads} threads`);
        other.dispose();
      }
    }
  });

  it('of one token are its activations and their squares', async () => {
    const engine = open();
    const { mean, square } = await engine.activations([7]);
    assert.deepEqual(
      square,
      mean.map((h) => h * h),
    );
    engine.dispose();
  });

  it('leave a cache from which the next request does not notice them', async () => {
    const [engine, other] = [open(), open()];
    await engine.activations(tokens);
    const found = await engine.logProbabilities(tokens, WHOLE, 10);
    assert.deepEqual(found, await other.logProbabilities(tokens, WHOLE, 10));
    engine.dispose();
    other.dispose();
  });

  it('are not gathered of nothing, of unknown tokens, beyond the context or of a submodel', async () => {
    const engine = open();
    await assert.rejects(engine.activations([]), /at least one token/);
    await assert.rejects(engine.activations([96]), /the token 96 is not in the vocabulary/);
    await assert.rejects(engine.activations(Array<number>(161).fill(1)), /161 tokens, the model's context 160/);
    engine.dispose();
    const native = new addon.Engine({
      weightsPath: checkpoint.weightsFile,
      tensors: checkpoint.tensors,
      config: TINY,
      threads: 1,
    });
    await assert.rejects(gathered(native, tokens, [128, 128, 96, 128]), /of the whole model/);
    native.dispose();
  });

  it('stop when they are aborted', async () => {
    const engine = open();
    await assert.rejects(engine.activations(tokens, AbortSignal.abort()), /aborted/);
    const controller = new AbortController();
    const many = Array.from({ length: 8 }, () => engine.activations(tokens, controller.signal));
    controller.abort();
    const ends = await Promise.allSettled(many);
    assert.ok(ends.some(({ status }) => status === 'rejected'));
    assert.ok(await engine.activations(tokens));
    engine.dispose();
  });

  function gathered(engine: NativeEngine, prompt: readonly number[], widths = WHOLE) {
    return new Promise<unknown>((resolve, reject) => {
      let found: unknown;
      const request = {
        tokens: Int32Array.from(prompt),
        widths: Int32Array.from(widths),
        maxTokens: 0,
        stopTokens: new Int32Array(),
        gathersActivations: true,
      };
      engine.generate(request, (event) => {
        if (event.type === 'activations') found = { mean: event.mean, square: event.square };
        if (event.type !== 'end') return;
        if (found) resolve(found);
        else reject(new Error(event.message ?? event.reason));
      });
    });
  }
});

describe('hidden units in another order', () => {
  const tensors = randomTensors(TINY);
  const next = random(23);
  const tokens = Array.from({ length: 100 }, () => Math.floor(next() * TINY.vocabularySize));
  const { hiddenSize, ffnSize } = TINY;

  it('leave the whole model as it was, bit by bit, if `down` has scales by row', async () => {
    const sorted = { ...tensors };
    for (let l = 0; l < TINY.layers; l++) {
      const order = shuffled(ffnSize);
      const layer = `model.layers.${l}.mlp.`;
      for (const name of [`${layer}gate_proj.weight`, `${layer}up_proj.weight`]) {
        for (const part of [name, `${name}_scale`]) {
          const { shape, values } = tensors[part]!;
          const k = shape[1]!;
          const rows = Array.from(order, (row) => [...values.subarray(row * k, (row + 1) * k)]);
          sorted[part] = { ...tensors[part]!, values: Float32Array.from(rows.flat()) };
        }
      }
      const name = `${layer}down_proj.weight`;
      const source = new Uint8Array(Int8Array.from(tensors[name]!.values).buffer);
      const values = new Uint8Array(source.length);
      const none = new Uint8Array();
      const loss = await addon.permuteColumns({
        form: 'rows',
        rows: hiddenSize,
        k: ffnSize,
        order,
        source,
        sourceScales: none,
        sourceMinimums: none,
        values,
        scales: none,
      });
      assert.deepEqual(loss, { squaredError: 0, squaredSum: 0 });
      sorted[name] = { ...tensors[name]!, values: Float32Array.from(new Int8Array(values.buffer)) };
    }
    const engine = new addon.Engine({ ...writeWeights(sorted), config: TINY, threads: 2 });
    const before = new addon.Engine({ ...writeWeights(tensors), config: TINY, threads: 1 });
    assert.deepEqual(await logits(engine, tokens, WHOLE), await logits(before, tokens, WHOLE));
    const narrow = [64, 64, 64, 64];
    assert.notDeepEqual(await logits(engine, tokens, narrow), await logits(before, tokens, narrow));
    engine.dispose();
    before.dispose();
  });

  it('are refused if the order is no permutation, and arrays of a wrong length too', () => {
    const permute = (options: object) =>
      addon.permuteColumns({
        form: '4min',
        rows: 2,
        k: 64,
        order: shuffled(64),
        source: new Uint8Array(64),
        sourceScales: new Uint8Array(8),
        sourceMinimums: new Uint8Array(8),
        values: new Uint8Array(128),
        scales: new Uint8Array(8),
        ...options,
      });
    assert.throws(() => permute({ order: new Int32Array(64) }), /no permutation: it holds the column 0 twice/);
    assert.throws(() => permute({ order: shuffled(65) }), /order has 65 columns, but the matrix has 64/);
    assert.throws(() => permute({ values: new Uint8Array(64) }), /values has 64 bytes of 128/);
    assert.throws(() => permute({ sourceMinimums: new Uint8Array() }), /sourceMinimums has 0 bytes of 8/);
    assert.throws(() => permute({ form: '5' }), /5 is not a form of weights/);
  });

  it('settle with the reason if a weight is not finite', async () => {
    const sourceScales = new Uint8Array(Uint16Array.of(0x7e00).buffer);
    const permutation = {
      form: '8',
      rows: 1,
      k: 32,
      order: shuffled(32),
      source: new Uint8Array(32).fill(1),
      sourceScales,
      sourceMinimums: new Uint8Array(),
      values: new Uint8Array(32),
      scales: new Uint8Array(2),
    } as const;
    await assert.rejects(addon.permuteColumns(permutation), /not finite/);
  });

  function shuffled(count: number): Int32Array {
    return Int32Array.from(
      Array.from({ length: count }, (_, i) => [next(), i] as const).sort(([a], [b]) => a - b),
      ([, i]) => i,
    );
  }
});
