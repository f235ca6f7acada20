import { RECENT_SPAN_MS } from './dashboard/state';

/** One answered request. */
export interface RecentAnswer {
  readonly timeMs: number;
  readonly submodel: string;
  readonly latencyMs: number;
}

/** More than a user requests in ten minutes. */
const MAX_ANSWERS = 600;

/** The answers of the last minutes, oldest first. */
export class RecentAnswers {
  private answers: RecentAnswer[] = [];

  add(answer: RecentAnswer): void {
    this.answers = [...this.since(answer.timeMs - RECENT_SPAN_MS), answer].slice(-MAX_ANSWERS);
  }

  clear(): void {
    this.answers = [];
  }

  since(timeMs: number): readonly RecentAnswer[] {
    return this.answers.filter((answer) => answer.timeMs >= timeMs);
  }
}
