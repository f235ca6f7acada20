import { type Backend, isOnGpu, PREFILL_CHUNK } from './engine';
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
  /** Why no backend on a GPU is tried, see `whyNoGpu`. */
  readonly noGpu?: string | undefined;
}

/** Different rounding changes logits by a few percent of their standard deviation, and a wrong kernel by far more. */
const MAX_ERROR = 0.07;

/**
 * Tokens to prefill at once; the first number that gives correct logits is used. From 32 tokens on, ONNX Runtime uses
 * another attention kernel, which is wrong on some drivers.
 */
const PREFILL_TOKENS = { onProcessor: [PREFILL_CHUNK], onGpu: [2 * PREFILL_CHUNK, 31] };

/**
 * Try each backend in a process of its own, because a faulty driver may crash or hang it: one prefill and eight decode
 * steps, compared with the logits of the first backend that runs (the native engine, or ONNX Runtime on the processor).
 */
export async function detectHardware(options: ProbeOptions): Promise<HardwareReport> {
  const findings: (Kept | Rejected)[] = [];
  let reference: Float32Array | undefined;
  for (const backend of await backends(options)) {
    let finding: Kept | Rejected | undefined;
    if (options.noGpu !== undefined && isOnGpu(backend)) {
      findings.push({ backend, kept: false, reason: options.noGpu });
      continue;
    }
    for (const prefillTokens of isOnGpu(backend) ? PREFILL_TOKENS.onGpu : PREFILL_TOKENS.onProcessor) {
      try {
        const { logits, costs } = await runTrial(options, backend, prefillTokens);
        reference ??= logits;
        const error = relativeError(logits, reference);
        if (error <= MAX_ERROR) {
          finding = { backend, kept: true, prefillTokens, error, costs };
          break;
        }
        const fault = Number.isNaN(error)
          ? 'are not numbers'
          : `are off by ${(100 * error).toFixed(0)}% of their standard deviation`;
        finding = { backend, kept: false, reason: `its logits ${fault}` };
      } catch (error) {
        options.signal?.throwIfAborted();
        finding = { backend, kept: false, reason: (error as Error).message };
        // Shorter chunks do not help a backend that does not load.
        break;
      }
    }
    if (finding) findings.push(finding);
  }
  return { machine: options.machine, findings };
}

/** The backends to try: the native engine, and ONNX Runtime with each provider that its package has for this platform. */
async function backends(options: ProbeOptions): Promise<Backend[]> {
  const answer = await ask(options, { type: 'list', root: options.root }).catch(() => {
    options.signal?.throwIfAborted();
    return undefined;
  });
  // If ONNX Runtime does not load, the trial on the processor gives the reason.
  return ['native', ...(answer?.type === 'listed' ? answer.backends : (['onnx-cpu'] as const))];
}

async function runTrial(options: ProbeOptions, backend: Backend, prefillTokens: number): Promise<Trial> {
  const { root, modelFolder: folder, threads } = options;
  const answer = await ask(options, { type: 'try', root, folder, threads, backend, prefillTokens });
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
