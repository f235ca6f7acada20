/** The shipped encoders against PyTorch's embeddings with the same weights. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { inflateSync } from 'node:zlib';
import { Encoder } from '../../src/encoders/encoder';
import { addon, ROOT } from './harness';

/** Of `training.encoders.golden` and of `training.encoders.golden_pictures`. */
interface Golden {
  /** SHA-256 of the weights that PyTorch read. */
  readonly checkpoint: string;
  /** Texts with their tokens, of which an encoder reads the first. */
  readonly inputs?: readonly { readonly text: string; readonly tokens: readonly number[] }[];
  readonly texts?: readonly string[];
  readonly tokens?: readonly (readonly number[])[];
  /** Deflated, in base64. */
  readonly pixels?: readonly string[];
  /** Embeddings as float32 in base64: one for each input, or all together with the widths. */
  readonly submodels: Readonly<
    Record<string, readonly string[] | { readonly widths: readonly number[]; readonly embeddings: string }>
  >;
}

/**
 * The engine rounds the inputs of each matrix to int8, those of `down` and of the projection more precisely. An error of 1 % in
 * an embedding, at a right angle to it, takes half of its square from the cosine, 0.00005.
 */
const LEAST_COSINE = 0.999;

const ENCODERS = join(ROOT, 'models', 'encoders');

for (const name of readdirSync(ENCODERS)) {
  describe(`the shipped encoder ${name}`, () => {
    let encoder: Encoder;
    let golden: Golden;

    before(async () => {
      encoder = await Encoder.open(join(ENCODERS, name), addon, 2);
      golden = JSON.parse(readFileSync(join(__dirname, 'fixtures', `encoders-${name}.json`), 'utf8')) as Golden;
      const weights = readFileSync(join(ENCODERS, name, 'model.safetensors'));
      const digest = createHash('sha256').update(weights).digest('hex');
      const remedy = 'run python -m training.encoders.golden or golden_pictures';
      assert.equal(golden.checkpoint, digest, `encoders-${name}.json is of other weights: ${remedy}`);
    });
    after(() => {
      encoder.dispose();
    });

    it('reads the same tokens as Python, if it reads texts', () => {
      assert.equal(encoder.tokenizer === undefined, golden.pixels !== undefined);
      if (!encoder.tokenizer) return;
      for (const { text, tokens } of textsOf(golden)) assert.deepEqual(encoder.tokenizer.encode(text), tokens);
    });

    it('embeds as PyTorch does with every submodel', async () => {
      assert.ok(encoder.submodels().every((submodel) => Object.hasOwn(golden.submodels, submodel.name)));
      for (const [submodel, expected] of Object.entries(golden.submodels)) {
        const options = { submodel: 'widths' in expected ? expected.widths : submodel };
        const found = golden.pixels
          ? await encoder.embedPictures(
              golden.pixels.map((pixels) => inflateSync(Buffer.from(pixels, 'base64'))),
              options,
            )
          : await encoder.embedTexts(
              textsOf(golden).map(({ text }) => text),
              options,
            );
        const rows = rowsOf('widths' in expected ? [expected.embeddings] : expected, encoder.config.embeddingSize);
        assert.equal(found.length, rows.length);
        for (const [i, row] of found.entries()) {
          const cosine = row.reduce((sum, value, j) => sum + value * rows[i]![j]!, 0);
          assert.ok(cosine > LEAST_COSINE, `${submodel}, input ${i}: the cosine is ${cosine}`);
        }
      }
    });
  });
}

function textsOf({ inputs, texts, tokens }: Golden) {
  return inputs ?? texts?.map((text, i) => ({ text, tokens: tokens?.[i] })) ?? [];
}

function rowsOf(parts: readonly string[], size: number): Float32Array[] {
  const bytes = Buffer.concat(parts.map((part) => Buffer.from(part, 'base64')));
  const all = new Float32Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length));
  return Array.from({ length: all.length / size }, (_, i) => all.subarray(i * size, (i + 1) * size));
}
