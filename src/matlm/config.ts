import { CheckpointError } from './errors';
import { isObject, isPositive, parseObject } from './json';
import { named } from './named';
import { type ModelConfig, readShape, WIDTH_STEP } from './shape';

export type { ModelConfig };

/**
 * The usual sizes, smallest first. A checkpoint that was trained nested may have others too, such as XS; one that was not
 * has XL alone.
 */
export const SIZES = ['S', 'M', 'L', 'XL'] as const;

/** A submodel that was measured on held-out code. */
export interface MeasuredSubmodel {
  readonly name: string;
  readonly widths: readonly number[];
  /** Lower is better. */
  readonly bitsPerByte: number;
  /** Share of tokens for which its likeliest next token is that of the full model, 0 to 1. */
  readonly agreementWithXL: number;
}

export interface CheckpointConfig {
  readonly model: ModelConfig;
  /** Named granularities: FFN width of each layer, 0 if the layer is skipped. */
  readonly granularities: Readonly<Record<string, readonly number[]>>;
  /** Submodels that no cheaper one equals; cheapest first. */
  readonly frontier: readonly MeasuredSubmodel[];
  /** Undefined if none was fitted: then the model decides alone. */
  readonly gate: MemoryGate | undefined;
}

/**
 * The network that weighs earlier matches against the model's prediction, fitted on held-out code (native/src/memory/gate.h).
 * The last number of each row is the bias.
 */
export interface MemoryGate {
  /** [units, inputs + 1] */
  readonly hidden: readonly (readonly number[])[];
  /** [outputs, units + 1] */
  readonly output: readonly (readonly number[])[];
}

/** The shape of the gate. */
const GATE = { inputs: 29, outputs: 5, mostUnits: 256 };

/**
 * Read and check a checkpoint's config.json.
 * @throws {CheckpointError} naming the key at fault
 */
export function parseConfig(file: string, text: string): CheckpointConfig {
  const json = parseObject(file, text);
  const shape = readShape(file, json);
  const matformer = json.matformer ?? {};
  if (!isObject(matformer)) throw new CheckpointError(file, '"matformer" is not an object');
  const granularities = named<readonly number[]>();
  const stated = matformer.granularities ?? { XL: Array<number>(shape.layers).fill(shape.ffnSize) };
  if (!isObject(stated)) throw new CheckpointError(file, '"matformer" has no object of granularities');
  for (const [name, widths] of Object.entries(stated)) granularities[name] = checkWidths(file, name, widths, shape);
  if (!Object.hasOwn(granularities, 'XL')) throw new CheckpointError(file, 'the granularity XL is missing');
  const frontier = Array.isArray(matformer.frontier) ? matformer.frontier.filter(isObject) : [];
  return {
    model: shape,
    granularities,
    frontier: frontier.map((row) => measuredSubmodel(file, row, shape)),
    gate: memoryGate(file, matformer.memory),
  };
}

function measuredSubmodel(file: string, row: Record<string, unknown>, model: ModelConfig): MeasuredSubmodel {
  const { name, bitsPerByte, agreementWithXL } = row;
  if (typeof name !== 'string') throw new CheckpointError(file, 'a row of the frontier has no name');
  const widths = checkWidths(file, name, row.ffnWidths, model);
  if (!isPositive(bitsPerByte)) {
    throw new CheckpointError(file, `bitsPerByte of ${name} must be a positive number`);
  }
  if (!isShare(agreementWithXL)) {
    throw new CheckpointError(file, `agreementWithXL of ${name} must be a number between 0 and 1`);
  }
  return { name, widths, bitsPerByte, agreementWithXL };
}

function memoryGate(file: string, memory: unknown): MemoryGate | undefined {
  if (memory === undefined) return undefined;
  const { hidden, output } = isObject(memory) ? memory : {};
  const isMatrix = (value: unknown, columns: number): value is number[][] =>
    Array.isArray(value) &&
    value.every((row) => Array.isArray(row) && row.length === columns && row.every((w) => Number.isFinite(w)));
  const units = Array.isArray(hidden) ? hidden.length : 0;
  const { inputs, outputs, mostUnits } = GATE;
  if (units < 1 || units > mostUnits || !isMatrix(hidden, inputs + 1))
    throw new CheckpointError(file, `memory.hidden is not 1 to ${mostUnits} rows of ${inputs + 1} numbers`);
  if (!isMatrix(output, units + 1) || output.length !== outputs)
    throw new CheckpointError(file, `memory.output is not ${outputs} rows of ${units + 1} numbers`);
  return { hidden, output };
}

function isShare(value: unknown): value is number {
  return typeof value === 'number' && value >= 0 && value <= 1;
}

/** @throws {CheckpointError} unless there is one width a layer, each 0 or a multiple of 32 up to `ffnSize` */
export function checkWidths(file: string, name: string, widths: unknown, model: ModelConfig): readonly number[] {
  const ok =
    Array.isArray(widths) &&
    widths.length === model.layers &&
    widths.every(
      (w) => typeof w === 'number' && Number.isInteger(w) && w >= 0 && w <= model.ffnSize && w % WIDTH_STEP === 0,
    );
  if (!ok) {
    const rule = `${model.layers} multiples of ${WIDTH_STEP} between 0 and ${model.ffnSize}`;
    throw new CheckpointError(file, `the widths of ${name} are not ${rule}`);
  }
  return widths as number[];
}
