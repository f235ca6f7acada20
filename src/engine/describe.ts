import type { EngineInfo } from './engine';
import { type HardwareReport, typicalMs } from './hardware';

/** What runs the model, in words: `avx2, 2 threads, 5.9 MB of weights`. */
export function describeBackend({ backend, isa, threads, weightBytes }: EngineInfo): string {
  const runs = { native: isa, 'onnx-cpu': 'ONNX Runtime on the processor', 'onnx-webgpu': 'ONNX Runtime on the GPU' };
  const count = backend === 'onnx-webgpu' ? '' : `, ${threads} ${threads === 1 ? 'thread' : 'threads'}`;
  return `${runs[backend]}${count}, ${(weightBytes / 1e6).toFixed(1)} MB of weights`;
}

/** Why it is not what would have been used first; empty where it is. */
export function describePutAside({ putAside }: EngineInfo): string[] {
  const names = { native: 'The native engine', 'onnx-cpu': 'ONNX Runtime', 'onnx-webgpu': 'The GPU' };
  return putAside.map(({ backend, reason }) => `${names[backend]} is not in use: ${reason}`);
}

/** What the probe found, a line each. */
export function describeReport({ machine, findings }: HardwareReport): string[] {
  const lines = findings.map((finding) =>
    finding.kept
      ? `${finding.backend}: ${typicalMs(finding).toFixed(1)} ms for a line by XL, logits off by ${(100 * finding.error).toFixed(1)}%`
      : `${finding.backend} is put aside: ${finding.reason}`,
  );
  return [`hardware: ${machine}`, ...lines];
}
