import { type CheckpointConfig } from '../matlm/config';
import {
  bytesPerToken,
  type Candidate,
  candidateOf,
  candidatesOf,
  type Cost,
  parameters,
  type Submodel,
} from '../matlm/submodel';
import type { Costs } from './decide';
import { type CostLine, fitLine } from './line';
import { quality } from './value';

/** Weight of a new observation, so that a busy machine shows within a few requests. */
const LEARNING_RATE = 0.3;

/** The time of a shorter prefill is mostly start-up, not tokens. */
const MIN_PREFILL_TOKENS = 16;

/**
 * The cost of every submodel on this machine now. A few are measured when the engine starts. The others lie on the line
 * through these, because decoding is bound by bytes read and prefill by operations. Every request updates the load of the
 * machine.
 */
export class CostModel implements Costs {
  readonly candidates: readonly Candidate[];
  readonly lastResort: Candidate | undefined;
  private readonly measured = new Map<string, Cost>();
  /** Milliseconds a token over bytes read. */
  private decodeLine: CostLine | undefined;
  /** Milliseconds a token over parameters used. */
  private prefillLine: CostLine | undefined;
  /** Time now over the measured time, for all submodels alike. */
  private prefillLoad = 1;
  private decodeLoad = 1;

  /** @param measured by the name of the submodel, at least one */
  constructor(
    private readonly config: CheckpointConfig,
    measured: Readonly<Record<string, Cost>>,
  ) {
    this.candidates = candidatesOf(config);
    this.lastResort = lastResortOf(config, this.candidates);
    this.replaceMeasured(measured);
  }

  /**
   * Another backend runs the model now, so all measurements and the learned load are replaced.
   * @param measured as for the constructor
   */
  replaceMeasured(measured: Readonly<Record<string, Cost>>): void {
    const { config } = this;
    const { model } = config;
    this.measured.clear();
    this.prefillLoad = 1;
    this.decodeLoad = 1;
    const rows = Object.entries(measured).map(([name, cost]) => ({
      cost,
      widths: candidateOf(config, name).submodel.widths,
    }));
    // Noise only adds time, so a smaller submodel takes at most the measured time of a larger one.
    for (const [name, own] of Object.entries(measured)) {
      const { bytesPerToken } = this.named(name);
      const larger = Object.entries(measured).filter(([other]) => this.named(other).bytesPerToken > bytesPerToken);
      const least = (of: (cost: Cost) => number) => Math.min(of(own), ...larger.map(([, cost]) => of(cost)));
      this.measured.set(name, {
        prefillMsPerToken: least((cost) => cost.prefillMsPerToken),
        decodeMsPerToken: least((cost) => cost.decodeMsPerToken),
      });
    }
    this.decodeLine = fitLine(
      rows.map(({ cost, widths }) => ({ x: bytesPerToken(model, widths), y: cost.decodeMsPerToken })),
    );
    this.prefillLine = fitLine(
      rows.map(({ cost, widths }) => ({ x: parameters(model, widths), y: cost.prefillMsPerToken })),
    );
  }

  /** @throws {Error} if there is no submodel of that name; it lists the known names */
  named(name: string): Candidate {
    return candidateOf(this.config, name);
  }

  /**
   * Learns the load from one request.
   * @param passes over the weights to decode
   */
  observe(submodel: Submodel, prefilledTokens: number, prefillMs: number, passes: number, decodeMs: number): void {
    const cost = this.costOf(submodel);
    if (!cost) return;
    if (prefilledTokens >= MIN_PREFILL_TOKENS && cost.prefillMsPerToken > 0) {
      this.prefillLoad *= step(prefillMs / prefilledTokens / (cost.prefillMsPerToken * this.prefillLoad));
    }
    if (passes > 0 && cost.decodeMsPerToken > 0) {
      this.decodeLoad *= step(decodeMs / passes / (cost.decodeMsPerToken * this.decodeLoad));
    }
  }

  /** Milliseconds to prefill `promptTokens` and to decode in `passes` over the weights; undefined if nothing was measured. */
  predictMs(submodel: Submodel, promptTokens: number, passes: number): number | undefined {
    const cost = this.costOf(submodel);
    return (
      cost &&
      promptTokens * cost.prefillMsPerToken * this.prefillLoad + passes * cost.decodeMsPerToken * this.decodeLoad
    );
  }

  /** The cost without the load. */
  private costOf({ name, widths }: Submodel): Cost | undefined {
    const measured = this.measured.get(name);
    if (measured) return measured;
    if (!this.prefillLine || !this.decodeLine) return undefined;
    return {
      prefillMsPerToken: this.prefillLine(parameters(this.config.model, widths)),
      decodeMsPerToken: this.decodeLine(bytesPerToken(this.config.model, widths)),
    };
  }
}

/** The quality that the last resort needs at least, as a share of XL's. */
const MIN_QUALITY = 0.9;

/** XS, if it is in the checkpoint, cheaper than all candidates and good enough. It skips layers, so it is no candidate. */
function lastResortOf(config: CheckpointConfig, [cheapest]: readonly Candidate[]): Candidate | undefined {
  if (!('XS' in config.granularities)) return undefined;
  const smallest = candidateOf(config, 'XS');
  const isCheaper = cheapest !== undefined && smallest.bytesPerToken < cheapest.bytesPerToken;
  return isCheaper && quality(smallest) >= MIN_QUALITY ? smallest : undefined;
}

function step(ratio: number): number {
  // An outlier, such as a sleep of the machine, counts as a factor of 4 at most.
  return 1 - LEARNING_RATE + LEARNING_RATE * Math.min(4, Math.max(0.25, ratio));
}
