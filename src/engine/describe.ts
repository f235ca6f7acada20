import { type Backend, type EngineInfo, isOnGpu } from './engine';
import { CLEARLY_FASTER, type HardwareReport, inOrder, typicalMs } from './hardware';

const BACKEND_NAMES: Readonly<Record<Backend, string>> = {
  native: 'The native engine',
  'onnx-cpu': 'ONNX Runtime on the processor',
  'onnx-webgpu': 'ONNX Runtime on the GPU',
  'onnx-cuda': 'ONNX Runtime on the GPU with CUDA',
  'onnx-coreml': 'ONNX Runtime with Core ML',
  'onnx-dml': 'ONNX Runtime on the GPU with DirectML',
};

/** The backend in words: `avx2, 2 threads, 5.9 MB of weights`. */
export function describeBackend({ backend, isa, threads, weightBytes }: EngineInfo): string {
  const name = backend === 'native' ? isa : BACKEND_NAMES[backend];
  const count = isOnGpu(backend) ? '' : `, ${threads} ${threads === 1 ? 'thread' : 'threads'}`;
  return `${name}${count}, ${(weightBytes / 1e6).toFixed(1)} MB of weights`;
}

/** Why no preferred backend is in use, for good or for now; empty if one is. */
export function describeRejected({ rejected, yielded }: EngineInfo): string[] {
  const faults = rejected.map(({ backend, reason }) => `${BACKEND_NAMES[backend]} is not in use: ${reason}`);
  const waits = yielded ? [`${BACKEND_NAMES[yielded.backend]} is paused: ${yielded.reason}`] : [];
  return [...faults, ...waits];
}

/** The findings of the probe, one per line. */
export function describeReport(report: HardwareReport): string[] {
  const lines = report.findings.map((finding) =>
    finding.kept
      ? `${finding.backend}: ${typicalMs(finding).toFixed(1)} ms per line with XL, logits off by ${(100 * finding.error).toFixed(1)}%`
      : `${finding.backend} was rejected: ${finding.reason}`,
  );
  return [`hardware: ${report.machine}`, ...lines, describeChoice(report)];
}

/** The backend that is used after a probe, and the reason. */
export function describeChoice(report: HardwareReport): string {
  if (report.unfinished) return UNFINISHED;
  const [first, ...others] = inOrder(report);
  if (!first) return 'No backend that was tried can run the model on this machine.';
  const isFastest = others.every((other) => typicalMs(other) >= typicalMs(first));
  const percent = Math.round(100 * (CLEARLY_FASTER - 1));
  const why = isFastest ? 'it is the fastest' : `no other backend is at least ${percent}% faster`;
  return `MatCoder uses ${first.backend} for this model on this machine: ${why}.`;
}

/** One line for a user: the findings on this machine, or that there are none yet. */
export function describeHardware(report: HardwareReport | undefined): string {
  if (!report) return 'hardware not probed yet; the probe runs when idle';
  if (report.unfinished) return UNFINISHED;
  const times = inOrder(report).map((kept) => `${kept.backend} ${typicalMs(kept).toFixed(0)} ms`);
  const onGpus = report.findings.filter(({ backend }) => isOnGpu(backend));
  const none = onGpus.some(({ kept }) => kept) ? [] : ['no backend runs it on a GPU (the log has the reasons)'];
  return [`time per line with XL: ${times.join(', ')}`, ...none].join('; ');
}

const UNFINISHED = 'a previous hardware probe did not finish; run "MatCoder: Re-detect Hardware" to retry';
