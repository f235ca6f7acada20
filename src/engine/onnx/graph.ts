import { basename } from 'node:path';
import { defaultAttentionScale, type ModelConfig } from '../../matlm/shape';
import type { TensorEntry } from '../../matlm/safetensors';
import {
  type Attributes,
  type Constant,
  ELEMENT,
  type Element,
  type Graph,
  type Node,
  serialise,
  type GraphValue,
} from './proto';

/** The part of a checkpoint that a graph is made of. */
export interface Weights {
  readonly config: ModelConfig;
  readonly weightsFile: string;
  readonly tensors: Readonly<Record<string, TensorEntry>>;
}

/** Weights in a block share a scale. Every provider has a fast kernel for blocks of this size in MatMulNBits. */
const BLOCK = 32;
/** MatMulNBits' zero among unsigned bytes. */
const ZERO = 128;
/** The activations are int8 too, on providers on which that is faster. */
const INT8_ACTIVATIONS = 4;

const BYTES: Readonly<Record<TensorEntry['dtype'], number>> = { I8: 1, U8: 1, F16: 2, F32: 4 };
const ELEMENTS: Readonly<Record<TensorEntry['dtype'], Element>> = {
  I8: 'uint8',
  U8: 'uint8',
  F16: 'float16',
  F32: 'float',
};

/**
 * Whether a graph can be made of a checkpoint: it has the shape of our own models, and its matrices have scales by row. The
 * native engine alone runs all others.
 */
export function hasGraph({ config, tensors }: Pick<Weights, 'config' | 'tensors'>): boolean {
  const isPlain =
    config.hasQkNorm &&
    config.hasTiedHead &&
    !config.hasAttentionBias &&
    !config.hasOutputBias &&
    !config.hasCompensation &&
    config.headDim % 16 === 0 &&
    config.vocabularySize % 16 === 0 &&
    config.attentionScale === defaultAttentionScale(config.headDim) &&
    [config.ropeMagnitude, config.embeddingScale, config.residualScale, config.logitScale].every((x) => x === 1);
  const isByRow = Object.entries(tensors).every(
    ([name, { dtype, shape }]) => dtype !== 'U8' && !(name.endsWith('_scale') && shape[1] !== 1),
  );
  return isPlain && isByRow;
}

/** Names of a layer's keys and values as inputs and outputs of the graph. */
export function cacheNames(layer: number) {
  return {
    pastKey: `past_key_${layer}`,
    pastValue: `past_value_${layer}`,
    presentKey: `present_key_${layer}`,
    presentValue: `present_value_${layer}`,
  };
}

/**
 * A submodel as an ONNX model. It holds no weight of a matrix: its tensors are ranges of the checkpoint's one file,
 * rows of gate and up shortened to the submodel's width, and the steps that bring them into the form of MatMulNBits
 * (a sign bit flipped, columns of `down` cut off, scales repeated) are nodes, which the runtime folds when it opens
 * the model.
 *
 * Inputs: `ids` [1, n] int32; `rows` [m] int32, the positions among the n whose logits are wanted; `last` [1] int32,
 * index of the last token in the sequence; `total` [1] int32, the sequence's length; keys and values of each layer that
 * runs, [1, kv_heads, context, head_dim], float. Outputs: `logits` [1, m, vocabulary] and the keys and values.
 *
 * @param widths FFN width of each layer; 0 skips the layer
 */
export function submodelGraph({ config, weightsFile, tensors }: Weights, widths: readonly number[]): Uint8Array {
  const { hiddenSize: d, heads, kvHeads, headDim, ffnSize, vocabularySize, contextLength, normEps } = config;
  const g = new GraphBuilder(basename(weightsFile), tensors);
  const cacheShape = [1, kvHeads, contextLength, headDim];
  const inputs: GraphValue[] = [
    { name: 'ids', element: 'int32', shape: [1, 'n'] },
    { name: 'rows', element: 'int32', shape: ['m'] },
    { name: 'last', element: 'int32', shape: [1] },
    { name: 'total', element: 'int32', shape: [1] },
  ];
  const outputs: GraphValue[] = [{ name: 'logits', element: 'float', shape: [1, 'm', vocabularySize] }];
  const [cos, sin] = g.rotations(contextLength, config.ropeFrequencies);

  const embedding = g.matrix('model.embed_tokens.weight', vocabularySize, d);
  let x = g.lookUp(embedding, 'ids');
  /** Output of the block before, not added to x yet: adding and normalising are one operator. */
  let delta: string | undefined;

  const normalise = (weight: string): string => {
    const gamma = g.floats(weight, [d]);
    if (delta === undefined) {
      return g.node('SimplifiedLayerNormalization', [x, gamma], { epsilon: normEps, axis: -1, stash_type: 1 });
    }
    const [normed, sum] = g.addAndNormalise(x, delta, gamma, normEps);
    x = sum;
    return normed;
  };
  const headNorm = (y: string, weight: string, count: number): string => {
    const byHead = g.node('Reshape', [y, g.integers([0, -1, headDim])]);
    const gamma = g.floats(weight, [headDim]);
    const attributes = { epsilon: normEps, axis: -1, stash_type: 1 };
    const normed = g.node('SimplifiedLayerNormalization', [byHead, gamma], attributes);
    return g.node('Reshape', [normed, g.integers([1, -1, count * headDim])]);
  };

  for (const [i, width] of widths.entries()) {
    if (width === 0) continue;
    const layer = `model.layers.${i}.`;
    const { pastKey, pastValue, presentKey, presentValue } = cacheNames(i);
    for (const name of [pastKey, pastValue]) inputs.push({ name, element: 'float', shape: cacheShape });
    for (const name of [presentKey, presentValue]) outputs.push({ name, element: 'float', shape: cacheShape });

    const attention = `${layer}self_attn.`;
    const y = normalise(`${layer}input_layernorm.weight`);
    const project = (part: string, rows: number) => g.multiply(y, g.matrix(`${attention}${part}_proj.weight`, rows, d));
    const q = headNorm(project('q', heads * headDim), `${attention}q_norm.weight`, heads);
    const k = headNorm(project('k', kvHeads * headDim), `${attention}k_norm.weight`, kvHeads);
    const v = project('v', kvHeads * headDim);
    const mixed = `layer${i}.mixed`;
    g.add({
      operator: 'GroupQueryAttention',
      domain: 'com.microsoft',
      inputs: [q, k, v, pastKey, pastValue, 'last', 'total', cos, sin],
      outputs: [mixed, presentKey, presentValue],
      attributes: { num_heads: heads, kv_num_heads: kvHeads, do_rotary: 1, rotary_interleaved: 0 },
    });
    delta = g.multiply(mixed, g.matrix(`${attention}o_proj.weight`, d, heads * headDim));

    const z = normalise(`${layer}post_attention_layernorm.weight`);
    const gate = g.multiply(z, g.matrix(`${layer}mlp.gate_proj.weight`, ffnSize, d, { rows: width }));
    const up = g.multiply(z, g.matrix(`${layer}mlp.up_proj.weight`, ffnSize, d, { rows: width }));
    const silu = g.node('QuickGelu', [gate], { alpha: 1 }, 'com.microsoft');
    const active = g.node('Mul', [silu, up]);
    delta = g.multiply(active, g.matrix(`${layer}mlp.down_proj.weight`, d, ffnSize, { columns: width }));
  }
  const normed = normalise('model.norm.weight');
  g.multiply(g.node('Gather', [normed, 'rows'], { axis: 1 }), embedding, 'logits');
  return serialise({ ...g.parts(), inputs, outputs });
}

/** An int8 matrix: names of its bytes [rows, k], with 128 for zero, and of its scales [rows, 1]. */
interface Matrix {
  readonly bytes: string;
  readonly scales: string;
  readonly rows: number;
  readonly k: number;
}

/** Nodes and constants in the making; methods return the name of what they add. */
class GraphBuilder {
  private readonly nodes: Node[] = [];
  private readonly constants = new Map<string, Constant>();
  private count = 0;

  constructor(
    private readonly file: string,
    private readonly tensors: Readonly<Record<string, TensorEntry>>,
  ) {}

  parts(): Pick<Graph, 'nodes' | 'constants'> {
    return { nodes: this.nodes, constants: [...this.constants.values()] };
  }

  add(node: Node): void {
    this.nodes.push(node);
  }

  node(
    operator: string,
    inputs: string[],
    attributes: Attributes = {},
    domain: Node['domain'] = '',
    out = this.name(),
  ) {
    this.add({ operator, domain, inputs, outputs: [out], attributes });
    return out;
  }

  integers(values: readonly number[]): string {
    return this.constant('int64', [values.length], BigInt64Array.from(values, BigInt));
  }

  /** A vector of the file as float. */
  floats(name: string, shape: readonly number[]): string {
    const stored = this.stored(name, shape);
    return this.tensors[name]?.dtype === 'F32' ? stored : this.cast(stored, 'float');
  }

  /** Cosines and sines of every position's angles, [context, head_dim / 2]. */
  rotations(context: number, frequencies: readonly number[]): [string, string] {
    const half = frequencies.length;
    const angle = (i: number) => Math.floor(i / half) * (frequencies[i % half] ?? 0);
    const table = (f: (x: number) => number) =>
      this.constant(
        'float',
        [context, half],
        Float32Array.from({ length: context * half }, (_, i) => f(angle(i))),
      );
    return [table(Math.cos), table(Math.sin)];
  }

  /** x + delta, normalised, and the sum itself. */
  addAndNormalise(x: string, delta: string, gamma: string, epsilon: number): [string, string] {
    const [normed, sum] = [this.name(), this.name()];
    this.add({
      operator: 'SkipSimplifiedLayerNormalization',
      domain: 'com.microsoft',
      inputs: [x, delta, gamma],
      outputs: [normed, '', '', sum],
      attributes: { epsilon },
    });
    return [normed, sum];
  }

  /** The first rows and columns of a matrix of the file; float ones are quantised by row, as the native engine does. */
  matrix(name: string, rows: number, k: number, part: { rows?: number; columns?: number } = {}): Matrix {
    const used = { rows: part.rows ?? rows, k: part.columns ?? k };
    const whole = this.stored(name, [rows, k], used.rows);
    const cut = used.k < k ? this.columns(whole, used.k) : whole;
    if (this.tensors[name]?.dtype === 'I8') {
      const scales = this.stored(`${name}_scale`, [rows, 1], used.rows);
      return { bytes: this.node('BitwiseXor', [cut, this.bytes(ZERO)]), scales, ...used };
    }
    const values = this.cast(cut, 'float');
    const largest = this.node('ReduceMax', [this.node('Abs', [values]), this.integers([1])], { keepdims: 1 });
    // A row of zeros keeps a scale that can be divided by.
    const scales = this.node('Div', [this.node('Max', [largest, this.real(1e-30)]), this.real(127)]);
    const steps = this.node('Round', [this.node('Div', [values, scales])]);
    return { bytes: this.cast(this.node('Add', [steps, this.real(ZERO)]), 'uint8'), scales, ...used };
  }

  /** x [1, n, k] times the matrix turned over: [1, n, rows]. */
  multiply(x: string, { bytes, scales, rows, k }: Matrix, out = this.name()): string {
    const blocks = Math.ceil(k / BLOCK);
    const missing = blocks * BLOCK - k;
    const padded = missing ? this.node('Pad', [bytes, this.integers([0, 0, 0, missing]), this.bytes(ZERO)]) : bytes;
    const inBlocks = this.node('Reshape', [padded, this.integers([rows, blocks, BLOCK])]);
    const repeated = this.node('Expand', [scales, this.integers([rows, blocks])]);
    const attributes = { K: k, N: rows, bits: 8, block_size: BLOCK, accuracy_level: INT8_ACTIVATIONS };
    return this.node('MatMulNBits', [x, inBlocks, repeated], attributes, 'com.microsoft', out);
  }

  /** Rows of the matrix by token, [1, n, k] float. */
  lookUp({ bytes, scales }: Matrix, ids: string): string {
    const found = this.cast(this.node('Gather', [bytes, ids]), 'float');
    const centred = this.node('Sub', [found, this.real(ZERO)]);
    return this.node('Mul', [centred, this.node('Gather', [scales, ids])]);
  }

  private columns(matrix: string, count: number): string {
    const [from, to, axis] = [this.integers([0]), this.integers([count]), this.integers([1])];
    return this.node('Slice', [matrix, from, to, axis]);
  }

  private cast(value: string, element: Element): string {
    return this.node('Cast', [value], { to: ELEMENT[element] });
  }

  private real(value: number): string {
    return this.constant('float', [], Float32Array.of(value));
  }

  private bytes(value: number): string {
    return this.constant('uint8', [], Uint8Array.of(value));
  }

  private constant(element: Element, shape: readonly number[], values: ArrayBufferView): string {
    const raw = new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
    const name = raw.length > 64 ? this.name() : `${element}[${shape.join()}]:${Buffer.from(raw).toString('hex')}`;
    this.constants.set(name, { name, element, shape, values: raw });
    return name;
  }

  /** The first rows of a tensor of the file. */
  private stored(name: string, shape: readonly number[], rows = shape[0] ?? 0): string {
    const entry = this.tensors[name];
    if (!entry) throw new Error(`${this.file}: tensor ${name} is missing`);
    if (entry.shape.join() !== shape.join()) {
      const found = entry.shape.join(', ');
      throw new Error(
        `${this.file}: tensor ${name} has the shape [${found}], but config.json implies [${shape.join(', ')}]`,
      );
    }
    const used = [rows, ...shape.slice(1)];
    const bytes = used.reduce((product, n) => product * n, BYTES[entry.dtype]);
    const key = `${name}[:${rows}]`;
    const values = { file: this.file, offset: entry.begin, bytes };
    this.constants.set(key, { name: key, element: ELEMENTS[entry.dtype], shape: used, values });
    return key;
  }

  private name(): string {
    return `v${this.count++}`;
  }
}
