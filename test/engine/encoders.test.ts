import assert from 'node:assert/strict';
import type { NativeEncoder, NativeEncoderConfig } from '../../src/engine/addon';
import { Encoder, prefixOf } from '../../src/encoders/encoder';
import { randomEncoderTensors, TINY_PICTURE_ENCODER, TINY_TEXT_ENCODER, writeTinyEncoder } from '../tinyEncoder';
import { addon } from './harness';
import { type ReferenceInput, referenceEmbedding } from './reference';
import { random, randomEncoder, type Tensors, TINY, without, writeWeights } from './tinyCheckpoint';

const TEXTS: NativeEncoderConfig = {
  ...TINY,
  isCausal: false,
  poolsLast: false,
  embeddingSize: 48,
  maxInput: 100, // not a multiple of 16
};
const CAUSAL: NativeEncoderConfig = { ...TEXTS, isCausal: true, poolsLast: true };
const PICTURES: NativeEncoderConfig = {
  ...TEXTS,
  maxInput: 9,
  picture: { size: 12, patch: 4, channels: 3 },
};

const XL = [128, 128, 128, 128];
const WIDTHS = { S: [32, 32, 32, 32], XL, mixed: [96, 0, 32, 128], none: [0, 0, 0, 0] };

const next = random(5);
const tokensOf = (length: number) => Array.from({ length }, () => Math.floor(next() * TINY.vocabularySize));
const texts = [1, 3, 16, 17, 40, 100, 2, 31, 33, 100, 5].map(tokensOf);
const picture = (size = 12) => Uint8Array.from({ length: size * size * 3 }, () => Math.floor(next() * 256));

function open(
  config: NativeEncoderConfig,
  tensors: Tensors = randomEncoder(config),
  threads = 1,
  isa = addon.supportedIsas[0]!,
) {
  return new addon.Encoder({ ...writeWeights(tensors), config, threads, isa });
}

function request(encoder: NativeEncoder, inputs: readonly number[][], widths: readonly number[]) {
  let end = 0;
  const ends = inputs.map(({ length }) => (end += length));
  return encoder.embedTokens(Int32Array.from(inputs.flat()), Int32Array.from(ends), Int32Array.from(widths));
}

/** A row for each input. */
async function embed(encoder: NativeEncoder, inputs: readonly number[][], widths: readonly number[] = XL) {
  const all = await request(encoder, inputs, widths).result;
  return inputs.map((_, i) => all.slice(i * 48, (i + 1) * 48));
}

function cosine(a: ArrayLike<number>, b: ArrayLike<number>): number {
  let [ab, aa, bb] = [0, 0, 0];
  for (let i = 0; i < a.length; i++) {
    ab += a[i]! * b[i]!;
    aa += a[i]! ** 2;
    bb += b[i]! ** 2;
  }
  assert.equal(a.length, b.length);
  return ab / Math.sqrt(aa * bb);
}

describe('an encoder', () => {
  // The engine rounds the inputs of each matrix to int8, an error of 0.5 % of their length at a right angle to them. Over four
  // layers and the projection they add up to 1 to 4 %, and the cosine is below 1 by half of the square.
  const LEAST_COSINE = 0.999;
  for (const [name, config] of Object.entries({ TEXTS, CAUSAL, PICTURES })) {
    it(`computes the embeddings that the equations give, at each size and with layers skipped: ${name}`, async () => {
      const tensors = randomEncoder(config);
      const encoder = open(config, tensors);
      const inputs: ReferenceInput[] = config.picture
        ? [0, 1, 2].map(() => ({ pixels: picture() }))
        : texts.slice(0, 5).map((tokens) => ({ tokens }));
      for (const [submodel, widths] of Object.entries(WIDTHS)) {
        for (const input of inputs) {
          const { tokens = [], pixels } = input;
          const found = pixels
            ? await encoder.embedPictures(pixels, Int32Array.from(widths)).result
            : (await embed(encoder, [[...tokens]], widths))[0]!;
          const expected = referenceEmbedding(config, tensors, widths, input);
          const similarity = cosine(found, expected);
          assert.ok(similarity > LEAST_COSINE, `${submodel}, ${tokens.length} tokens: ${similarity}`);
          assert.ok(Math.abs(cosine(found, found) - 1) < 1e-6);
          assert.ok(Math.abs(Math.hypot(...found) - 1) < 1e-6);
        }
      }
      encoder.dispose();
    });
  }

  it('gives the same bits alone and in any company, on any number of threads, with every instruction set', async () => {
    for (const config of [TEXTS, CAUSAL]) {
      const tensors = randomEncoder(config);
      const encoders = addon.supportedIsas.flatMap((isa) =>
        [1, 3].map((threads) => open(config, tensors, threads, isa)),
      );
      const expected: Float32Array[] = [];
      for (const text of texts) expected.push((await embed(encoders[0]!, [text], WIDTHS.mixed))[0]!);
      for (const encoder of encoders) {
        assert.deepEqual(await embed(encoder, texts, WIDTHS.mixed), expected, encoder.isa);
        assert.deepEqual(
          await embed(encoder, [...texts].reverse(), WIDTHS.mixed),
          [...expected].reverse(),
          encoder.isa,
        );
        encoder.dispose();
      }
    }
    const pictures = [picture(), picture(), picture()];
    const tensors = randomEncoder(PICTURES);
    const [alone, ...others] = addon.supportedIsas.map((isa, i) => open(PICTURES, tensors, 1 + 2 * i, isa));
    const widths = Int32Array.from(XL);
    const expected = [];
    for (const one of pictures) expected.push(...(await alone!.embedPictures(one, widths).result));
    for (const encoder of [alone!, ...others]) {
      const together = Uint8Array.from(pictures.flatMap((one) => [...one]));
      assert.deepEqual([...(await encoder.embedPictures(together, widths).result)], expected, encoder.isa);
    }
  });

  it('stops at an abort, and serves the next request', async () => {
    const encoder = open(TEXTS);
    const many = Array.from({ length: 400 }, () => tokensOf(100));
    const running = request(encoder, many, XL);
    const waiting = request(encoder, many, XL);
    waiting.abort();
    await assert.rejects(waiting.result, { name: 'AbortError' });
    running.abort();
    running.abort();
    await assert.rejects(running.result, { name: 'AbortError' });
    assert.equal((await embed(encoder, [[1, 2]])).length, 1);
    const last = request(encoder, many, XL);
    encoder.dispose();
    await assert.rejects(last.result, { name: 'AbortError' });
    assert.throws(() => encoder.isa, /disposed/);
    last.abort();
  });

  it('refuses what it cannot read, and says why', async () => {
    const encoder = open(TEXTS);
    const bad =
      (inputs: number[][], widths = XL) =>
      () =>
        request(encoder, inputs, widths);
    assert.throws(bad([[1], []]), {
      name: 'RangeError',
      message: /input 1 has 0 tokens, but must have between 1 and 100/,
    });
    assert.throws(bad([tokensOf(101)]), /input 0 has 101 tokens/);
    assert.throws(bad([[96]]), /the token 96 is not in the vocabulary of 96/);
    assert.throws(bad([[-1]]), /the token -1/);
    assert.throws(bad([[1]], [128]), /has 4 widths, not 1/);
    assert.throws(bad([[1]], [33, 32, 32, 32]), /the width 33/);
    const tokens = Int32Array.of(1, 2, 3);
    for (const ends of [[3, 2], [2], [4], [-1, 3]])
      assert.throws(() => encoder.embedTokens(tokens, Int32Array.from(ends), Int32Array.from(XL)), RangeError);
    assert.throws(
      () => encoder.embedTokens([1] as unknown as Int32Array, tokens, tokens),
      /tokens must be an Int32Array/,
    );
    assert.throws(() => encoder.embedPictures(picture(), Int32Array.from(XL)), /reads tokens, not pictures/);
    assert.deepEqual(await embed(encoder, []), []);

    const pictures = open(PICTURES);
    assert.throws(
      () => pictures.embedPictures(picture().subarray(1), Int32Array.from(XL)),
      /431 bytes, which is not a multiple of the 432/,
    );
    assert.throws(() => request(pictures, [[1]], XL), /reads pictures, not tokens/);
    assert.equal((await pictures.embedPictures(new Uint8Array(), Int32Array.from(XL)).result).length, 0);
  });

  it('blames weights that are not finite, or overflow, on the file', async () => {
    const broken = randomEncoder(TEXTS);
    broken['projection.weight_scale']!.values[3] = NaN;
    assert.throws(() => open(TEXTS, broken), /weights appear corrupt: tensor projection\.weight_scale/);
    const overflowing = randomEncoder(TEXTS);
    overflowing['model.norm.weight']!.values.fill(3e38);
    const encoder = open(TEXTS, overflowing);
    await assert.rejects(
      embed(encoder, [[1, 2, 3]]),
      /model\.safetensors.*activations after model\.norm are not finite/,
    );
    const large = randomEncoder(PICTURES);
    large['patch_embedding.weight_scale']!.values.fill(3e38);
    await assert.rejects(open(PICTURES, large).embedPictures(picture(), Int32Array.from(XL)).result, /not finite/);
  });

  it('refuses weights and shapes that do not belong together', () => {
    assert.throws(
      () => open(TEXTS, without(randomEncoder(TEXTS), 'projection.weight')),
      /projection\.weight is missing/,
    );
    assert.throws(() => open({ ...TEXTS, embeddingSize: 64 }, randomEncoder(TEXTS)), /shape \[48, 80\].*\[64, 80\]/);
    const fault = (change: Partial<NativeEncoderConfig>) => () => open({ ...TEXTS, ...change }, randomEncoder(TEXTS));
    assert.throws(fault({ embeddingSize: 40 }), /encoder\.embedding must be a multiple of 16/);
    assert.throws(fault({ maxInput: 161 }), /encoder\.max_input must be between 1 and max_position_embeddings/);
    assert.throws(
      fault({ picture: { size: 12, patch: 5, channels: 3 } }),
      /must be a multiple of encoder\.picture\.patch/,
    );
    assert.throws(fault({ picture: { size: 12, patch: 1, channels: 3 } }), /must be a multiple of 16/);
  });
});

describe('the folder of an encoder', () => {
  it('embeds texts and pictures in any number, by name or by widths', async () => {
    const encoder = await Encoder.open(writeTinyEncoder(TINY_TEXT_ENCODER), addon);
    assert.deepEqual(
      encoder.submodels().map(({ name }) => name),
      ['S', 'M', 'L', 'XL'],
    );
    const many = Array.from({ length: 40 }, (_, i) => `const value${i} = ${'ab '.repeat(i)};`);
    const all = await encoder.embedTexts(many);
    assert.equal(all.length, 40);
    for (const [i, text] of many.entries()) {
      const [alone] = await encoder.embedTexts([text], { submodel: [96, 96] });
      assert.deepEqual(alone, all[i]);
    }
    assert.notDeepEqual(await encoder.embedTexts(many, { submodel: 'S' }), all);
    // The first 32 tokens count.
    const [cut, longer] = await encoder.embedTexts(['a b '.repeat(20), 'a b '.repeat(100_000)]);
    assert.deepEqual(cut, longer);

    const pictures = await Encoder.open(writeTinyEncoder(TINY_PICTURE_ENCODER), addon, 2);
    const rows = await pictures.embedPictures([picture(16), picture(16)], { submodel: 'M' });
    assert.deepEqual(
      rows.map(({ length }) => length),
      [64, 64],
    );
    encoder.dispose();
    pictures.dispose();
  });

  it('has prefixes of length 1', async () => {
    const encoder = await Encoder.open(writeTinyEncoder(TINY_TEXT_ENCODER), addon);
    const [whole] = await encoder.embedTexts(['export class Stack {}']);
    const prefix = prefixOf(whole!, 16);
    assert.equal(prefix.length, 16);
    assert.ok(Math.abs(Math.hypot(...prefix) - 1) < 1e-6);
    assert.ok(cosine(prefix, whole!.subarray(0, 16)) > 0.999999);
    encoder.dispose();
  });

  it('stops at the signal, with its reason', async () => {
    const encoder = await Encoder.open(writeTinyEncoder(TINY_TEXT_ENCODER), addon);
    const controller = new AbortController();
    const reason = new Error('a key');
    const embedding = encoder.embedTexts(Array<string>(2000).fill('const a = 1;'), { signal: controller.signal });
    setImmediate(() => {
      controller.abort(reason);
    });
    await assert.rejects(embedding, reason);
    await assert.rejects(encoder.embedTexts(['a'], { signal: AbortSignal.abort(reason) }), reason);
    assert.equal((await encoder.embedTexts(['a'], { signal: new AbortController().signal })).length, 1);
    encoder.dispose();
  });

  it('refuses what it cannot embed, and names it', async () => {
    const encoder = await Encoder.open(writeTinyEncoder(TINY_TEXT_ENCODER), addon);
    await assert.rejects(encoder.embedTexts(['a', '']), { name: 'RangeError', message: 'the text 1 has no tokens' });
    await assert.rejects(encoder.embedTexts(['a'], { submodel: 'XS' }), /no submodel XS; it has S, M, L, XL/);
    await assert.rejects(encoder.embedTexts(['a'], { submodel: 'constructor' }), /no submodel constructor/);
    await assert.rejects(encoder.embedTexts(['a'], { submodel: [96] }), /has 2 widths, not 1/);
    await assert.rejects(encoder.embedPictures([picture(16)]), /embeds texts, not pictures/);
    const pictures = await Encoder.open(writeTinyEncoder(TINY_PICTURE_ENCODER), addon);
    await assert.rejects(pictures.embedPictures([picture(16), picture(12)]), /the picture 1 has 432 bytes of 768/);
    await assert.rejects(pictures.embedTexts(['a']), /embeds pictures, not texts/);
  });

  it('is refused with the name of the file at fault', async () => {
    const tensors = randomEncoderTensors(TINY_TEXT_ENCODER);
    tensors.get('projection.weight')!.values[0] = NaN;
    await assert.rejects(
      Encoder.open(writeTinyEncoder(TINY_TEXT_ENCODER, tensors), addon),
      /model\.safetensors: .*corrupt: tensor projection\.weight holds .* Restore the file/,
    );
    const missing = randomEncoderTensors(TINY_TEXT_ENCODER);
    missing.delete('model.norm.weight');
    await assert.rejects(
      Encoder.open(writeTinyEncoder(TINY_TEXT_ENCODER, missing), addon),
      /model\.safetensors: the tensor model\.norm\.weight is missing/,
    );
    await assert.rejects(Encoder.open('/nowhere', addon), /there is no such folder/);
  });
});
