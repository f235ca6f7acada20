/**
 * The gate of the memory (native/src/memory/gate.h) for a model that has none: it begins as the gate of the model that ships
 * and is fitted on the user's own files. The shipped gate was fitted on a hundred times as much text, so the fit only moves as
 * far from it as the text gives reason to.
 */
import { SCORE_COLUMNS } from '../engine/addon';
import type { MemoryGate } from '../matlm/config';

/** Of the model, and of each kind of matches. */
const PARTS = 5;

/** What the model and the memory say at some tokens: [tokens, SCORE_COLUMNS] of the engine. */
export type GateRows = Float32Array;

/**
 * Bits for the tokens of some rows.
 * @param gate undefined for the model alone
 */
export function bitsWith(rows: GateRows, gate: MemoryGate | undefined): number {
  if (!gate) {
    let nats = 0;
    for (let at = 0; at < rows.length; at += SCORE_COLUMNS) nats -= rows[at] ?? 0;
    return nats / Math.LN2;
  }
  const network = new Network(gate);
  let nats = 0;
  for (let at = 0; at < rows.length; at += SCORE_COLUMNS) nats += network.loss(rows, at);
  return nats / Math.LN2;
}

/** Passes over all rows. The step decreases to zero. */
const EPOCHS = 50;
const STEP = 0.02;
/** The pull of each weight towards its value in the gate that it began as, by the squared distance, against one row. */
const PRIOR = 1000;

/**
 * The gate with the least bits on some rows, near the one that it begins as. It takes a second for ten thousand rows.
 * @param onEpoch may await, so that others have their turn; it ends the fit by throwing
 */
export async function fitGate(
  rows: GateRows,
  general: MemoryGate,
  onEpoch: (share: number) => Promise<void> | void = () => undefined,
): Promise<MemoryGate> {
  const network = new Network(general);
  const { weights } = network;
  const origin = weights.slice();
  const count = rows.length / SCORE_COLUMNS;
  if (count === 0) return general;
  const [mean, square] = [new Float64Array(weights.length), new Float64Array(weights.length)];
  for (let epoch = 1; epoch <= EPOCHS; epoch++) {
    const gradient = network.gradient(rows);
    const step = STEP * (1 - (epoch - 1) / EPOCHS);
    for (let i = 0; i < weights.length; i++) {
      const weight = weights[i] ?? 0;
      const g = (gradient[i] ?? 0) / count + (PRIOR / count) * (weight - (origin[i] ?? 0));
      // Adam (Kingma and Ba 2015) with its usual constants.
      mean[i] = 0.9 * (mean[i] ?? 0) + 0.1 * g;
      square[i] = 0.999 * (square[i] ?? 0) + 0.001 * g * g;
      const direction = (mean[i] ?? 0) / (1 - 0.9 ** epoch);
      const scale = Math.sqrt((square[i] ?? 0) / (1 - 0.999 ** epoch)) + 1e-8;
      weights[i] = weight - (step * direction) / scale;
    }
    await onEpoch(epoch / EPOCHS);
  }
  return network.gate();
}

/** The network with its weights in one array: those of the hidden units, then those of the outputs, as in the file. */
class Network {
  readonly weights: Float64Array;
  private readonly units: number;
  private readonly inputs: number;
  /** Of the last row. */
  private readonly hidden: Float64Array;
  private readonly mixture = new Float64Array(PARTS);

  constructor(gate: MemoryGate) {
    this.units = gate.hidden.length;
    this.inputs = SCORE_COLUMNS - PARTS;
    this.weights = Float64Array.from([...gate.hidden.flat(), ...gate.output.flat()]);
    this.hidden = new Float64Array(this.units);
  }

  /** Nats for the token of a row. */
  loss(rows: GateRows, at: number): number {
    this.mix(rows, at);
    return -Math.log(this.chance(rows, at));
  }

  /** Of the sum of the losses of all rows. */
  gradient(rows: GateRows): Float64Array {
    const { weights, units, inputs, hidden, mixture } = this;
    const gradient = new Float64Array(weights.length);
    const outputs = units * (inputs + 1);
    const byUnit = new Float64Array(units);
    for (let at = 0; at < rows.length; at += SCORE_COLUMNS) {
      this.mix(rows, at);
      const chance = this.chance(rows, at);
      byUnit.fill(0);
      for (let k = 0; k < PARTS; k++) {
        const weight = mixture[k] ?? 0;
        if (weight === 0) continue;
        const byScore = weight * (1 - chanceOf(rows, at, k) / chance);
        const begin = outputs + k * (units + 1);
        for (let u = 0; u < units; u++) {
          gradient[begin + u] = (gradient[begin + u] ?? 0) + byScore * (hidden[u] ?? 0);
          byUnit[u] = (byUnit[u] ?? 0) + byScore * (weights[begin + u] ?? 0);
        }
        gradient[begin + units] = (gradient[begin + units] ?? 0) + byScore;
      }
      for (let u = 0; u < units; u++) {
        const byHidden = byUnit[u] ?? 0;
        if ((hidden[u] ?? 0) <= 0 || byHidden === 0) continue;
        const begin = u * (inputs + 1);
        for (let i = 0; i < inputs; i++)
          gradient[begin + i] = (gradient[begin + i] ?? 0) + byHidden * (rows[at + PARTS + i] ?? 0);
        gradient[begin + inputs] = (gradient[begin + inputs] ?? 0) + byHidden;
      }
    }
    return gradient;
  }

  /** As rounded as what is stored. */
  gate(): MemoryGate {
    const rowsOf = (begin: number, count: number, length: number) =>
      Array.from({ length: count }, (_, row) =>
        Array.from(this.weights.subarray(begin + row * length, begin + (row + 1) * length), (weight) =>
          Number(weight.toPrecision(5)),
        ),
      );
    const { units, inputs } = this;
    return { hidden: rowsOf(0, units, inputs + 1), output: rowsOf(units * (inputs + 1), PARTS, units + 1) };
  }

  /** The weights of the model and of the kinds of matches in the prediction of a row's token. */
  private mix(rows: GateRows, at: number): void {
    const { weights, units, inputs, hidden, mixture } = this;
    for (let u = 0; u < units; u++) {
      const begin = u * (inputs + 1);
      let sum = weights[begin + inputs] ?? 0;
      for (let i = 0; i < inputs; i++) sum += (weights[begin + i] ?? 0) * (rows[at + PARTS + i] ?? 0);
      hidden[u] = Math.max(0, sum);
    }
    const outputs = units * (inputs + 1);
    let top = -Infinity;
    for (let k = 0; k < PARTS; k++) {
      const begin = outputs + k * (units + 1);
      let sum = weights[begin + units] ?? 0;
      for (let u = 0; u < units; u++) sum += (weights[begin + u] ?? 0) * (hidden[u] ?? 0);
      // A part without a match has no weight.
      mixture[k] = k > 0 && (rows[at + k] ?? -1) < 0 ? -Infinity : sum;
      top = Math.max(top, mixture[k] ?? 0);
    }
    let total = 0;
    for (let k = 0; k < PARTS; k++) total += mixture[k] = Math.exp((mixture[k] ?? 0) - top);
    for (let k = 0; k < PARTS; k++) mixture[k] = (mixture[k] ?? 0) / total;
  }

  private chance(rows: GateRows, at: number): number {
    let chance = 0;
    for (let k = 0; k < PARTS; k++) if ((this.mixture[k] ?? 0) > 0) chance += (this.mixture[k] ?? 0) * chanceOf(rows, at, k);
    return Math.max(chance, LEAST_CHANCE);
  }
}

/** Of a token that nothing foresaw, so that the logarithm is finite. */
const LEAST_CHANCE = 1e-12;

/** Of the token, by the model (0) or a kind of matches. */
function chanceOf(rows: GateRows, at: number, part: number): number {
  const value = rows[at + part] ?? 0;
  return part === 0 ? Math.exp(value) : Math.max(0, value);
}
