import assert from 'node:assert/strict';
import type { NativeEngine } from '../../src/engine/addon';
import type { ModelConfig } from '../../src/matlm/config';
import { addon, generate, logits } from './harness';
import { random, type Tensors, TINY, writeWeights } from './tinyCheckpoint';

/** Every switch is on, and no shape but those that must be is a multiple of what the kernels take at once. */
const MODEL: ModelConfig = {
  ...TINY,
  hiddenSize: 96,
  layers: 3,
  heads: 8,
  kvHeads: 2,
  headDim: 20,
  vocabularySize: 99,
  ropeFrequencies: Array.from({ length: 10 }, (_, i) => 10000 ** ((-2 * i) / 20) / 4),
  ropeMagnitude: 1.1,
  hasAttentionBias: true,
  hasOutputBias: true,
  hasQkNorm: false,
  hasTiedHead: false,
  embeddingScale: 2,
  attentionScale: 0.15,
  residualScale: 0.7,
  logitScale: 0.5,
};

type Form = '8 bits' | '4 bits' | '4 bits with minimums';

function randomGroups(form: Form): Tensors {
  const { hiddenSize: d, headDim, heads, kvHeads, ffnSize, vocabularySize } = MODEL;
  const next = random(11);
  const tensors: Tensors = {};
  const between = (count: number, from: number, to: number) =>
    Float32Array.from({ length: count }, () => from + (to - from) * next());
  const vector = (name: string, size: number, from: number, to: number) => {
    tensors[name] = { dtype: 'F32', shape: [size], values: between(size, from, to) };
  };
  const matrix = (name: string, rows: number, k: number, is: Form = form) => {
    const groups = [rows, k / 32];
    const count = (rows * k) / 32;
    const step = 1 / Math.sqrt(k) / (is === '8 bits' ? 64 : 4);
    tensors[`${name}.weight_scale`] = { dtype: 'F16', shape: groups, values: between(count, step / 2, 2 * step) };
    if (is === '8 bits') {
      const values = between(rows * k, -127, 127).map(Math.round);
      tensors[`${name}.weight`] = { dtype: 'I8', shape: [rows, k], values };
      return;
    }
    const values = between((rows * k) / 2, 0, 255).map(Math.round);
    tensors[`${name}.weight_packed`] = { dtype: 'U8', shape: [rows, k / 2], values };
    if (is !== '4 bits with minimums') return;
    tensors[`${name}.weight_min`] = { dtype: 'F16', shape: groups, values: between(count, -16 * step, -4 * step) };
  };
  for (let i = 0; i < MODEL.layers; i++) {
    const layer = `model.layers.${i}`;
    vector(`${layer}.input_layernorm.weight`, d, 0.5, 1.5);
    vector(`${layer}.post_attention_layernorm.weight`, d, 0.5, 1.5);
    for (const [name, count] of [
      ['q', heads],
      ['k', kvHeads],
      ['v', kvHeads],
    ] as const) {
      matrix(`${layer}.self_attn.${name}_proj`, count * headDim, d);
      vector(`${layer}.self_attn.${name}_proj.bias`, count * headDim, -1, 1);
    }
    matrix(`${layer}.self_attn.o_proj`, d, heads * headDim);
    vector(`${layer}.self_attn.o_proj.bias`, d, -1, 1);
    matrix(`${layer}.mlp.gate_proj`, ffnSize, d);
    matrix(`${layer}.mlp.up_proj`, ffnSize, d);
    matrix(`${layer}.mlp.down_proj`, d, ffnSize);
  }
  matrix('model.embed_tokens', vocabularySize, d, '8 bits');
  matrix('lm_head', vocabularySize, d, '8 bits');
  vector('model.norm.weight', d, 0.5, 1.5);
  return tensors;
}

for (const form of ['8 bits', '4 bits', '4 bits with minimums'] as const) {
  describe(`a model of weights in groups, ${form}`, () => {
    const weights = writeWeights(randomGroups(form));
    const whole = Array<number>(MODEL.layers).fill(MODEL.ffnSize);
    const next = random(7);
    const below = (n: number) => Math.floor(next() * n);
    const open = (options: object = {}): NativeEngine =>
      new addon.Engine({ ...weights, config: MODEL, threads: 1, ...options });

    it('has the same logits with every instruction set and any number of threads, for every width', async () => {
      const tokens = Array.from({ length: 50 }, () => below(MODEL.vocabularySize));
      const plain = open({ isa: 'scalar' });
      for (const widths of [whole, [32, 96, 64], [128, 0, 32]]) {
        const expected = await logits(plain, tokens, widths);
        assert.ok(expected.every(Number.isFinite));
        for (const isa of addon.supportedIsas) {
          for (const threads of [1, 3]) {
            const engine = open({ isa, threads });
            assert.deepEqual(await logits(engine, tokens, widths), expected, `${isa}, ${threads} threads`);
            engine.dispose();
          }
        }
      }
      plain.dispose();
    });

    it('writes the same text if the prompt arrives at once or token by token', async () => {
      const tokens = Array.from({ length: 70 }, () => below(MODEL.vocabularySize));
      const [engine, other] = [open(), open()];
      const atOnce = await generate(engine, tokens, whole, 20);
      for (let n = 1; n < tokens.length; n++) await generate(other, tokens.slice(0, n), whole, 1);
      const bitByBit = await generate(other, tokens, whole, 20);
      assert.equal(bitByBit.prefilledTokens, 1);
      assert.deepEqual(bitByBit.tokens, atOnce.tokens);
      assert.deepEqual(bitByBit.probabilities, atOnce.probabilities);
      engine.dispose();
      other.dispose();
    });

    it('writes the same text with drafts as without', async () => {
      const [plainly, drafting] = [open(), open({ threads: 2 })];
      let [accepted, rejected] = [0, 0];
      for (let round = 0; round < 20; round++) {
        const kinds = 2 + below(20);
        const prompt = Array.from({ length: 1 + below(60) }, () => below(kinds));
        const plain = await generate(plainly, prompt, whole, 24);
        const options = { draftTokens: 1 + below(8), draftWidths: [96, 96, 96], draftAlways: true };
        const drafted = await generate(drafting, prompt, whole, 24, options);
        assert.deepEqual(drafted.tokens, plain.tokens);
        assert.deepEqual(drafted.probabilities, plain.probabilities);
        const { copiedDrafts, copiedAccepted, writtenDrafts, writtenAccepted } = drafted.drafts!;
        accepted += copiedAccepted + writtenAccepted;
        rejected += copiedDrafts + writtenDrafts - copiedAccepted - writtenAccepted;
      }
      assert.ok(accepted > 0 && rejected > 0, `${accepted} accepted, ${rejected} rejected`);
      plainly.dispose();
      drafting.dispose();
    });
  });
}
