/** Small models with random weights, as other programs store them: GGUF files and Hugging Face folders. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { byteCharacters } from '../src/matlm/tokenizerFile';
import { random } from './engine/tinyCheckpoint';
import { f32, ggufBytes, numbers, text, texts, u32, type Value, type WrittenTensor } from './gguf';
import { temporaryFolder } from './temporary';

/** Hugging Face's config.json of a model whose sizes all differ. */
export const TINY_LLAMA = {
  model_type: 'llama',
  hidden_size: 64,
  num_hidden_layers: 2,
  num_attention_heads: 4,
  num_key_value_heads: 2,
  head_dim: 32,
  intermediate_size: 96,
  vocab_size: 260,
  max_position_embeddings: 256,
  rope_theta: 10_000,
  rms_norm_eps: 1e-5,
  hidden_act: 'silu',
  tie_word_embeddings: true as boolean,
  eos_token_id: 256,
};
export type TinyConfig = typeof TINY_LLAMA;

export interface FloatTensor {
  readonly shape: readonly number[];
  readonly values: Float32Array;
}
export type FloatTensors = Map<string, FloatTensor>;

/** Under Hugging Face's names. */
export function randomModel(config: TinyConfig, seed = 1): FloatTensors {
  const next = random(seed);
  const tensors: FloatTensors = new Map();
  const add = (name: string, shape: readonly number[], middle = 0) => {
    const count = shape.reduce((product, n) => product * n, 1);
    const values = Float32Array.from({ length: count }, () => middle + 0.1 * (next() + next() - 1));
    tensors.set(name, { shape, values });
  };
  const { hidden_size: d, intermediate_size: ffn, head_dim: headDim } = config;
  const [queries, keys] = [config.num_attention_heads * headDim, config.num_key_value_heads * headDim];
  add('model.embed_tokens.weight', [config.vocab_size, d]);
  for (let i = 0; i < config.num_hidden_layers; i++) {
    const layer = `model.layers.${i}`;
    add(`${layer}.input_layernorm.weight`, [d], 1);
    add(`${layer}.self_attn.q_proj.weight`, [queries, d]);
    add(`${layer}.self_attn.k_proj.weight`, [keys, d]);
    add(`${layer}.self_attn.v_proj.weight`, [keys, d]);
    add(`${layer}.self_attn.o_proj.weight`, [d, queries]);
    add(`${layer}.post_attention_layernorm.weight`, [d], 1);
    add(`${layer}.mlp.gate_proj.weight`, [ffn, d]);
    add(`${layer}.mlp.up_proj.weight`, [ffn, d]);
    add(`${layer}.mlp.down_proj.weight`, [d, ffn]);
  }
  add('model.norm.weight', [d], 1);
  if (!config.tie_word_embeddings) add('lm_head.weight', [config.vocab_size, d]);
  return tensors;
}

const TOKENS = [...byteCharacters(), '<|endoftext|>', 'ab', 'abc', '<|pad|>'];
const CONTROL = [256, 259];
const MERGES = ['a b', 'ab c'];

/** The tokenizer of both forms: bytes, two merges, and two tokens that are not text. */
const TOKENIZER = {
  version: '1.0',
  truncation: null,
  padding: null,
  added_tokens: CONTROL.map((id) => ({
    ...{ id, content: TOKENS[id], single_word: false, lstrip: false, rstrip: false, normalized: false, special: true },
  })),
  normalizer: null,
  pre_tokenizer: {
    type: 'Sequence',
    pretokenizers: [
      { type: 'Digits', individual_digits: true },
      { type: 'ByteLevel', add_prefix_space: false, trim_offsets: true, use_regex: true },
    ],
  },
  post_processor: null,
  decoder: { type: 'ByteLevel', add_prefix_space: true, trim_offsets: true, use_regex: true },
  model: {
    ...{ type: 'BPE', dropout: null, unk_token: null, continuing_subword_prefix: null, end_of_word_suffix: null },
    ...{ fuse_unk: false, byte_fallback: false, ignore_merges: false },
    vocab: Object.fromEntries(TOKENS.map((token, id) => [token, id])),
    merges: MERGES,
  },
};

export type FloatType = 'F32' | 'F16' | 'BF16';

/** The numbers as a type stores them, and what they are then. */
function stored({ values }: FloatTensor, type: FloatType): Buffer {
  if (type === 'F32') return Buffer.from(values.buffer, values.byteOffset, values.byteLength);
  const bits = new Uint32Array(values.buffer, values.byteOffset, values.length);
  if (type === 'BF16') return Buffer.from(Uint16Array.from(bits, (value) => value >>> 16).buffer);
  // Magnitudes from 2^-14 on, cut; smaller ones are zero.
  const half = (value: number) => {
    const exponent = ((value >>> 23) & 255) - 112;
    return ((value >>> 16) & 0x8000) | (exponent < 1 ? 0 : (exponent << 10) | ((value >>> 13) & 1023));
  };
  return Buffer.from(Uint16Array.from(bits, half).buffer);
}

/** The bytes of a safetensors file. */
export function safetensorsBytes(tensors: FloatTensors, type: FloatType = 'F32'): Buffer {
  const header: Record<string, unknown> = { __metadata__: { format: 'pt' } };
  const data: Buffer[] = [];
  let offset = 0;
  for (const [name, tensor] of tensors) {
    const bytes = stored(tensor, type);
    header[name] = { dtype: type, shape: tensor.shape, data_offsets: [offset, offset + bytes.length] };
    data.push(bytes);
    offset += bytes.length;
  }
  const json = Buffer.from(JSON.stringify(header));
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(json.length));
  return Buffer.concat([length, json, ...data]);
}

export interface FolderOptions {
  readonly type?: FloatType;
  /** Files that the tensors are dealt to in turns. */
  readonly shards?: number;
}

/** A Hugging Face folder. */
export function writeFolder(config: object, tensors: FloatTensors, { type, shards = 1 }: FolderOptions = {}): string {
  const folder = join(temporaryFolder(), 'Tiny-Llama');
  mkdirSync(folder);
  writeFileSync(join(folder, 'config.json'), JSON.stringify(config));
  writeFileSync(join(folder, 'tokenizer.json'), JSON.stringify(TOKENIZER));
  if (shards === 1) {
    writeFileSync(join(folder, 'model.safetensors'), safetensorsBytes(tensors, type));
    return folder;
  }
  const names = Array.from({ length: shards }, (_, i) => `model-${i + 1}-of-${shards}.safetensors`);
  const map: Record<string, string> = {};
  for (const [i, name] of names.entries()) {
    const part: FloatTensors = new Map([...tensors].filter((_, at) => at % shards === i));
    for (const tensor of part.keys()) map[tensor] = name;
    writeFileSync(join(folder, name), safetensorsBytes(part, type));
  }
  writeFileSync(join(folder, 'model.safetensors.index.json'), JSON.stringify({ metadata: {}, weight_map: map }));
  return folder;
}

const GGUF_NAMES: Readonly<Record<string, string>> = {
  'model.embed_tokens': 'token_embd',
  'model.norm': 'output_norm',
  lm_head: 'output',
  input_layernorm: 'attn_norm',
  post_attention_layernorm: 'ffn_norm',
  'self_attn.q_proj': 'attn_q',
  'self_attn.k_proj': 'attn_k',
  'self_attn.v_proj': 'attn_v',
  'self_attn.o_proj': 'attn_output',
  'self_attn.q_norm': 'attn_q_norm',
  'self_attn.k_norm': 'attn_k_norm',
  'mlp.gate_proj': 'ffn_gate',
  'mlp.up_proj': 'ffn_up',
  'mlp.down_proj': 'ffn_down',
};

function ggufName(name: string): string {
  const [, layer, part = '', kind = ''] = /^(?:model\.layers\.(\d+)\.)?(.+)\.(weight|bias)$/.exec(name) ?? [];
  return `${layer === undefined ? '' : `blk.${layer}.`}${GGUF_NAMES[part] ?? part}.${kind}`;
}

/** Rows of queries and keys in the order of GGUF's llama: the halves of each head alternate. */
function interleaved({ shape, values }: FloatTensor, headDim: number): Float32Array {
  const [rows = 0, columns = 1] = shape;
  const half = headDim / 2;
  const out = new Float32Array(values.length);
  for (let row = 0; row < rows; row++) {
    const [head, in_head] = [Math.floor(row / headDim), row % headDim];
    const from = head * headDim + (in_head % 2) * half + Math.floor(in_head / 2);
    out.set(values.subarray(from * columns, (from + 1) * columns), row * columns);
  }
  return out;
}

/** The metadata of a GGUF file; what `more` names replaces it, and undefined leaves it out. */
export function ggufMetadata(
  config: TinyConfig,
  more: Readonly<Record<string, Value | undefined>> = {},
): [string, Value][] {
  const architecture = config.model_type;
  const own: Record<string, Value> = {
    block_count: u32(config.num_hidden_layers),
    context_length: u32(config.max_position_embeddings),
    embedding_length: u32(config.hidden_size),
    feed_forward_length: u32(config.intermediate_size),
    'attention.head_count': u32(config.num_attention_heads),
    'attention.head_count_kv': u32(config.num_key_value_heads),
    'attention.key_length': u32(config.head_dim),
    'attention.value_length': u32(config.head_dim),
    'attention.layer_norm_rms_epsilon': f32(config.rms_norm_eps),
    'rope.freq_base': f32(config.rope_theta),
  };
  const all: Record<string, Value | undefined> = {
    'general.architecture': text(architecture),
    'general.name': text('Tiny Llama'),
    ...Object.fromEntries(Object.entries(own).map(([key, value]) => [`${architecture}.${key}`, value])),
    'tokenizer.ggml.model': text('gpt2'),
    'tokenizer.ggml.pre': text('smollm'),
    'tokenizer.ggml.tokens': texts(TOKENS),
    'tokenizer.ggml.token_type': numbers(TOKENS.map((_, id) => (CONTROL.includes(id) ? 3 : 1))),
    'tokenizer.ggml.merges': texts(MERGES),
    'tokenizer.ggml.eos_token_id': u32(256),
    ...more,
  };
  return Object.entries(all).filter((entry): entry is [string, Value] => entry[1] !== undefined);
}

export interface GgufOptions {
  readonly metadata?: Readonly<Record<string, Value | undefined>>;
  /** Tensors of other types, by Hugging Face's name: the number of the type and the bytes. */
  readonly others?: ReadonlyMap<string, { readonly type: number; readonly data: Uint8Array }>;
  readonly extra?: readonly WrittenTensor[];
}

/** A GGUF file with F32 weights. */
export function writeGguf(config: TinyConfig, tensors: FloatTensors, options: GgufOptions = {}): string {
  const isInterleaved = ['llama', 'granite'].includes(config.model_type);
  const written = [...tensors].map(([name, tensor]): WrittenTensor => {
    const other = options.others?.get(name);
    const isRotated = isInterleaved && /\.(q|k)_proj\./.test(name);
    const values = isRotated ? interleaved(tensor, config.head_dim) : tensor.values;
    const data = other?.data ?? new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
    return { name: ggufName(name), sizes: [...tensor.shape].reverse(), type: other?.type ?? 0, data };
  });
  const path = join(temporaryFolder(), 'tiny.gguf');
  const metadata = ggufMetadata(config, options.metadata);
  writeFileSync(path, ggufBytes({ metadata, tensors: [...written, ...(options.extra ?? [])] }));
  return path;
}
