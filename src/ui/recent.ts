import { RECENT_SPAN_MS } from './dashboard/state';

/** One answered request. */
export interface Answer {
  readonly timeMs: number;
  readonly submodel: string;
  readonly latencyMs: number;
}

/** More than anyone requests in ten minutes. */
const MAX_ANSWERS = 600;

/** The answers of the last minutes, oldest first. */
export class RecentAnswers {
  private answers: Answer[] = [];

  add(answer: Answer): void {
    this.answers = [...this.since(answer.timeMs - RECENT_SPAN_MS), answer].slice(-MAX_ANSWERS);
  }

  clear(): void {
    this.answers = [];
  }

  since(timeMs: number): readonly Answer[] {
    return this.answers.filter((answer) => answer.timeMs >= timeMs);
  }
}
