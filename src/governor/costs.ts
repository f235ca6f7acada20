import { type CheckpointConfig } from '../matlm/config';
import {
  bytesPerToken,
  type Candidate,
  candidateOf,
  candidatesOf,
  type Cost,
  type GpuPrefill,
  nameInUse,
  parameters,
  prefillMs,
  type Submodel,
  submodelNames,
  usualSizes,
} from '../matlm/submodel';
import type { Costs } from './decide';
import { type CostLine, fitLine } from './line';
import { quality } from './value';

/** Weight of a new observation, so that a busy machine shows within a few requests. */
const LEARNING_RATE = 0.3;

/** The time of a shorter prefill is mostly start-up, not tokens. */
const MIN_PREFILL_TOKENS = 16;

/** How a model stands beside the main one. */
export interface Standing {
  /** Its submodels are called by it, so that all submodels in use have different names; undefined for the main model. */
  readonly name?: string;
  /** Bits per byte of its XL over those of the main model's XL, on the same text of the user; undefined if not measured. */
  readonly relativeBits?: number | undefined;
}

const MAIN: Standing = {};

/**
 * The cost of every submodel of a model on this machine now. A few are measured when the engine starts. The others lie on the line
 * through these, because decoding is bound by bytes read and prefill by operations. Every request updates the load of the
 * machine.
 */
export class CostModel implements Costs {
  readonly candidates: readonly Candidate[];
  readonly lastResort: Candidate | undefined;
  private readonly byName = new Map<string, Candidate>();
  private readonly measured = new Map<string, Cost>();
  /** Milliseconds a token over bytes read. */
  private decodeLine: CostLine | undefined;
  /** Milliseconds a token over parameters used. */
  private prefillLine: CostLine | undefined;
  /** The same of `GpuPrefill`; undefined if prompts are read in one way. */
  private gpuLines: { readonly startMs: CostLine; readonly msPerToken: CostLine } | undefined;
  /** Time now over the measured time, for all submodels alike. */
  private prefillLoad = 1;
  private decodeLoad = 1;

  /** @param measured by the checkpoint's name of the submodel, at least one */
  constructor(
    private readonly config: CheckpointConfig,
    measured: Readonly<Record<string, Cost>>,
    private readonly standing = MAIN,
  ) {
    const isMain = standing.name === undefined;
    const candidates = isMain ? candidatesOf(config) : usualSizes(config).map((size) => candidateOf(config, size));
    const lastResort = isMain ? lastResortOf(config, candidates) : undefined;
    this.candidates = candidates.map((candidate) => this.standingOf(candidate));
    this.lastResort = lastResort && this.standingOf(lastResort);
    for (const name of submodelNames(config)) {
      const candidate = this.standingOf(candidateOf(config, name));
      this.byName.set(candidate.submodel.name, candidate);
    }
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
    const rows = Object.entries(measured).map(([name, cost]) => {
      const { submodel, bytesPerToken } = candidateOf(config, name);
      return { name, cost, widths: submodel.widths, bytes: bytesPerToken };
    });
    // Noise only adds time, so a smaller submodel takes at most the measured time of a larger one.
    for (const { name, cost: own, bytes } of rows) {
      const larger = rows.filter((other) => other.bytes > bytes);
      const least = (of: (cost: Cost) => number) => Math.min(of(own), ...larger.map(({ cost }) => of(cost)));
      this.measured.set(this.nameOf(name), {
        prefillMsPerToken: least((cost) => cost.prefillMsPerToken),
        decodeMsPerToken: least((cost) => cost.decodeMsPerToken),
        ...(own.gpuPrefill && { gpuPrefill: own.gpuPrefill }),
      });
    }
    this.decodeLine = fitLine(
      rows.map(({ cost, widths }) => ({ x: bytesPerToken(model, widths), y: cost.decodeMsPerToken })),
    );
    this.prefillLine = fitLine(
      rows.map(({ cost, widths }) => ({ x: parameters(model, widths), y: cost.prefillMsPerToken })),
    );
    const onGpu = (of: (cost: GpuPrefill) => number) =>
      fitLine(
        rows.flatMap(({ cost, widths }) =>
          cost.gpuPrefill ? [{ x: parameters(model, widths), y: of(cost.gpuPrefill) }] : [],
        ),
      );
    const [startMs, msPerToken] = [onGpu((cost) => cost.startMs), onGpu((cost) => cost.msPerToken)];
    this.gpuLines = startMs && msPerToken && { startMs, msPerToken };
  }

  /** All submodels of the checkpoint. */
  get all(): Iterable<Candidate> {
    return this.byName.values();
  }

  has(name: string): boolean {
    return this.byName.has(name);
  }

  /** @throws {Error} if there is no submodel of that name; it lists the known names */
  named(name: string): Candidate {
    return this.byName.get(name) ?? this.standingOf(candidateOf(this.config, name));
  }

  /**
   * Learns the load from one request.
   * @param tookMs the prefill
   * @param passes over the weights to decode
   */
  observe(submodel: Submodel, prefilledTokens: number, tookMs: number, passes: number, decodeMs: number): void {
    const cost = this.costOf(submodel);
    if (!cost) return;
    const expectedMs = prefillMs(cost, prefilledTokens);
    if (prefilledTokens >= MIN_PREFILL_TOKENS && expectedMs > 0) {
      this.prefillLoad *= step(tookMs / (expectedMs * this.prefillLoad));
    }
    if (passes > 0 && cost.decodeMsPerToken > 0) {
      this.decodeLoad *= step(decodeMs / passes / (cost.decodeMsPerToken * this.decodeLoad));
    }
  }

  /** Milliseconds to prefill `promptTokens` and to decode in `passes` over the weights; undefined if nothing was measured. */
  predictMs(submodel: Submodel, promptTokens: number, passes: number): number | undefined {
    const cost = this.costOf(submodel);
    return cost && prefillMs(cost, promptTokens) * this.prefillLoad + passes * cost.decodeMsPerToken * this.decodeLoad;
  }

  /** The name of a submodel among those of all models in use. */
  private nameOf(name: string): string {
    const { name: model } = this.standing;
    return model === undefined ? name : nameInUse(model, name);
  }

  private standingOf({ submodel, ...candidate }: Candidate): Candidate {
    const { relativeBits } = this.standing;
    return {
      ...candidate,
      submodel: { ...submodel, name: this.nameOf(submodel.name) },
      ...(relativeBits !== undefined && { relativeBits }),
    };
  }

  /** The cost without the load. */
  private costOf({ name, widths }: Submodel): Cost | undefined {
    const measured = this.measured.get(name);
    if (measured) return measured;
    if (!this.prefillLine || !this.decodeLine) return undefined;
    const size = parameters(this.config.model, widths);
    const { gpuLines } = this;
    return {
      prefillMsPerToken: this.prefillLine(size),
      decodeMsPerToken: this.decodeLine(bytesPerToken(this.config.model, widths)),
      ...(gpuLines && { gpuPrefill: { startMs: gpuLines.startMs(size), msPerToken: gpuLines.msPerToken(size) } }),
    };
  }
}

/** The submodels of all models in use, and their costs. */
export class JointCosts implements Costs {
  /** @param models the main model first; others may come and go */
  constructor(private readonly models: () => readonly [CostModel, ...CostModel[]]) {}

  /** Of other models than the main one, those that are good enough to answer without being asked for by name. */
  get candidates(): readonly Candidate[] {
    const [main, ...others] = this.models();
    if (others.length === 0) return main.candidates;
    const most = Math.max(...main.candidates.map(({ bytesPerToken }) => bytesPerToken));
    const good = others
      .flatMap(({ candidates }) => candidates)
      .filter(isGoodEnough)
      // A battery pays for the bytes that are read, whichever model they are of.
      .map((one): Candidate => (one.bytesPerToken > most ? { ...one, isForMains: true } : one));
    return [...main.candidates, ...good].sort((a, b) => a.bytesPerToken - b.bytesPerToken);
  }

  /** That of the main model. */
  get lastResort(): Candidate | undefined {
    return this.models()[0].lastResort;
  }

  has(name: string): boolean {
    return this.models().some((model) => model.has(name));
  }

  named(name: string): Candidate {
    return this.of(name).named(name);
  }

  predictMs(submodel: Submodel, promptTokens: number, newTokens: number): number | undefined {
    return this.of(submodel.name).predictMs(submodel, promptTokens, newTokens);
  }

  /** The model of a submodel; the main model if none has one of that name. */
  private of(name: string): CostModel {
    const models = this.models();
    return models.find((model) => model.has(name)) ?? models[0];
  }
}

/** The quality that the last resort, and a candidate of another model than the main one, needs at least. */
const MIN_QUALITY = 0.9;

/** Whether a submodel answers without being asked for by name, if it is not one of the main model's own. */
export function isGoodEnough(candidate: Pick<Candidate, 'excessBits' | 'relativeBits'>): boolean {
  return quality(candidate) >= MIN_QUALITY;
}

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
