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
import { fitLine, type Line } from './line';
import { quality } from './value';

/** Weight of a new observation: a busy machine shows within a few requests. */
const LEARNING_RATE = 0.3;

/** Prefills shorter than this say more about waking up than about tokens. */
const MIN_PREFILL_TOKENS = 16;

/**
 * What every submodel costs on this machine now: a few are measured when the engine starts, the others lie on the line
 * through these (decoding is bound by the bytes it reads, prefill by its operations), and every request since tells
 * how loaded the machine is.
 */
export class CostModel implements Costs {
  readonly candidates: readonly Candidate[];
  readonly lastResort: Candidate | undefined;
  private readonly measured = new Map<string, Cost>();
  /** Milliseconds a token over bytes read. */
  private decodeLine: Line | undefined;
  /** Milliseconds a token over parameters used. */
  private prefillLine: Line | undefined;
  /** How much slower than when it was measured, for all submodels alike. */
  private prefillLoad = 1;
  private decodeLoad = 1;

  /** @param measured by the name of the submodel, at least one */
  constructor(
    private readonly config: CheckpointConfig,
    measured: Readonly<Record<string, Cost>>,
  ) {
    this.candidates = candidatesOf(config);
    this.lastResort = lastResortOf(config, this.candidates);
    this.measureAnew(measured);
  }

  /**
   * Another backend runs the model now: what was measured and learned of the one before says nothing any more.
   * @param measured as for the constructor
   */
  measureAnew(measured: Readonly<Record<string, Cost>>): void {
    const { config } = this;
    const { model } = config;
    this.measured.clear();
    this.prefillLoad = 1;
    this.decodeLoad = 1;
    const rows = Object.entries(measured).map(([name, cost]) => ({
      cost,
      widths: candidateOf(config, name).submodel.widths,
    }));
    // Noise only adds time: what a larger submodel was measured to take, a smaller one takes at most.
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

  /** @throws {Error} naming what there is, where there is none of that name */
  named(name: string): Candidate {
    return candidateOf(this.config, name);
  }

  /**
   * One request's times, and passes over the weights in which it decoded. A submodel that was not used lately is as much slower as the one that was: the load of the
   * machine is shared.
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

  /** Milliseconds to read `promptTokens` and decode in so many passes over the weights, or undefined where nothing was measured. */
  predictMs(submodel: Submodel, promptTokens: number, passes: number): number | undefined {
    const cost = this.costOf(submodel);
    return (
      cost &&
      promptTokens * cost.prefillMsPerToken * this.prefillLoad + passes * cost.decodeMsPerToken * this.decodeLoad
    );
  }

  /** On the machine as it was measured. */
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

/** What answers if the others would take too much completes at least so much of what XL does. */
const MIN_QUALITY = 0.9;

/** XS, if the checkpoint has it, it is cheaper than all candidates and good enough. It leaves layers out, so it is none of them. */
function lastResortOf(config: CheckpointConfig, [cheapest]: readonly Candidate[]): Candidate | undefined {
  if (!('XS' in config.granularities)) return undefined;
  const smallest = candidateOf(config, 'XS');
  const isCheaper = cheapest !== undefined && smallest.bytesPerToken < cheapest.bytesPerToken;
  return isCheaper && quality(smallest) >= MIN_QUALITY ? smallest : undefined;
}

function step(ratio: number): number {
  // One outlier, a sleep of the machine say, may not throw the estimate off by more than a factor of 4.
  return 1 - LEARNING_RATE + LEARNING_RATE * Math.min(4, Math.max(0.25, ratio));
}
