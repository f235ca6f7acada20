import type * as vscode from 'vscode';
import { Statistics } from '../statistics/statistics';

const KEY = 'matcoder.statistics';
const SAVE_EVERY_MS = 30_000;

/** The statistics, stored by the editor on this machine. They are not registered for settings sync. */
export class KeptStatistics implements vscode.Disposable {
  readonly counts: Statistics;
  private readonly timer: NodeJS.Timeout;

  constructor(storage: vscode.Memento, warn: (text: string) => void) {
    this.counts = new Statistics(
      { load: () => storage.get(KEY), save: async (days) => storage.update(KEY, days) },
      () => new Date(),
      warn,
    );
    this.timer = setInterval(() => void this.counts.save(), SAVE_EVERY_MS);
  }

  dispose(): void {
    clearInterval(this.timer);
    void this.counts.save();
  }
}
