import { fork } from 'node:child_process';
import type { Cost } from '../matlm/submodel';
import { type Backend, BACKENDS } from './engine';
import type { HardwareReport, Kept, PutAside } from './hardware';
import type { FromHost, ToHost } from './protocol';

export interface ProbeOptions {
  /** The bundle of the engine's process. */
  readonly hostFile: string;
  /** The folder of the installation. */
  readonly root: string;
  readonly modelFolder: string;
  /** 0 for the default. */
  readonly threads: number;
  /** What the findings hold for. */
  readonly machine: string;
  /** For one process. */
  readonly limitMs?: number;
  readonly execArgv?: readonly string[];
}

/** What a probe's process computed. */
export interface Trial {
  /** Logits after the prompt and after each of eight tokens, [9, vocabulary]. */
  readonly logits: Float32Array;
  readonly costs: Readonly<Record<string, Cost>>;
}

/** A graphics driver compiles some tens of kernels first. */
const LIMIT_MS = 60_000;

/** Int8 activations rounded in other places come to a few percent of the logits' spread; a wrong kernel to far more. */
const MAX_ERROR = 0.07;

/**
 * How many tokens to read at once, the first that computes rightly. ONNX Runtime takes another attention kernel from 32
 * on, which is wrong on some drivers.
 */
const PREFILL_TOKENS: Readonly<Record<Backend, readonly number[]>> = {
  native: [64],
  'onnx-cpu': [64],
  'onnx-webgpu': [128, 31],
};

/**
 * Try each backend in a process of its own, which a faulty driver may take down or hang: one prefill and eight decode
 * steps against the logits of the first backend that runs (the native engine, or ONNX Runtime on the processor).
 */
export async function detectHardware(options: ProbeOptions): Promise<HardwareReport> {
  const findings: (Kept | PutAside)[] = [];
  let reference: Float32Array | undefined;
  for (const backend of BACKENDS) {
    let finding: Kept | PutAside | undefined;
    for (const prefillTokens of PREFILL_TOKENS[backend]) {
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
          : `are off by ${(100 * error).toFixed(0)}% of their spread`;
        finding = { backend, kept: false, reason: `its logits ${fault}` };
      } catch (error) {
        finding = { backend, kept: false, reason: (error as Error).message };
        // One that does not load does not load with shorter chunks either.
        break;
      }
    }
    if (finding) findings.push(finding);
  }
  return { machine: options.machine, findings };
}

function runTrial(options: ProbeOptions, backend: Backend, prefillTokens: number): Promise<Trial> {
  const { hostFile, root, modelFolder, threads, limitMs = LIMIT_MS, execArgv = [] } = options;
  const child = fork(hostFile, [], {
    serialization: 'advanced',
    execArgv: [...execArgv],
    stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
  });
  let lastWords = '';
  child.stderr?.on('data', (chunk: Buffer) => {
    lastWords = (chunk.toString().trim().split('\n')[0] ?? '').slice(0, 200);
  });
  return new Promise<Trial>((resolve, reject) => {
    const fail = (reason: string) => {
      reject(new Error(reason.trim().split('\n')[0]));
    };
    const timer = setTimeout(() => {
      fail(`it did not answer within ${limitMs / 1000} s`);
    }, limitMs);
    child.on('message', (message) => {
      const answer = message as FromHost;
      if (answer.type === 'tried') resolve(answer.trial);
      if (answer.type === 'unusable') fail(answer.message);
    });
    child.on('error', (error) => {
      fail(error.message);
    });
    child.on('exit', (code, signal) => {
      clearTimeout(timer);
      const how = signal ? `by ${signal}` : `with exit code ${String(code)}`;
      fail(`its process ended ${how}${lastWords ? ` (${lastWords})` : ''}`);
    });
    const message: ToHost = { type: 'try', root, folder: modelFolder, threads, backend, prefillTokens };
    child.send(message, () => undefined);
  }).finally(() => {
    child.kill('SIGKILL');
  });
}

/** Root mean square of the difference, as a share of the expected values' standard deviation. */
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
