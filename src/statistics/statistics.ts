import { dayOf, type Days, mergeDays, parseDays, sumOf } from './days';
import { type Happening, merge, NOTHING, type Tally, tallyOf } from './tally';

/** Where the statistics are kept: the editor's storage. */
export interface Storage {
  load(): unknown;
  save(days: Days): Promise<void>;
}

/**
 * What use came to, by day. It never leaves the machine. Every window counts for itself and adds its counts to what is
 * stored when it is told to, so that windows do not overwrite each other's.
 */
export class Statistics {
  private unsaved: Days = {};

  constructor(
    private readonly storage: Storage,
    private readonly now: () => Date,
    private readonly warn: (text: string) => void,
  ) {}

  add(happening: Happening): void {
    this.unsaved = mergeDays(this.unsaved, { [this.day()]: tallyOf(happening) });
  }

  today(): Tally {
    const day = this.day();
    return merge(this.stored()[day] ?? NOTHING, this.unsaved[day] ?? NOTHING);
  }

  /** All days that are kept. */
  total(): Tally {
    return sumOf(mergeDays(this.stored(), this.unsaved));
  }

  async save(): Promise<void> {
    if (Object.keys(this.unsaved).length === 0) return;
    const days = mergeDays(this.stored(), this.unsaved);
    this.unsaved = {};
    await this.storage.save(days);
  }

  async reset(): Promise<void> {
    this.unsaved = {};
    await this.storage.save({});
  }

  private day(): string {
    return dayOf(this.now());
  }

  /** What cannot be read counts as nothing: it is overwritten at the next save. */
  private stored(): Days {
    const stored = this.storage.load();
    if (stored === undefined) return {};
    try {
      return parseDays(stored);
    } catch (error) {
      this.warn(`the stored statistics are dropped, for ${(error as Error).message}`);
      void this.storage.save({});
      return {};
    }
  }
}
