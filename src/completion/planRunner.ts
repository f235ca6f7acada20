import type { Engine } from '../engine/engine';
import type { CostModel } from '../governor/costs';
import type { History } from '../governor/history';
import type { Checkpoint } from '../matlm/checkpoint';
import { scoreBoundAt } from './decode/confidence';
import { decode, type Decoded } from './decode/decode';
import type { Work } from './outcome';
import type { Plan, Purpose } from './plan';
import type { EarlierOutput } from './reuse/earlierOutput';
import { generationOf, workOf } from './reuse/generation';
import { type Ended, InFlightCompletion } from './reuse/inFlight';
import { Trace } from './trace';

export interface PlanRunnerParts {
  readonly engine: Engine;
  readonly checkpoint: Checkpoint;
  readonly costs: CostModel;
  readonly history: History;
  readonly now: () => number;
  /** Called when a decode has ended or was stopped. */
  readonly onDecoded?: (work: Work, purpose: Purpose) => void;
}

/** Runs the decodes of plans, one at a time, and records the results: the generation, the costs, the number of passes. */
export class PlanRunner {
  constructor(
    private readonly parts: PlanRunnerParts,
    private readonly earlier: EarlierOutput,
  ) {}

  /** Begin a decode. A running one is stopped. */
  start(plan: Plan, purpose: Purpose, trace = new Trace(this.parts.now)): InFlightCompletion {
    return this.earlier.begin(() => new InFlightCompletion(plan, purpose, (inFlight) => this.run(inFlight, trace)));
  }

  private async run(inFlight: InFlightCompletion, trace: Trace): Promise<Ended> {
    const { engine, checkpoint } = this.parts;
    const { request, prompt, decision, trim, cursor, minScore } = inFlight.plan;
    const weights = checkpoint.calibration?.weights;
    let isRead = false;
    const decoded = await decode(engine, checkpoint.tokenizer, prompt, decision, trim, inFlight.signal, {
      memory: request.memory,
      scoreBound: scoreBoundAt(cursor, weights, minScore),
      onProgress: (text) => {
        inFlight.written = text;
        if (isRead) return;
        isRead = true;
        trace.end('prefill');
      },
    });
    trace.end('decode');
    this.earlier.end(inFlight);
    return this.finish(inFlight, decoded, trace);
  }

  private finish(inFlight: InFlightCompletion, decoded: Decoded, trace: Trace): Ended {
    const { plan, purpose, signal, hasMoved } = inFlight;
    const { checkpoint, costs, history, now, onDecoded } = this.parts;
    if (decoded.fault !== undefined) return { kind: 'failed', reason: decoded.fault };
    const work = workOf(plan, decoded, now());
    onDecoded?.(work, purpose);
    if (decoded.aborted || signal.aborted) return { kind: 'superseded', reason: String(signal.reason) };
    const { prefilledTokens, prefillMs, passes, decodeMs } = decoded;
    if (!hasMoved) costs.observe(plan.decision.submodel, prefilledTokens, prefillMs, passes, decodeMs);
    if (purpose === 'requested') history.answered(plan.cursorContext, passes);
    const generation = generationOf(plan, purpose, decoded, checkpoint.calibration?.weights, work);
    trace.end('trim');
    this.earlier.add(generation, plan.settings.key);
    return { kind: 'generated', generation };
  }
}
