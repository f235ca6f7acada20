import { createRequire } from 'node:module';
import { join } from 'node:path';
import type * as onnxruntime from 'onnxruntime-node';

export type Runtime = typeof onnxruntime;

/**
 * Execution providers that are tried where the installed package lists them: WebGPU on every desktop, CUDA on Linux (for
 * those who installed its libraries), Core ML on macOS, DirectML on Windows. TensorRT is not: it compiles the model anew
 * for each length of a prompt.
 */
export const PROVIDERS = ['cpu', 'webgpu', 'cuda', 'coreml', 'dml'] as const;
export type Provider = (typeof PROVIDERS)[number];

/** ONNX Runtime is missing or does not load. The message names the fault and what to do. */
export class RuntimeError extends Error {
  override readonly name = 'RuntimeError';
}

/**
 * Load ONNX Runtime, some tens of megabytes: only in the engine's process and only where it is needed.
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

/** Those of PROVIDERS that the installed package has for this platform; whether one works is for a probe to find out. */
export function providersOf(runtime: Runtime): Provider[] {
  const listed = runtime.listSupportedBackends().map(({ name }) => name);
  return PROVIDERS.filter((provider) => listed.includes(provider));
}
