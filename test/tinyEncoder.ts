/** Small encoders with random weights, as their folders. */
import { random } from './engine/tinyCheckpoint';
import { type FloatTensors, randomModel, TINY_LLAMA, writeFolder } from './tinyModel';

const BLOCKS = {
  ...TINY_LLAMA,
  model_type: 'matcoder_encoder',
  architectures: ['MatEncoder'],
  rms_norm_eps: 1e-6,
  matformer: { granularities: { S: [32, 32], M: [64, 64], L: [64, 96], XL: [96, 96] } },
};
const ENCODER = { attention: 'bidirectional', pooling: 'mean', embedding: 64, prefixes: [16, 32, 64] };

/** Its texts are tokens of `tinyModel`'s tokenizer. */
export const TINY_TEXT_ENCODER = { ...BLOCKS, encoder: { ...ENCODER, input: 'tokens', max_input: 32 } };

export const TINY_PICTURE_ENCODER = {
  ...BLOCKS,
  encoder: { ...ENCODER, input: 'patches', max_input: 16, picture: { size: 16, patch: 4, channels: 3 } },
};

type TinyEncoder = typeof TINY_TEXT_ENCODER | typeof TINY_PICTURE_ENCODER;

/** Under the names of an encoder's folder. */
export function randomEncoderTensors(config: TinyEncoder, seed = 1): FloatTensors {
  const tensors = randomModel(config, seed);
  const next = random(seed + 1);
  const add = (name: string, shape: readonly number[], middle = 0) => {
    const count = shape.reduce((product, n) => product * n, 1);
    tensors.set(name, { shape, values: Float32Array.from({ length: count }, () => middle + 0.4 * (next() - 0.5)) });
  };
  const { hidden_size: d, head_dim: headDim, encoder } = config;
  for (let i = 0; i < config.num_hidden_layers; i++)
    for (const of of ['q', 'k']) add(`model.layers.${i}.self_attn.${of}_norm.weight`, [headDim], 1);
  add('projection.weight', [encoder.embedding, d]);
  if (!('picture' in encoder)) return tensors;
  const { size, patch, channels } = encoder.picture;
  add('patch_embedding.weight', [d, patch ** 2 * channels]);
  add('position_embedding.weight', [(size / patch) ** 2, d]);
  tensors.delete('model.embed_tokens.weight');
  return tensors;
}

/** A folder that `Encoder.open` reads. An encoder of pictures has a tokenizer that nobody reads. */
export function writeTinyEncoder(config: TinyEncoder, tensors = randomEncoderTensors(config)): string {
  return writeFolder(config, tensors);
}
