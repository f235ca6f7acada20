import type { Checkpoint } from '../matlm/checkpoint';
import { submodelOf } from '../matlm/submodel';
import { checkValues } from '../matlm/tensors';
import type { NativeMemory } from './addon';
import { type Backend, isOnGpu } from './engine';
import { type BackendCandidate, FallbackEngine } from './fallbackEngine';
import { type HardwareReport, inOrder } from './hardware';
import { defaultThreads, LocalEngine } from './native';
import { ONNX_CPU, OnnxEngine } from './onnx/onnxEngine';
import type { Provider } from './onnx/runtime';
import type { Trial } from './protocol';

/** Tokens of a probe: more than 32, because ONNX Runtime uses another attention kernel for 32 and more. */
const TRIAL = { promptTokens: 40, decodedTokens: 8 };

export interface OpenOptions {
  /** 0 for the default. */
  readonly threads?: number;
  /** The findings of the probe on this machine. */
  readonly report?: HardwareReport | undefined;
  /** Use no GPU, even if the report has one. */
  readonly avoidsGpu?: boolean;
  /** From `openMemory`. All backends share it. */
  readonly memory?: NativeMemory | undefined;
}

/**
 * The engine that this machine runs: the first of `candidates` that works. The weights are checked before any of them is
 * opened, because a fault of theirs is not a fault of a backend.
 * @throws {CheckpointError} if the weights hold a value that is not finite
 * @throws the fault of the first candidate, if none opens
 */
export function openEngine(root: string, checkpoint: Checkpoint, options: OpenOptions = {}): FallbackEngine {
  checkValues(checkpoint.weightsFile, checkpoint.tensors);
  return new FallbackEngine(candidates(root, checkpoint, options), checkpoint.tokenizer.tokenBytes);
}

/**
 * The backends that can run the model, best first: those that the probe found, if there was one; then the native engine,
 * then ONNX Runtime.
 * @param root the folder that holds the addon and ONNX Runtime
 */
export function candidates(
  root: string,
  checkpoint: Checkpoint,
  { threads = 0, report, avoidsGpu = false, memory }: OpenOptions,
): BackendCandidate[] {
  const open = (backend: Backend, prefillTokens = ONNX_CPU.prefillTokens): BackendCandidate => ({
    backend,
    open: () => openBackend(root, checkpoint, threads, backend, prefillTokens, memory),
  });
  const chosen = (report ? inOrder(report) : [])
    .filter(({ backend }) => !avoidsGpu || !isOnGpu(backend))
    .map(({ backend, prefillTokens }) => open(backend, prefillTokens));
  const lastResorts = (['native', 'onnx-cpu'] as const)
    .filter((backend) => !chosen.some((candidate) => candidate.backend === backend))
    .map((backend) => open(backend));
  return [...chosen, ...lastResorts];
}

/** The work of a probe's process: the full model on an arbitrary text, prefilled and then decoded token by token. */
export async function tryBackend(
  root: string,
  checkpoint: Checkpoint,
  threads: number,
  backend: Backend,
  prefillTokens: number,
): Promise<Trial> {
  checkValues(checkpoint.weightsFile, checkpoint.tensors);
  const { model } = checkpoint.config;
  const { widths } = submodelOf(checkpoint.config, 'XL');
  const count = TRIAL.promptTokens + TRIAL.decodedTokens;
  const tokens = Array.from({ length: count }, (_, i) => (i * 37 + 11) % model.vocabularySize);
  const engine = openBackend(root, checkpoint, threads, backend, prefillTokens);
  const logits = await engine.logits(tokens, widths, TRIAL.promptTokens - 1);
  return { logits, costs: (await engine.measure()).costs };
}

function openBackend(
  root: string,
  checkpoint: Checkpoint,
  threads: number,
  backend: Backend,
  prefillTokens: number,
  memory?: NativeMemory,
): LocalEngine | OnnxEngine {
  if (backend === 'native') return new LocalEngine(root, checkpoint, threads, memory);
  const provider = backend.slice('onnx-'.length) as Provider;
  return new OnnxEngine(
    root,
    checkpoint,
    { provider, prefillTokens },
    threads > 0 ? threads : defaultThreads(),
    memory,
  );
}
