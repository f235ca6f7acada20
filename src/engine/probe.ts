import { type Backend, isOnGpu } from './engine';
import type { HardwareReport, Kept, Rejected } from './hardware';
import type { Trial } from './protocol';
import { ask, type ProcessOptions } from './trialProcess';

export interface ProbeOptions extends ProcessOptions {
  /** The folder of the installation. */
  readonly root: string;
  readonly modelFolder: string;
  /** 0 for the default. */
  readonly threads: number;
  /** The machine that the findings hold for, see `machineOf`. */
  readonly machine: string;
  /** Why no backend that uses a GPU is tried, see `whyNoGpu`. */
  readonly noGpu?: string | undefined;
}

/** Different rounding changes logits by a few percent of their standard deviation, and a wrong kernel by far more. */
const MAX_ERROR = 0.07;

/**
 * Try each backend in a process of its own, because a faulty driver may crash or hang it: one prefill and eight decode
 * steps, compared with the logits of the first backend that runs (the native engine, or ONNX Runtime if the addon does not load).
 */
export async function detectHardware(options: ProbeOptions): Promise<HardwareReport> {
  const native = await tryOne(options, 'native');
  const findings = [native.finding];
  let { logits } = native;
  if (!logits) {
    const lastResort = await tryOne(options, 'onnx-cpu');
    findings.push(lastResort.finding);
    ({ logits } = lastResort);
  }
  // Without logits to compare with, nobody knows whether a driver is right.
  if (!logits) return { machine: options.machine, findings };
  const gpu = await tryOne(options, 'gpu', logits);
  findings.push(gpu.finding);
  // It is both: if one of them does not work, there is nothing to try.
  if (native.finding.kept && gpu.finding.kept) findings.push((await tryOne(options, 'gpu-prefill', logits)).finding);
  return { machine: options.machine, findings };
}

interface Tried {
  readonly finding: Kept | Rejected;
  /** Of a backend that is kept. */
  readonly logits?: Float32Array;
}

/** @param reference the logits to compare with; undefined for the first backend */
async function tryOne(options: ProbeOptions, backend: Backend, reference?: Float32Array): Promise<Tried> {
  const rejected = (reason: string): Tried => ({ finding: { backend, kept: false, reason } });
  if (options.noGpu !== undefined && isOnGpu(backend)) return rejected(options.noGpu);
  try {
    const { logits, costs } = await runTrial(options, backend);
    const error = relativeError(logits, reference ?? logits);
    if (error <= MAX_ERROR) return { finding: { backend, kept: true, error, costs }, logits };
    const fault = Number.isNaN(error)
      ? 'are not numbers'
      : `are off by ${(100 * error).toFixed(0)}% of their standard deviation`;
    return rejected(`its logits ${fault}`);
  } catch (error) {
    options.signal?.throwIfAborted();
    return rejected((error as Error).message);
  }
}

async function runTrial(options: ProbeOptions, backend: Backend): Promise<Trial> {
  const { root, modelFolder: folder, threads } = options;
  const answer = await ask(options, { type: 'try', root, folder, threads, backend });
  if (answer.type !== 'tried') throw new Error(`its process answered ${answer.type}`);
  return answer.trial;
}

/** Root mean square of the difference, relative to the expected values' standard deviation. */
function relativeError(found: Float32Array, expected: Float32Array): number {
  const mean = expected.reduce((sum, value) => sum + value, 0) / expected.length;
  let error = 0;
  let spread = 0;
  for (const [i, value] of expected.entries()) {
    error += ((found[i] ?? Number.NaN) - value) ** 2;
    spread += (value - mean) ** 2;
  }
  return Math.sqrt(error / spread);
}
