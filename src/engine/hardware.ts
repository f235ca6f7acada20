import type { Cost } from '../matlm/submodel';
import type { Backend, BackendReason } from './engine';

/** A backend that computed the same as the reference. */
export interface Kept {
  readonly backend: Backend;
  readonly kept: true;
  /** Tokens that it prefills at once. */
  readonly prefillTokens: number;
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

/** Milliseconds of a typical request to the full model. */
export function typicalMs({ costs }: Kept): number {
  const { prefillMsPerToken, decodeMsPerToken } = costs.XL ?? {
    prefillMsPerToken: Infinity,
    decodeMsPerToken: Infinity,
  };
  return TYPICAL.promptTokens * prefillMsPerToken + TYPICAL.newTokens * decodeMsPerToken;
}

/** The kept backends, best first: the fastest for the full model, or the native engine if it is close to that. */
export function inOrder(report: HardwareReport): Kept[] {
  const kept = report.findings.filter((finding) => finding.kept);
  const handicap = ({ backend }: Kept) => (backend === 'native' ? 1 : CLEARLY_FASTER);
  return kept.sort((a, b) => typicalMs(a) * handicap(a) - typicalMs(b) * handicap(b));
}
