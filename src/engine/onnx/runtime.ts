import { createRequire } from 'node:module';
import { join } from 'node:path';
import type * as onnxruntime from 'onnxruntime-node';

export type Runtime = typeof onnxruntime;

/**
 * Execution providers that are tried if the installed package lists them: WebGPU on every desktop, CUDA on Linux (if its
 * libraries are installed), Core ML on macOS, DirectML on Windows. TensorRT is not tried, because it compiles the model again
 * for each length of a prompt.
 */
const PROVIDERS = ['cpu', 'webgpu', 'cuda', 'coreml', 'dml'] as const;
export type Provider = (typeof PROVIDERS)[number];

/** ONNX Runtime is missing or does not load. The message names the fault and what to do. */
export class RuntimeError extends Error {
  override readonly name = 'RuntimeError';
}

/**
 * Load ONNX Runtime. It takes some tens of megabytes, so it is loaded only in the engine's process and only if needed.
 * @param root the folder that holds `prebuilds/`, or `node_modules/` in a source tree
 */
export function loadRuntime(root: string): Runtime {
  const platform = `${process.platform}-${process.arch}`;
  let runtime: Runtime;
  try {
    // Looks into the platform's own folder first, then in the folders above it.
    runtime = createRequire(join(root, 'prebuilds', platform, 'index.js'))('onnxruntime-node') as Runtime;
  } catch (error) {
    const fault = (error as Error).message.split('\n')[0] ?? '';
    throw new RuntimeError(
      `ONNX Runtime for ${platform} does not load (${fault}). ` +
        'Install the extension package for this platform, or run `npm run build` in the source folder.',
    );
  }
  runtime.env.logLevel = 'error';
  return runtime;
}

/** Those of PROVIDERS that the installed package has for this platform. Only a probe shows whether one works. */
export function providersOf(runtime: Runtime): Provider[] {
  const listed = runtime.listSupportedBackends().map(({ name }) => name);
  return PROVIDERS.filter((provider) => listed.includes(provider));
}
