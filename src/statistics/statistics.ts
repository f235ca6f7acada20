import { messageOf } from '../matlm/errors';
import { dayOf, type Days, mergeDays, parseDays, sumOf } from './days';
import { countsOf, merge, NO_USAGE, type UsageCounts, type UsageEvent } from './counts';

/** The storage of the statistics: the editor's. */
export interface Storage {
  load(): unknown;
  /** @throws if the days could not be stored; `load` may return them nevertheless */
  save(days: Days): Promise<void>;
}

/**
 * Usage by day, which never leaves the machine. Every window counts for itself and adds its counts to the stored ones when
 * it saves, so that windows do not overwrite each other.
 */
export class Statistics {
  private unsaved: Days = {};
  /** The last save failed: it is tried again even if nothing was counted since. */
  private hasFailed = false;

  constructor(
    private readonly storage: Storage,
    private readonly now: () => Date,
    private readonly warn: (text: string) => void,
  ) {}

  add(event: UsageEvent): void {
    this.unsaved = mergeDays(this.unsaved, { [this.day()]: countsOf(event) });
  }

  today(): UsageCounts {
    const day = this.day();
    return merge(this.stored()[day] ?? NO_USAGE, this.unsaved[day] ?? NO_USAGE);
  }

  /** The sum of all days that are kept. */
  total(): UsageCounts {
    return sumOf(mergeDays(this.stored(), this.unsaved));
  }

  /** Never rejects: a failure is reported once, and the counts are kept for the next save. */
  async save(): Promise<void> {
    const { unsaved } = this;
    if (Object.keys(unsaved).length === 0 && !this.hasFailed) return;
    const days = mergeDays(this.stored(), unsaved);
    this.unsaved = {};
    try {
      await this.storage.save(days);
      this.hasFailed = false;
    } catch (error) {
      // The editor may hold the new counts in memory although it could not write them: they must not be added twice.
      const isHeld = JSON.stringify(this.storage.load()) === JSON.stringify(days);
      if (!isHeld) this.unsaved = mergeDays(unsaved, this.unsaved);
      if (!this.hasFailed)
        this.warn(`statistics could not be saved and are kept for the next try: ${messageOf(error)}`);
      this.hasFailed = true;
    }
  }

  async reset(): Promise<void> {
    this.unsaved = {};
    await this.storage.save({});
  }

  private day(): string {
    return dayOf(this.now());
  }

  /** Damaged data counts as empty and is overwritten. */
  private stored(): Days {
    const stored = this.storage.load();
    if (stored === undefined) return {};
    try {
      return parseDays(stored);
    } catch (error) {
      this.warn(`the stored statistics are damaged and were reset: ${messageOf(error)}`);
      this.storage.save({}).catch(() => undefined); // the next save tries again
      return {};
    }
  }
}
