import type { History } from '../governor/history';
import { phrase, verbatim } from '../localisation/phrase';
import { scoreBoundAt } from './decode/confidence';
import { decode, type Decoded } from './decode/decode';
import { scoreWeightsOf } from './models';
import type { Work } from './outcome';
import type { Plan, Purpose } from './plan';
import type { EarlierOutput } from './reuse/earlierOutput';
import { generationOf, workOf } from './reuse/generation';
import { type Ended, InFlightCompletion } from './reuse/inFlight';
import { Trace } from './trace';

export interface PlanRunnerParts {
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
    const { request, model, document, prompt, decision, trim, cursor, minScore } = inFlight.plan;
    const { engine, checkpoint } = model;
    const weights = scoreWeightsOf(model);
    let isRead = false;
    const decoded = await decode(engine, checkpoint, prompt, decision, trim, inFlight.signal, {
      memory: request.memory,
      document,
      urgency: inFlight.purpose !== 'requested' ? 'ahead' : request.explicit ? 'hand' : 'typing',
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
    const { costs } = plan.model;
    const { history, now, onDecoded } = this.parts;
    if (decoded.fault !== undefined) return { kind: 'failed', reason: verbatim(decoded.fault) };
    const work = workOf(plan, decoded, now());
    onDecoded?.(work, purpose);
    if (decoded.aborted || signal.aborted) {
      return { kind: 'superseded', reason: phrase('its decode is no longer needed') };
    }
    const { prefilledTokens, prefillMs, passes, decodeMs } = decoded;
    if (!hasMoved) costs.observe(plan.decision.submodel, prefilledTokens, prefillMs, passes, decodeMs);
    if (purpose === 'requested') history.answered(plan.cursorContext, passes);
    const generation = generationOf(plan, purpose, decoded, scoreWeightsOf(plan.model), work);
    trace.end('trim');
    this.earlier.add(generation, plan.settings.key);
    return { kind: 'generated', generation };
  }
}
