import { readShape } from '../../../../src/matlm/shape';

/** The shape of a small model, without weights. */
export const shape = readShape('config.json', {
  model_type: 'llama',
  hidden_size: 256,
  num_hidden_layers: 8,
  num_attention_heads: 4,
  intermediate_size: 2048,
  vocab_size: 4096,
  max_position_embeddings: 1024,
  rms_norm_eps: 1e-5,
  rope_theta: 10_000,
});
