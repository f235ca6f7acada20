/** From the metadata of a GGUF file to a config.json with Hugging Face's keys. */
import { isObject } from '../matlm/json';
import type { GgufFile, GgufTensor, GgufValue } from './gguf';
import { ImportError, shown } from './importError';
import { SUPPORTED } from './source';

/** Architectures of GGUF whose models are of the Llama family. What they have in particular is told by their tensors. */
const ARCHITECTURES: ReadonlySet<GgufValue> = new Set(['llama', 'qwen2', 'qwen3', 'granite']);

/** Why others are not read, by a part of their name. */
const REASONS: readonly (readonly [part: RegExp, kind: string])[] = [
  [/mamba|rwkv|hybrid|falcon-h1|jamba|lfm/, 'a model with recurrent layers'],
  [/moe|mixtral|dbrx|deepseek2|grok/, 'a mixture of experts'],
  [/bert|embed|t5|clip|whisper/, 'no decoder of text'],
  [/gemma|starcoder|gpt|phi|falcon|bloom|mpt|stablelm/, 'a model with other layers'],
];

/** The message about an architecture that is not read; the importer of folders has the same. */
export function unsupported(file: string, architecture: string): ImportError {
  const kind = REASONS.find(([part]) => part.test(architecture.toLowerCase()))?.[1];
  return new ImportError(
    file,
    `it is a ${shown(architecture)}${kind ? `, ${kind}` : ''}, which the engine does not run`,
    `Supported are ${SUPPORTED}.`,
  );
}

/** Reads metadata of known kinds. */
export class Metadata {
  readonly architecture: string;

  /** @throws {ImportError} if the architecture is not one that the engine runs */
  constructor(private readonly gguf: GgufFile) {
    const architecture = this.text('general.architecture') ?? '';
    if (!ARCHITECTURES.has(architecture)) {
      throw architecture === '' ? this.fault('it does not say its architecture') : unsupported(gguf.file, architecture);
    }
    this.architecture = architecture;
  }

  fault(fault: string): ImportError {
    return new ImportError(this.gguf.file, fault);
  }

  text(key: string): string | undefined {
    const value = this.gguf.metadata.get(key);
    return typeof value === 'string' ? value : undefined;
  }

  /** A number of any kind; float32 as the shortest decimal that means it, which is what the authors wrote. */
  number(key: string): number | undefined {
    const value = this.gguf.metadata.get(key);
    return typeof value === 'number' ? shortest(value) : undefined;
  }

  /** A number of the architecture, such as `block_count`. @throws if it is missing */
  own(key: string): number {
    const full = `${this.architecture}.${key}`;
    const value = this.optional(key);
    if (value === undefined) throw this.fault(`it has no ${full}`);
    return value;
  }

  /** The same, undefined if it is missing. A list of one number for each layer has to be of equal ones. */
  optional(key: string): number | undefined {
    const full = `${this.architecture}.${key}`;
    const value = this.gguf.metadata.get(full);
    if (!ArrayBuffer.isView(value)) return this.number(full);
    const numbers = new Set(Array.from(value as ArrayLike<number | bigint>, Number));
    if (numbers.size > 1) throw this.fault(`${full} differs by layer, which the engine does not run`);
    return [...numbers][0];
  }

  ownText(key: string): string | undefined {
    return this.text(`${this.architecture}.${key}`);
  }
}

function shortest(value: number): number {
  if (Number.isInteger(value) || value !== Math.fround(value)) return value;
  for (let digits = 1; digits < 10; digits++) {
    const candidate = Number(value.toPrecision(digits));
    if (Math.fround(candidate) === value) return candidate;
  }
  return value;
}

/**
 * @param factors the divisors of the rotation's frequencies that the file has instead of the kind of scaling; undefined if none
 * @throws {ImportError} naming the key at fault
 */
export function configOf(gguf: GgufFile, metadata: Metadata, factors: Float32Array | undefined): Record<string, unknown> {
  const has = (name: string) => gguf.tensors.has(name);
  const heads = metadata.own('attention.head_count');
  const hidden = metadata.own('embedding_length');
  const headDim = metadata.optional('attention.key_length') ?? hidden / heads;
  const values = metadata.optional('attention.value_length') ?? headDim;
  if (values !== headDim) throw metadata.fault(`its heads have ${headDim} numbers for keys and ${values} for values`);
  const turned = metadata.optional('rope.dimension_count') ?? headDim;
  if (turned !== headDim) throw metadata.fault(`only ${turned} of the ${headDim} numbers of a head are rotated`);
  if ((metadata.optional('expert_count') ?? 0) > 0)
    throw unsupported(gguf.file, `${metadata.architecture} with ${metadata.own('expert_count')} experts (MoE)`);
  const theta = metadata.optional('rope.freq_base') ?? 10_000;
  const context = metadata.own('context_length');
  const scaling = ropeScaling(metadata, { theta, headDim, context }, factors);
  const hasBias = has('blk.0.attn_q.bias');
  // Llama with biases of queries, keys and values, but none of the output, is Qwen2 by another name.
  const type =
    metadata.architecture === 'llama' && hasBias && !has('blk.0.attn_output.bias') ? 'qwen2' : metadata.architecture;
  return {
    model_type: type,
    hidden_size: hidden,
    num_hidden_layers: metadata.own('block_count'),
    num_attention_heads: heads,
    num_key_value_heads: metadata.optional('attention.head_count_kv') ?? heads,
    head_dim: headDim,
    intermediate_size: metadata.own('feed_forward_length'),
    vocab_size: rowsOf(metadata, gguf.tensors.get('token_embd.weight')),
    max_position_embeddings: context,
    rope_theta: theta,
    ...(scaling ? { rope_scaling: scaling } : {}),
    rms_norm_eps: metadata.own('attention.layer_norm_rms_epsilon'),
    hidden_act: 'silu',
    tie_word_embeddings: !has('output.weight'),
    attention_bias: hasBias,
    ...(type === 'granite'
      ? {
          embedding_multiplier: metadata.own('embedding_scale'),
          attention_multiplier: metadata.own('attention.scale'),
          residual_multiplier: metadata.own('residual_scale'),
          logits_scaling: metadata.own('logit_scale'),
        }
      : {}),
    ...optional('bos_token_id', metadata.number('tokenizer.ggml.bos_token_id')),
    ...optional('eos_token_id', metadata.number('tokenizer.ggml.eos_token_id')),
    ...optional('matformer', objectOf(metadata, 'matformer')),
    ...optional('matcoder', objectOf(metadata, 'matcoder')),
  };
}

function rowsOf(metadata: Metadata, tensor: GgufTensor | undefined): number {
  if (tensor?.shape.length !== 2) throw metadata.fault('it has no matrix token_embd.weight');
  return tensor.shape[0] ?? 0;
}

/** Keys of our own hold JSON: the submodels of a nested model, and the format of its prompt. */
function objectOf(metadata: Metadata, key: string): Record<string, unknown> | undefined {
  const text = metadata.text(key);
  if (text === undefined) return undefined;
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    json = undefined;
  }
  if (!isObject(json)) throw metadata.fault(`its ${key} is not a JSON object`);
  return json;
}

interface Rotation {
  readonly theta: number;
  readonly headDim: number;
  readonly context: number;
}

function ropeScaling(
  metadata: Metadata,
  rotation: Rotation,
  factors: Float32Array | undefined,
): Record<string, unknown> | undefined {
  const kind = metadata.ownText('rope.scaling.type') ?? 'none';
  if (factors) {
    if (kind !== 'none') throw metadata.fault(`it has both rope_freqs.weight and the scaling ${shown(kind)} of RoPE`);
    const found = llama3Of(rotation, factors);
    if (!found) throw metadata.fault('its rope_freqs.weight is no scaling that Llama 3 knows');
    return found;
  }
  const factor = metadata.optional('rope.scaling.factor') ?? metadata.optional('rope.scale_linear') ?? 1;
  const original = metadata.optional('rope.scaling.original_context_length');
  switch (kind) {
    case 'none':
      return factor === 1 || metadata.ownText('rope.scaling.type') === 'none' ? undefined : { rope_type: 'linear', factor };
    case 'linear':
      return { rope_type: 'linear', factor };
    case 'yarn':
      return {
        rope_type: 'yarn',
        factor,
        original_max_position_embeddings: original ?? rotation.context / factor,
        ...optional('beta_fast', metadata.optional('rope.scaling.yarn_beta_fast')),
        ...optional('beta_slow', metadata.optional('rope.scaling.yarn_beta_slow')),
        ...optional('attention_factor', attentionFactor(metadata.optional('rope.scaling.attn_factor'), factor)),
      };
    default:
      throw metadata.fault(`its RoPE is scaled by ${shown(kind)}; the engine computes none, linear, llama3 and yarn`);
  }
}

/** llama.cpp multiplies the factor of a file by YaRN's own; Hugging Face's is the product. */
function attentionFactor(own: number | undefined, factor: number): number | undefined {
  return own === undefined ? undefined : own * (1 + 0.1 * Math.log(factor));
}

/** All models with Llama's scaling have these; GGUF has only the divisors that follow from them. */
const LLAMA3 = { low_freq_factor: 1, high_freq_factor: 4 };
/** The original context of these models, for divisors that do not tell it. */
const LLAMA3_CONTEXT = 8192;

/** The parameters of Llama 3's scaling that give these divisors; undefined if none do. */
function llama3Of({ theta, headDim }: Rotation, divisors: Float32Array): Record<string, unknown> | undefined {
  if (divisors.length !== headDim / 2) return undefined;
  const { low_freq_factor: low, high_freq_factor: high } = LLAMA3;
  const factor = shortest(divisors.reduce((most, value) => Math.max(most, value), 0));
  const frequency = (i: number) => theta ** ((-2 * i) / headDim);
  // A divisor between the ends is mixed from both, in a share that tells the turns in the original context.
  const mixed = divisors.findIndex((value) => value > 1.001 && value < 0.999 * factor);
  const share = (1 / (divisors[mixed] ?? 1) - 1 / factor) / (1 - 1 / factor);
  const told = Math.round(((low + share * (high - low)) * 2 * Math.PI) / frequency(mixed));
  const original = mixed >= 0 ? told : LLAMA3_CONTEXT;
  const fits = divisors.every((given, i) => {
    const turns = (original * frequency(i)) / (2 * Math.PI);
    const kept = Math.min(1, Math.max(0, (turns - low) / (high - low)));
    const expected = 1 / ((1 - kept) / factor + kept);
    return Math.abs(given - expected) <= 1e-3 * expected;
  });
  return fits ? { rope_type: 'llama3', factor, ...LLAMA3, original_max_position_embeddings: original } : undefined;
}

function optional(key: string, value: unknown): Record<string, unknown> {
  return value === undefined ? {} : { [key]: value };
}
