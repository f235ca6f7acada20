import { open } from 'node:fs/promises';
import { basename } from 'node:path';
import { hintsOfGguf } from './fim';
import { FILE_TYPES, isWeightType, READ_TYPES } from './ggmlTypes';
import { configOf, Metadata } from './ggufConfig';
import { type GgufFile, type GgufTensor, readGguf } from './gguf';
import { tokenizerJsonOf } from './ggufTokenizer';
import { ImportError, shown } from './importError';
import type { Source, SourceTensor } from './source';

/** The checkpoint's names of a layer's tensors by GGUF's. */
const LAYER_PARTS: Readonly<Record<string, string>> = {
  attn_norm: 'input_layernorm',
  ffn_norm: 'post_attention_layernorm',
  attn_q: 'self_attn.q_proj',
  attn_k: 'self_attn.k_proj',
  attn_v: 'self_attn.v_proj',
  attn_output: 'self_attn.o_proj',
  attn_q_norm: 'self_attn.q_norm',
  attn_k_norm: 'self_attn.k_norm',
  ffn_gate: 'mlp.gate_proj',
  ffn_up: 'mlp.up_proj',
  ffn_down: 'mlp.down_proj',
};
const OTHERS: Readonly<Record<string, string>> = {
  token_embd: 'model.embed_tokens',
  output_norm: 'model.norm',
  output: 'lm_head',
};
/** A tokenizer.json in the metadata, which some files have and which needs no guess. */
const TOKENIZER_JSON = 'tokenizer.huggingface.json';
/** Divisors of the frequencies of RoPE, which become a key of config.json. */
const ROPE_FACTORS = 'rope_freqs.weight';
/** More than any head has pairs. */
const MAX_FACTORS = 512;

/** The name of a tensor in the checkpoint; undefined if the engine has no such tensor. */
function nameOf(name: string): string | undefined {
  const [, layer, part = '', kind = ''] = /^(?:blk\.(\d{1,4})\.)?(\w+)\.(weight|bias)$/.exec(name) ?? [];
  const table = layer === undefined ? OTHERS : LAYER_PARTS;
  const known = Object.hasOwn(table, part) ? table[part] : undefined;
  if (known === undefined) return undefined;
  return `${layer === undefined ? '' : `model.layers.${layer}.`}${known}.${kind}`;
}

/**
 * The model of a GGUF file, from its header.
 * @throws {ImportError} naming the file and the fault
 */
export async function openGguf(path: string): Promise<Source> {
  const gguf = await readGguf(path);
  const metadata = new Metadata(gguf);
  const parts = metadata.number('split.count') ?? 1;
  if (parts > 1)
    throw new ImportError(
      path,
      `it is one of the ${parts} parts of a model`,
      'Join them with `llama-gguf-split --merge`, or choose a file that is whole.',
    );
  const config = configOf(gguf, metadata, await ropeFactors(gguf));
  // The converter of the Llama architecture interleaves the halves of each head of queries and keys.
  const isInterleaved = ['llama', 'granite'].includes(metadata.architecture);
  const headRows = isInterleaved ? Number(config.head_dim) : 0;
  const tensors = new Map<string, SourceTensor>();
  for (const [name, tensor] of gguf.tensors) {
    if (name === ROPE_FACTORS) continue;
    const target = nameOf(name);
    if (target === undefined)
      throw new ImportError(path, `it has the tensor ${shown(name)}, which no model has that the engine runs`);
    const isRotated = /\.(q_proj|k_proj)\.(weight|bias)$/.test(target);
    tensors.set(target, sourceTensor(path, name, tensor, isRotated ? headRows : 0));
  }
  return {
    format: 'GGUF',
    path,
    bytes: gguf.fileBytes,
    name: metadata.text('general.name') ?? basename(path).replace(/\.gguf$/i, ''),
    licence: metadata.text('general.license'),
    page: metadata.text('general.repo_url') ?? metadata.text('general.source.url') ?? metadata.text('general.url'),
    quantisation: FILE_TYPES.get(metadata.number('general.file_type') ?? -1) ?? mostUsed(gguf),
    config,
    tensors,
    hints: hintsOfGguf(Object.fromEntries(gguf.metadata)),
    tokenizerFile: path,
    tokenizerText: () =>
      Promise.resolve(metadata.text(TOKENIZER_JSON) ?? JSON.stringify(tokenizerJsonOf(path, gguf.metadata))),
  };
}

function sourceTensor(file: string, name: string, { type, shape, begin }: GgufTensor, headRows: number): SourceTensor {
  if (!isWeightType(type.name))
    throw new ImportError(
      file,
      `the tensor ${shown(name)} is ${type.name}; ${Object.keys(READ_TYPES).join(', ')} are read`,
      'Choose a file of one of these, for example Q8_0 or Q4_K_M.',
    );
  return { file, name, type: type.name, shape, begin, headRows };
}

/** The type that most weights have. */
function mostUsed({ tensors }: GgufFile): string {
  const bytes = new Map<string, number>();
  for (const { type, begin, end } of tensors.values())
    bytes.set(type.name, (bytes.get(type.name) ?? 0) + ((end - begin) / type.bytes) * type.values);
  return [...bytes].sort(([, a], [, b]) => b - a)[0]?.[0] ?? 'unknown';
}

async function ropeFactors(gguf: GgufFile): Promise<Float32Array | undefined> {
  const tensor = gguf.tensors.get(ROPE_FACTORS);
  if (!tensor) return undefined;
  const bytes = tensor.end - tensor.begin;
  if (tensor.type.name !== 'F32' || bytes > 4 * MAX_FACTORS)
    throw new ImportError(gguf.file, `${ROPE_FACTORS} is not up to ${MAX_FACTORS} numbers of F32`);
  const handle = await open(gguf.file);
  try {
    const buffer = new Float32Array(bytes / 4);
    const { bytesRead } = await handle.read(new Uint8Array(buffer.buffer), 0, bytes, tensor.begin);
    if (bytesRead < bytes) throw new ImportError(gguf.file, 'it became shorter while it was read');
    return buffer;
  } finally {
    await handle.close();
  }
}
