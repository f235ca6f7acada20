import { basename } from 'node:path';
import type * as vscode from 'vscode';
import { addScores, countsFrom, LearnedScore, NO_SCORES, type ScoreCounts } from '../completion/decode/learnedScore';
import type { Checkpoint } from '../matlm/checkpoint';
import { messageOf } from '../matlm/errors';

const KEY = 'matcoder.scores';
const SAVE_EVERY_MS = 30_000;

/** By the name of the model's folder. */
type Counts = Readonly<Record<string, ScoreCounts>>;

/**
 * What became of the suggestions of models whose score was not measured, stored by the editor on this machine: counts by score.
 * Every window counts for itself and adds its counts to the stored ones, as the statistics do.
 */
export class KeptScores implements vscode.Disposable {
  private unsaved = new Map<string, ScoreCounts>();
  private readonly scores = new Map<string, LearnedScore>();
  private readonly timer: NodeJS.Timeout;
  private hasFailed = false;

  constructor(
    private readonly storage: Pick<vscode.Memento, 'get' | 'update'>,
    private readonly warn: (text: string) => void,
  ) {
    this.timer = setInterval(() => void this.save(), SAVE_EVERY_MS);
  }

  /** The score of a model; undefined if its own was measured. */
  of({ calibration, folder }: Pick<Checkpoint, 'calibration' | 'folder'>): LearnedScore | undefined {
    if (calibration) return undefined;
    const id = basename(folder);
    const known = this.scores.get(id);
    if (known) return known;
    const score = new LearnedScore(this.stored()[id], (outcome) => {
      this.unsaved.set(id, addScores(this.unsaved.get(id) ?? NO_SCORES, outcome));
    });
    this.scores.set(id, score);
    return score;
  }

  /** A model was deleted, and another one may get its id. */
  async forget(id: string): Promise<void> {
    this.unsaved.delete(id);
    this.scores.delete(id);
    const { [id]: forgotten, ...others } = this.stored();
    if (forgotten) await this.storage.update(KEY, others);
  }

  async reset(): Promise<void> {
    this.unsaved.clear();
    for (const score of this.scores.values()) score.reset();
    await this.storage.update(KEY, undefined);
  }

  /** Never rejects: what could not be saved is kept for the next try. */
  async save(): Promise<void> {
    const { unsaved } = this;
    if (unsaved.size === 0) return;
    this.unsaved = new Map();
    const counts = new Map(Object.entries(this.stored()));
    for (const [id, added] of unsaved) counts.set(id, addScores(counts.get(id) ?? NO_SCORES, added));
    try {
      await this.storage.update(KEY, Object.fromEntries(counts));
      this.hasFailed = false;
    } catch (error) {
      for (const [id, added] of this.unsaved) unsaved.set(id, addScores(unsaved.get(id) ?? NO_SCORES, added));
      this.unsaved = unsaved;
      if (!this.hasFailed) this.warn(`outcomes of suggestions could not be saved: ${messageOf(error)}`);
      this.hasFailed = true;
    }
  }

  dispose(): void {
    clearInterval(this.timer);
    void this.save();
  }

  /** Damaged counts are none. */
  private stored(): Counts {
    const stored = this.storage.get<unknown>(KEY);
    if (typeof stored !== 'object' || stored === null) return {};
    return Object.fromEntries(Object.entries(stored).map(([id, counts]) => [id, countsFrom(counts)]));
  }
}
