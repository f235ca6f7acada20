import { statSync } from 'node:fs';
import type { Checkpoint } from '../matlm/checkpoint';
import { submodelOf } from '../matlm/submodel';
import { checkValues } from '../matlm/tensors';
import type { NativeMemory } from './addon';
import { type Backend, isOnGpu } from './engine';
import { type BackendCandidate, FallbackEngine, type FallbackOptions } from './fallbackEngine';
import { GpuEngine } from './gpu/gpuEngine';
import { unsupported } from './gpu/weights';
import { GpuPrefillEngine } from './gpuPrefill';
import { type HardwareReport, inOrder } from './hardware';
import { defaultThreads, LocalEngine } from './native';
import { hasGraph } from './onnx/graph';
import { OnnxEngine } from './onnx/onnxEngine';
import type { Trial } from './protocol';

/** Tokens of a probe: more than a tile of the GPU's kernels. */
const TRIAL = { promptTokens: 40, decodedTokens: 8 };

/** Set by tests alone. Without it, a driver that computes on the processor is refused, because the native engine does that faster. */
const ALLOWS_SOFTWARE_GPU = 'MATCODER_ALLOW_SOFTWARE_GPU';

export interface OpenOptions extends FallbackOptions {
  /** 0 for the default. */
  readonly threads?: number;
  /** The findings of the probe on this machine. */
  readonly report?: HardwareReport | undefined;
  /** Use no GPU, even if the report has one. */
  readonly avoidsGpu?: boolean;
  /** From `openMemory`. All backends share it. */
  readonly memory?: NativeMemory | undefined;
  /** Weights of that many bytes are loaded next, and nothing else happens in this process meanwhile. */
  readonly onLoad?: ((bytes: number) => void) | undefined;
}

/**
 * The engine that this machine runs: the first of `candidates` that works. The weights are checked before any of them is
 * opened, because a fault of theirs is not a fault of a backend.
 * @throws {CheckpointError} if the weights hold a value that is not finite
 * @throws {AggregateError} the faults of all candidates, if none opens
 */
export function openEngine(root: string, checkpoint: Checkpoint, options: OpenOptions = {}): FallbackEngine {
  options.onLoad?.(statSync(checkpoint.weightsFile).size);
  checkValues(checkpoint.weightsFile, checkpoint.tensors);
  return new FallbackEngine(candidates(root, checkpoint, options), checkpoint.tokenizer.tokenBytes, options);
}

/**
 * The backends that can run the model, best first: those that the probe found, if there was one; then the native engine,
 * then ONNX Runtime.
 * @param root the folder that holds the addon, the package webgpu and ONNX Runtime
 */
export function candidates(
  root: string,
  checkpoint: Checkpoint,
  { report, avoidsGpu = false, ...options }: OpenOptions,
): BackendCandidate[] {
  const found = (report ? inOrder(report) : []).map(({ backend }) => backend);
  const backends = new Set<Backend>([...found, 'native', 'onnx-cpu']);
  return [...backends]
    .filter((backend) => whyNot(backend, checkpoint) === undefined && (!avoidsGpu || !isOnGpu(backend)))
    .map((backend) => ({
      backend,
      open: (processor) => openBackend(root, checkpoint, backend, { ...options, processor }),
    }));
}

/** Why a backend cannot run a checkpoint on any machine; undefined if it can. */
export function whyNot(
  backend: Backend,
  { config, tensors }: Pick<Checkpoint, 'config' | 'tensors'>,
): string | undefined {
  const model = { config: config.model, tensors };
  if (isOnGpu(backend)) {
    const reason = unsupported(model);
    return reason && `the GPU's kernels do not run this model: ${reason}`;
  }
  return backend === 'native' || hasGraph(model) ? undefined : 'only the native engine runs a model of this kind';
}

/** The work of a probe's process: the full model on an arbitrary text, prefilled and then decoded token by token. */
export async function tryBackend(
  root: string,
  checkpoint: Checkpoint,
  threads: number,
  backend: Backend,
): Promise<Trial> {
  checkValues(checkpoint.weightsFile, checkpoint.tensors);
  const { model } = checkpoint.config;
  const { widths } = submodelOf(checkpoint.config, 'XL');
  const count = TRIAL.promptTokens + TRIAL.decodedTokens;
  const tokens = Array.from({ length: count }, (_, i) => (i * 37 + 11) % model.vocabularySize);
  const engine = openBackend(root, checkpoint, backend, { threads });
  const logits = await engine.logits(tokens, widths, TRIAL.promptTokens - 1);
  return { logits, costs: (await engine.measure()).costs };
}

/** @param options with the native engine of the backend before, if there was one */
function openBackend(
  root: string,
  checkpoint: Checkpoint,
  backend: Backend,
  {
    threads = 0,
    memory,
    onLoad,
    processor,
  }: Pick<OpenOptions, 'threads' | 'memory' | 'onLoad'> & { readonly processor?: LocalEngine | undefined },
): LocalEngine | GpuEngine | GpuPrefillEngine | OnnxEngine {
  const reason = whyNot(backend, checkpoint);
  if (reason !== undefined) throw new Error(reason);
  const refusesSoftware = process.env[ALLOWS_SOFTWARE_GPU] === undefined;
  const native = () => {
    if (processor) return processor;
    onLoad?.(statSync(checkpoint.weightsFile).size);
    return new LocalEngine(root, checkpoint, threads, memory);
  };
  const gpu = () => new GpuEngine(root, checkpoint, memory, { refusesSoftware });
  switch (backend) {
    case 'native':
      return native();
    case 'gpu':
      return gpu();
    case 'gpu-prefill':
      return new GpuPrefillEngine(native(), gpu(), checkpoint.config);
    case 'onnx-cpu':
      return new OnnxEngine(root, checkpoint, threads > 0 ? threads : defaultThreads());
  }
}
