import { createRequire } from 'node:module';
import { join } from 'node:path';
import type * as onnxruntime from 'onnxruntime-node';
import { firstLineOf } from '../processEnd';
import { thisTarget } from '../target';

export type Runtime = typeof onnxruntime;

/** Platforms for which the npm package has no libraries: those for Linux need glibc. */
export const WITHOUT_RUNTIME: readonly string[] = ['alpine-x64', 'alpine-arm64', 'darwin-x64'];

/** ONNX Runtime is missing or does not load. The message names the fault; the addon's, which is tried first, the remedy. */
export class RuntimeError extends Error {
  override readonly name = 'RuntimeError';
}

/**
 * Load ONNX Runtime. It takes some tens of megabytes, so it is loaded only in the engine's process and only if needed.
 * @param root the folder that holds `prebuilds/`, or `node_modules/` in a source tree
 */
export function loadRuntime(root: string, target = thisTarget()): Runtime {
  let runtime: Runtime;
  try {
    // Looks into the platform's own folder first, then in the folders above it.
    runtime = createRequire(join(root, 'prebuilds', target, 'index.js'))('onnxruntime-node') as Runtime;
  } catch (error) {
    if (WITHOUT_RUNTIME.includes(target)) {
      throw new RuntimeError(
        `ONNX Runtime has no libraries for ${target}, so only the native engine can complete here.`,
      );
    }
    const fault = firstLineOf((error as Error).message);
    throw new RuntimeError(`ONNX Runtime for ${target} does not load (${fault}).`);
  }
  runtime.env.logLevel = 'error';
  return runtime;
}
