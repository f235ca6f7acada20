/** The stages of a request, in the order in which it meets them. */
export type Stage =
  | 'gate'
  | 'reuse'
  | 'join'
  | 'context'
  | 'syntax'
  | 'prompt'
  | 'decide'
  | 'cache'
  | 'wait'
  | 'prefill'
  | 'decode'
  | 'trim';

/** The duration of each stage of one request. It holds no text. */
export class Trace {
  private readonly stages: { readonly stage: Stage; readonly ms: number }[] = [];
  private lastMs: number;

  /** @param now milliseconds of a clock that never goes back */
  constructor(private readonly now: () => number) {
    this.lastMs = now();
  }

  /** The stage ends now. It began when the previous one ended. */
  end(stage: Stage): void {
    const nowMs = this.now();
    this.stages.push({ stage, ms: nowMs - this.lastMs });
    this.lastMs = nowMs;
  }

  /** For the log: `gate 0.0, reuse 0.1, decode 12.3 ms`. */
  toString(): string {
    const parts = this.stages.map(({ stage, ms }) => `${stage} ${ms.toFixed(1)}`);
    return parts.length > 0 ? `${parts.join(', ')} ms` : 'no stage';
  }
}
