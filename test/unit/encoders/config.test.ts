import assert from 'node:assert/strict';
import { encoderTensorsOf, parseEncoderConfig } from '../../../src/encoders/config';
import { TINY_PICTURE_ENCODER, TINY_TEXT_ENCODER } from '../../tinyEncoder';

type Change = Record<string, unknown>;

/** Changes of the whole, and of its `"encoder"`. A value of undefined leaves the key out. */
function parse(change: Change = {}, encoder: Change = {}, of: { encoder: object } = TINY_TEXT_ENCODER) {
  return parseEncoderConfig(
    'config.json',
    JSON.stringify({ ...of, encoder: { ...of.encoder, ...encoder }, ...change }),
  );
}

describe("an encoder's config.json", () => {
  it('gives the shape, the kind of attention, pooling and input, and the sizes', () => {
    const texts = parse();
    assert.deepEqual(
      [texts.isCausal, texts.poolsLast, texts.embeddingSize, texts.maxInput, texts.picture, texts.vocabularySize],
      [false, false, 64, 32, undefined, 260],
    );
    assert.deepEqual([texts.hasQkNorm, texts.prefixes], [true, [16, 32, 64]]);
    assert.deepEqual({ ...texts.granularities }, TINY_TEXT_ENCODER.matformer.granularities);
    const causal = parse({}, { attention: 'causal', pooling: 'last' });
    assert.deepEqual([causal.isCausal, causal.poolsLast], [true, true]);
    const pictures = parse({ vocab_size: undefined }, {}, TINY_PICTURE_ENCODER);
    assert.deepEqual(pictures.picture, { size: 16, patch: 4, channels: 3 });
  });

  it('names the tensors of what the encoder reads', () => {
    const names = (of: { encoder: object }) => encoderTensorsOf(parse({}, {}, of)).map(({ name }) => name);
    const [texts, pictures] = [names(TINY_TEXT_ENCODER), names(TINY_PICTURE_ENCODER)];
    assert.deepEqual(
      texts.filter((name) => !pictures.includes(name)),
      ['model.embed_tokens.weight'],
    );
    assert.deepEqual(
      pictures.filter((name) => !texts.includes(name)),
      ['patch_embedding.weight', 'position_embedding.weight'],
    );
    assert.ok(!texts.includes('lm_head.weight'));
  });

  const picture = (change: Change) => ({ picture: { ...TINY_PICTURE_ENCODER.encoder.picture, ...change } });
  const faults: [string, RegExp, Change, Change?, { encoder: object }?][] = [
    ['another model', /model_type is "qwen3", but that of an encoder/, { model_type: 'qwen3' }],
    ['no encoder', /"encoder" is not an object/, { encoder: undefined }],
    ['another input', /encoder\.input is "sounds"; the engine knows tokens, patches/, {}, { input: 'sounds' }],
    ['no attention', /encoder\.attention is undefined/, {}, { attention: undefined }],
    ['another pooling', /encoder\.pooling is "max"/, {}, { pooling: 'max' }],
    ['an odd embedding', /encoder\.embedding is not a multiple of 16/, {}, { embedding: 40 }],
    ['no embedding', /encoder\.embedding must be a whole number between 1 and 4096/, {}, { embedding: 0 }],
    ['prefixes in another order', /encoder\.prefixes are not ascending/, {}, { prefixes: [32, 16, 64] }],
    ['prefixes without the whole', /encoder\.prefixes/, {}, { prefixes: [16, 32] }],
    ['no prefixes', /encoder\.prefixes/, {}, { prefixes: [] }],
    ['prefixes that are no numbers', /encoder\.prefixes/, {}, { prefixes: ['16', 64] }],
    ['an input longer than the context', /encoder\.max_input must be .* between 1 and 256/, {}, { max_input: 257 }],
    ['no sizes', /"matformer" has no object of granularities/, { matformer: {} }],
    ['no XL', /the granularity XL is missing/, { matformer: { granularities: { S: [32, 32] } } }],
    ['odd widths', /the widths of XL are not/, { matformer: { granularities: { XL: [33, 32] } } }],
    ['no vocabulary', /vocab_size must be/, { vocab_size: undefined }],
    ['no picture', /encoder\.picture is not an object/, {}, { picture: undefined }, TINY_PICTURE_ENCODER],
    [
      'a patch that does not fit',
      /is not a multiple of encoder\.picture\.patch/,
      {},
      picture({ patch: 5 }),
      TINY_PICTURE_ENCODER,
    ],
    [
      'a patch of 3 values',
      /values of a patch are not a multiple of 16/,
      {},
      picture({ patch: 1 }),
      TINY_PICTURE_ENCODER,
    ],
    [
      'too many patches',
      /has 64 patches, but encoder\.max_input is 16/,
      {},
      picture({ size: 32 }),
      TINY_PICTURE_ENCODER,
    ],
  ];
  for (const [what, message, change, encoder, of] of faults) {
    it(`is refused with the key at fault: ${what}`, () => {
      assert.throws(() => parse(change, encoder, of), { name: 'CheckpointError', message });
    });
  }
});
