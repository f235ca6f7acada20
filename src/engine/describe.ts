import { english, type Phrase, phrase } from '../localisation/phrase';
import { type Backend, type EngineInfo, isOnGpu } from './engine';
import { CLEARLY_FASTER, coldMs, type HardwareReport, inOrder, meanMs, typicalMs } from './hardware';

const BACKEND_NAMES: Readonly<Record<Backend, Phrase>> = {
  native: phrase('The native engine'),
  gpu: phrase('The native engine on the GPU'),
  'gpu-prefill': phrase('The native engine, with prompts read on the GPU'),
  'onnx-cpu': phrase('ONNX Runtime on the processor'),
};

/** The backend in words: `avx2, 2 threads, 5.9 MB of weights`. */
export function describeBackend({ backend, isa, threads, weightBytes }: EngineInfo): Phrase {
  const name = backend === 'native' ? isa : BACKEND_NAMES[backend];
  const size = { value: weightBytes / 1e6, digits: 1 };
  if (isOnGpu(backend)) return phrase('{0}, {1} MB of weights', name, size);
  return threads === 1
    ? phrase('{0}, 1 thread, {1} MB of weights', name, size)
    : phrase('{0}, {1} threads, {2} MB of weights', name, threads, size);
}

/** Why no preferred backend is in use, for good or for now; empty if one is. */
export function describeRejected({ rejected, yielded }: EngineInfo): Phrase[] {
  const faults = rejected.map(({ backend, reason }) =>
    phrase('{0} is not in use: {1}', BACKEND_NAMES[backend], reason),
  );
  const waits = yielded ? [phrase('{0} is paused: {1}', BACKEND_NAMES[yielded.backend], yielded.reason)] : [];
  return [...faults, ...waits];
}

/** The findings of the probe, one per line. */
export function describeReport(report: HardwareReport): string[] {
  const lines = report.findings.map((finding) =>
    finding.kept
      ? `${finding.backend}: ${typicalMs(finding).toFixed(1)} ms per line with XL, ${coldMs(finding).toFixed(1)} ms for the first in a file, ` +
        `logits off by ${(100 * finding.error).toFixed(1)}%`
      : `${finding.backend} was rejected: ${finding.reason}`,
  );
  return [`hardware: ${report.machine}`, ...lines, describeChoice(report)];
}

/** The backend that is used after a probe, and the reason. */
export function describeChoice(report: HardwareReport): string {
  if (report.unfinished) return english(UNFINISHED);
  const [first, ...others] = inOrder(report);
  if (!first) return 'No backend that was tried can run the model on this machine.';
  const isFastest = others.every((other) => meanMs(other) >= meanMs(first));
  const percent = Math.round(100 * (CLEARLY_FASTER - 1));
  const why = isFastest ? 'it is the fastest' : `no other backend is at least ${percent}% faster`;
  return `MatCoder uses ${first.backend} for this model on this machine: ${why}.`;
}

/** One line for a user: the findings on this machine, or that there are none yet. */
export function describeHardware(report: HardwareReport | undefined): Phrase {
  if (!report) return phrase('hardware not probed yet; the probe runs when idle');
  if (report.unfinished) return UNFINISHED;
  const times = inOrder(report).map((kept) => phrase('{0} {1} ms', kept.backend, Math.round(typicalMs(kept))));
  const onGpus = report.findings.filter(({ backend }) => isOnGpu(backend));
  return onGpus.some(({ kept }) => kept)
    ? phrase('time per line with XL: {0}', times)
    : phrase('time per line with XL: {0}; no backend runs it on a GPU (the log has the reasons)', times);
}

const UNFINISHED = phrase('a previous hardware probe did not finish; run "MatCoder: Re-detect Hardware" to retry');
