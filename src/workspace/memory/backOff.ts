/** A first change is read after this, because tools often write a file in several steps. */
const FIRST_MS = 300;
const MAX_MS = 600_000;
/** A file that did not change for this many of its delays starts again with the first. */
const QUIET_DELAYS = 4;

/** How long to wait before a changed file is read: twice as long each time if it keeps changing, as a log does. */
export class BackOff<Key> {
  private readonly last = new Map<Key, { readonly atMs: number; readonly delayMs: number }>();

  constructor(private readonly now: () => number) {}

  /** The file has changed, and will be read after this delay. */
  next(key: Key): number {
    const nowMs = this.now();
    const last = this.last.get(key);
    const isQuiet = !last || nowMs - last.atMs > (QUIET_DELAYS + 1) * last.delayMs;
    const delayMs = isQuiet ? FIRST_MS : Math.min(2 * last.delayMs, MAX_MS);
    this.last.set(key, { atMs: nowMs, delayMs });
    return delayMs;
  }

  forget(key: Key): void {
    this.last.delete(key);
  }
}
