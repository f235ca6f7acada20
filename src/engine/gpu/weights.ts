import { closeSync, openSync } from 'node:fs';
import type { ModelConfig } from '../../matlm/config';
import type { TensorEntry } from '../../matlm/safetensors';
import type { GpuDevice, GpuNeeds } from './device';
import {
  formOf,
  type MatrixForm,
  type MatrixSource,
  packMatrix,
  readFloats,
  scaleBytes,
  weightBytes,
  type WeightsFile,
} from './matrix';

/** The part of a checkpoint that a model on the card is made of. */
export interface Weights {
  readonly config: ModelConfig;
  readonly weightsFile: string;
  readonly tensors: Readonly<Record<string, TensorEntry>>;
}

/** What a model needs on the card depends on. */
type Shape = Pick<Weights, 'config' | 'tensors'>;

/** A part of a buffer. */
export type Range = GPUBufferBinding;

/** A matrix on the card. */
export interface CardMatrix {
  readonly form: MatrixForm;
  readonly rows: number;
  readonly columns: number;
  readonly weights: Range;
  readonly scales: Range;
}

export interface CardLayer {
  readonly inputNorm: Range;
  readonly ffnNorm: Range;
  /** [2, headDim] of queries and of keys; unused if they are not normalised. */
  readonly headNorms: Range;
  /** [rows of qkv]; unused if there is none. */
  readonly qkvBias: Range;
  /** [hidden]; unused if there is none. */
  readonly outputBias: Range;
  /** [ffn] mean activations of the hidden units; unused if submodels are not compensated. */
  readonly meanActive: Range;
  readonly qkv: CardMatrix;
  readonly output: CardMatrix;
  readonly gateUp: CardMatrix;
  readonly down: CardMatrix;
}

/** The one copy of the weights on the card: a buffer for each layer, and one for all else. */
export interface CardWeights {
  readonly layers: readonly CardLayer[];
  readonly embedding: CardMatrix;
  /** The embedding, if it is tied. */
  readonly head: CardMatrix;
  readonly norm: Range;
  /** [context, headDim / 2, 2] cosine and sine. */
  readonly rotations: Range;
  readonly bytes: number;
}

/** The least distance between two ranges of a buffer that every card can bind. */
const ALIGNMENT = 256;

/** The longest head that the kernel of attention computes. */
const LONGEST_HEAD = 256;

/** Why the card's kernels do not run a model; undefined if they do. */
export function unsupported({ config, tensors }: Shape): string | undefined {
  if (config.headDim % 16 !== 0 || config.headDim > LONGEST_HEAD)
    return `heads of ${config.headDim} values are not a multiple of 16 up to ${LONGEST_HEAD}`;
  const parts = matricesOf({ config, tensors }).find((matrix) =>
    matrix.parts.some(({ name }) => formOf(name, tensors) !== matrix.form),
  );
  return parts && `${nameOf(parts)} are quantised in different ways`;
}

/** The largest buffer and the largest range that hold weights. */
export function weightNeeds(model: Shape): GpuNeeds {
  const layers = Array.from({ length: model.config.layers }, (_, layer) => layerSections(model, layer));
  const sections = [rest(model), ...layers];
  const bytes = sections.flatMap((list) => list.map((section) => section.bytes));
  return { bufferBytes: Math.max(...sections.map(totalBytes)), bindingBytes: Math.max(...bytes) };
}

/**
 * Reads a checkpoint and writes it on the card. After a fault, the device has to be destroyed.
 * @throws {GpuError} if the card has too little memory
 */
export async function uploadWeights(gpu: GpuDevice, { config, weightsFile, tensors }: Weights): Promise<CardWeights> {
  const descriptor = openSync(weightsFile, 'r');
  let bytes = 0;
  try {
    const file = { descriptor, tensors };
    const upload = async (sections: readonly Section[]) => {
      const { buffer, ranges } = await uploadSections(gpu, sections, file);
      bytes += buffer.size;
      return ranges;
    };
    const layers: CardLayer[] = [];
    for (let layer = 0; layer < config.layers; layer++) {
      const ranges = await upload(layerSections({ config, tensors }, layer));
      const [qkv, output, gateUp, down] = layerMatrices({ config, tensors }, layer).map((source) =>
        cardMatrix(source, ranges),
      );
      if (!qkv || !output || !gateUp || !down) throw new Error('a layer has four matrices');
      const of = (name: string) => rangeOf(ranges, name);
      const [inputNorm, ffnNorm, headNorms] = [of('inputNorm'), of('ffnNorm'), of('headNorms')];
      layers.push({
        ...{ inputNorm, ffnNorm, headNorms, qkvBias: of('qkvBias'), outputBias: of('outputBias') },
        meanActive: of('meanActive'),
        ...{ qkv, output, gateUp, down },
      });
    }
    const ranges = await upload(rest({ config, tensors }));
    const [embedding, head = embedding] = outerMatrices({ config, tensors }).map((source) =>
      cardMatrix(source, ranges),
    );
    if (!embedding || !head) throw new Error('a model has an embedding');
    const [norm, rotations] = [rangeOf(ranges, 'norm'), rangeOf(ranges, 'rotations')];
    return { layers, embedding, head, norm, rotations, bytes };
  } finally {
    closeSync(descriptor);
  }
}

/** A part of a buffer, and what fills it. */
interface Section {
  readonly name: string;
  readonly bytes: number;
  readonly fill: (file: WeightsFile, into: (name: string) => Uint8Array<ArrayBuffer>) => void;
}

async function uploadSections(gpu: GpuDevice, sections: readonly Section[], file: WeightsFile) {
  const buffer = await createFilled(gpu, totalBytes(sections), (memory) => {
    const places = new Map<string, Uint8Array<ArrayBuffer>>();
    let offset = 0;
    for (const { name, bytes } of sections) {
      places.set(name, new Uint8Array(memory, offset, bytes));
      offset += aligned(bytes);
    }
    for (const { fill } of sections) fill(file, (name) => places.get(name) ?? new Uint8Array());
  });
  const ranges = new Map<string, Range>();
  let offset = 0;
  for (const { name, bytes: size } of sections) {
    ranges.set(name, { buffer, offset, size });
    offset += aligned(size);
  }
  return { buffer, ranges };
}

/**
 * A buffer that kernels read. It is not mapped, because a mapped range may be a copy (see `NativeAddon.copyRefusedMemory`).
 * @throws {GpuError} if the card has no memory for it
 */
async function createFilled(gpu: GpuDevice, size: number, fill: (memory: ArrayBuffer) => void): Promise<GPUBuffer> {
  const { device, constants } = gpu;
  const usage = constants.GPUBufferUsage.STORAGE | constants.GPUBufferUsage.COPY_DST;
  const buffer = await gpu.allocated(() => device.createBuffer({ size, usage }));
  const memory = new ArrayBuffer(size);
  fill(memory);
  device.queue.writeBuffer(buffer, 0, memory);
  return buffer;
}

function cardMatrix(source: MatrixSource, ranges: ReadonlyMap<string, Range>): CardMatrix {
  const { form, rows, columns } = source;
  const [weights, scales] = [rangeOf(ranges, nameOf(source)), rangeOf(ranges, `${nameOf(source)} scales`)];
  return { form, rows, columns, weights, scales };
}

function rangeOf(ranges: ReadonlyMap<string, Range>, name: string): Range {
  const range = ranges.get(name);
  if (!range) throw new Error(`there is no range ${name}`);
  return range;
}

const nameOf = ({ parts }: MatrixSource) => parts.map(({ name }) => name).join(' ');

function sectionsOf(source: MatrixSource): Section[] {
  const name = nameOf(source);
  const fill: Section['fill'] = (file, into) => {
    const [weights, scales] = [into(name), into(`${name} scales`)];
    packMatrix(
      file,
      source,
      new Uint32Array(weights.buffer, weights.byteOffset, weights.length / 4),
      new Uint32Array(scales.buffer, scales.byteOffset, scales.length / 4),
    );
  };
  const nothing = () => undefined;
  return [
    { name, bytes: weightBytes(source), fill },
    { name: `${name} scales`, bytes: scaleBytes(source), fill: nothing },
  ];
}

function floats(name: string, tensors: readonly string[], count: number): Section {
  return {
    name,
    bytes: 4 * count,
    fill: (file, into) => {
      const target = into(name);
      const values = new Float32Array(target.buffer, target.byteOffset, count);
      let at = 0;
      for (const tensor of tensors) {
        const part = readFloats(file, tensor);
        values.set(part, at);
        at += part.length;
      }
    },
  };
}

function layerMatrices({ config, tensors }: Shape, layer: number): MatrixSource[] {
  const { hiddenSize: hidden, heads, kvHeads, headDim, ffnSize } = config;
  const of = `model.layers.${layer}.`;
  const matrix = (columns: number, parts: readonly [string, number][], alternates?: true): MatrixSource => ({
    form: formOf(of + (parts[0]?.[0] ?? ''), tensors),
    rows: parts.reduce((sum, [, rows]) => sum + rows, 0),
    columns,
    parts: parts.map(([name, rows]) => ({ name: of + name, rows })),
    ...(alternates ? { alternates } : {}),
  });
  const kvRows = kvHeads * headDim;
  return [
    matrix(hidden, [
      ['self_attn.q_proj', heads * headDim],
      ['self_attn.k_proj', kvRows],
      ['self_attn.v_proj', kvRows],
    ]),
    matrix(heads * headDim, [['self_attn.o_proj', hidden]]),
    matrix(
      hidden,
      [
        ['mlp.gate_proj', ffnSize],
        ['mlp.up_proj', ffnSize],
      ],
      true,
    ),
    matrix(ffnSize, [['mlp.down_proj', hidden]]),
  ];
}

function outerMatrices({ config, tensors }: Shape): MatrixSource[] {
  const { hiddenSize: columns, vocabularySize: rows, hasTiedHead } = config;
  const names = ['model.embed_tokens', ...(hasTiedHead ? [] : ['lm_head'])];
  return names.map((name) => ({ form: formOf(name, tensors), rows, columns, parts: [{ name, rows }] }));
}

function matricesOf(model: Shape): MatrixSource[] {
  const layers = Array.from({ length: model.config.layers }, (_, layer) => layerMatrices(model, layer));
  return [...layers.flat(), ...outerMatrices(model)];
}

function layerSections(model: Shape, layer: number): Section[] {
  const { hiddenSize: hidden, heads, kvHeads, headDim, ffnSize } = model.config;
  const { hasQkNorm, hasAttentionBias, hasOutputBias, hasCompensation } = model.config;
  const of = (...names: string[]) => names.map((name) => `model.layers.${layer}.${name}`);
  const attention = (ending: string, ...names: string[]) => of(...names.map((name) => `self_attn.${name}.${ending}`));
  return [
    ...layerMatrices(model, layer).flatMap(sectionsOf),
    floats('inputNorm', of('input_layernorm.weight'), hidden),
    floats('ffnNorm', of('post_attention_layernorm.weight'), hidden),
    floats('headNorms', hasQkNorm ? attention('weight', 'q_norm', 'k_norm') : [], 2 * headDim),
    floats(
      'qkvBias',
      hasAttentionBias ? attention('bias', 'q_proj', 'k_proj', 'v_proj') : [],
      hasAttentionBias ? (heads + 2 * kvHeads) * headDim : 1,
    ),
    floats('outputBias', hasOutputBias ? attention('bias', 'o_proj') : [], hasOutputBias ? hidden : 1),
    floats('meanActive', hasCompensation ? of('mlp.mean_active') : [], hasCompensation ? ffnSize : 4),
  ];
}

/** All but the layers. */
function rest(model: Shape): Section[] {
  const { hiddenSize, contextLength, headDim, ropeFrequencies, ropeMagnitude } = model.config;
  const name = 'rotations';
  const fill: Section['fill'] = (_, into) => {
    const target = into(name);
    const turns = new Float32Array(target.buffer, target.byteOffset, contextLength * headDim);
    let at = 0;
    for (let position = 0; position < contextLength; position++)
      for (const frequency of ropeFrequencies) {
        turns[at++] = Math.cos(position * frequency) * ropeMagnitude;
        turns[at++] = Math.sin(position * frequency) * ropeMagnitude;
      }
  };
  return [
    ...outerMatrices(model).flatMap(sectionsOf),
    floats('norm', ['model.norm.weight'], hiddenSize),
    { name, bytes: 4 * contextLength * headDim, fill },
  ];
}

function aligned(bytes: number): number {
  return Math.ceil(bytes / ALIGNMENT) * ALIGNMENT;
}

function totalBytes(sections: readonly Section[]): number {
  return sections.reduce((sum, { bytes }) => sum + aligned(bytes), 0);
}
