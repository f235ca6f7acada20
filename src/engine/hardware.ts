import { type Cost, prefillMs } from '../matlm/submodel';
import type { Backend, BackendReason } from './engine';

/** A backend that computed the same as the reference. */
export interface Kept {
  readonly backend: Backend;
  readonly kept: true;
  /** Root mean square error of its logits against the reference's, over their standard deviation. */
  readonly error: number;
  /** By size. */
  readonly costs: Readonly<Record<string, Cost>>;
}

export interface Rejected extends BackendReason {
  readonly kept: false;
}

/** The findings of a probe on this machine for one checkpoint. */
export interface HardwareReport {
  /** The machine that the findings hold for: processor, GPUs, drivers, version and checkpoint. */
  readonly machine: string;
  readonly findings: readonly (Kept | Rejected)[];
  /** A probe has begun and not ended. It may have crashed the machine. */
  readonly unfinished?: true;
}

/** Another backend replaces the native engine only if it is faster by this factor. */
export const CLEARLY_FASTER = 1.2;

/** A typical request: a line's worth of new prompt, and of text. */
const TYPICAL = { promptTokens: 24, newTokens: 12 };

/** The first request in a file reads the whole prompt. Its share of all requests is an assumption. */
const COLD = { promptTokens: 512, share: 0.1 };

/** Milliseconds of a typical request to the full model. */
export function typicalMs({ costs }: Kept): number {
  return requestMs(costs.XL, TYPICAL.promptTokens);
}

/** Milliseconds of the first request in a file to the full model. */
export function coldMs({ costs }: Kept): number {
  return requestMs(costs.XL, COLD.promptTokens);
}

/** The mean of all requests to the full model, which decides between backends. */
export function meanMs(kept: Kept): number {
  return (1 - COLD.share) * typicalMs(kept) + COLD.share * coldMs(kept);
}

function requestMs(cost: Cost | undefined, promptTokens: number): number {
  return cost ? prefillMs(cost, promptTokens) + TYPICAL.newTokens * cost.decodeMsPerToken : Infinity;
}

/** The kept backends, best first: the fastest for the full model, or the native engine if it is close to that. */
export function inOrder(report: HardwareReport): Kept[] {
  const kept = report.findings.filter((finding) => finding.kept);
  const handicap = ({ backend }: Kept) => (backend === 'native' ? 1 : CLEARLY_FASTER);
  return kept.sort((a, b) => meanMs(a) * handicap(a) - meanMs(b) * handicap(b));
}
