import { type Backend, type EngineInfo, isOnGpu } from './engine';
import { type HardwareReport, inOrder, typicalMs } from './hardware';

const PROVIDERS: Readonly<Record<Backend, string>> = {
  native: 'The native engine',
  'onnx-cpu': 'ONNX Runtime on the processor',
  'onnx-webgpu': 'ONNX Runtime on the GPU',
  'onnx-cuda': 'ONNX Runtime on the GPU by CUDA',
  'onnx-coreml': 'ONNX Runtime by Core ML',
  'onnx-dml': 'ONNX Runtime on the GPU by DirectML',
};

/** What runs the model, in words: `avx2, 2 threads, 5.9 MB of weights`. */
export function describeBackend({ backend, isa, threads, weightBytes }: EngineInfo): string {
  const runs = backend === 'native' ? isa : PROVIDERS[backend];
  const count = isOnGpu(backend) ? '' : `, ${threads} ${threads === 1 ? 'thread' : 'threads'}`;
  return `${runs}${count}, ${(weightBytes / 1e6).toFixed(1)} MB of weights`;
}

/** Why it is not what would have been used first, for good or for now; empty where it is. */
export function describeRejected({ rejected, yielded }: EngineInfo): string[] {
  const aside = rejected.map(({ backend, reason }) => `${PROVIDERS[backend]} is not in use: ${reason}`);
  const waits = yielded ? [`${PROVIDERS[yielded.backend]} waits while ${yielded.reason}`] : [];
  return [...aside, ...waits];
}

/** What the probe found, a line each. */
export function describeReport(report: HardwareReport): string[] {
  const lines = report.findings.map((finding) =>
    finding.kept
      ? `${finding.backend}: ${typicalMs(finding).toFixed(1)} ms for a line by XL, logits off by ${(100 * finding.error).toFixed(1)}%`
      : `${finding.backend} is put aside: ${finding.reason}`,
  );
  return [`hardware: ${report.machine}`, ...lines, describeChoice(report)];
}

/** What is used after a probe, and why. */
export function describeChoice(report: HardwareReport): string {
  if (report.unfinished) return UNFINISHED;
  const [first, ...others] = inOrder(report);
  if (!first) return 'Nothing that was tried runs the model here.';
  const isQuickest = others.every((other) => typicalMs(other) >= typicalMs(first));
  const why = isQuickest ? 'the quickest' : 'where another is a little quicker only,';
  return `Auto takes ${first.backend}, ${why} for this checkpoint on this machine.`;
}

/** In a line for a user: what was found here, also where nothing was tried yet. */
export function describeHardware(report: HardwareReport | undefined): string {
  if (!report) return 'processor and GPU have not been tried yet; a quiet moment will do it';
  if (report.unfinished) return UNFINISHED;
  const times = inOrder(report).map((kept) => `${kept.backend} ${typicalMs(kept).toFixed(0)} ms`);
  const onGpus = report.findings.filter(({ backend }) => isOnGpu(backend));
  const none = onGpus.some(({ kept }) => kept) ? [] : ['nothing runs it on a GPU, the log says why'];
  return [`a line by XL takes ${times.join(', ')}`, ...none].join('; ');
}

const UNFINISHED =
  'A trial of processor and GPU was begun here and never ended, so none begins by itself again: "MatCoder: Re-detect Hardware" tries anew.';
