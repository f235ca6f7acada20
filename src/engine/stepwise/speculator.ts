/** Tokens that may be drafted before the target verifies them, as in native/src/speculation.h. */
export const MAX_DRAFT = 8;

/** Observations that a mean remembers. */
const MEMORY = 64;
/** Passes without a draft after which one is tried again. */
const IDLE_PASSES = 48;
/** Until they are measured: the cost of a further token in a pass, and of a draft, as shares of a pass of one token. */
const MORE_SHARE = 0.2;
const DRAFT_SHARE = 0.4;
const LONGEST_MATCH = 16;
const BUCKETS = 10;

/** An exponentially weighted mean; the prior counts as a few observations. */
class Mean {
  constructor(
    public value = 0,
    private weight = 0,
  ) {}

  get isKnown(): boolean {
    return this.weight > 0;
  }

  add(x: number): void {
    this.weight = Math.min(this.weight + 1, MEMORY);
    this.value += (x - this.value) / this.weight;
  }
}

/** Milliseconds of a kind of pass. The first one is ignored, because it opens a session and compiles kernels. */
class Timing extends Mean {
  private isWarm = false;

  override add(ms: number): void {
    if (this.isWarm) super.add(ms);
    this.isWarm = true;
  }
}

/**
 * Learns the cost of drafts and their acceptance from every pass, and decides whether drafting saves time: the rule of
 * native/src/speculation.cc with the times of this backend. There is one for each pair of target and draft.
 */
export class Speculator {
  private readonly one = new Timing();
  private readonly more = new Timing();
  private readonly draft = new Timing();
  /** Acceptance of copies by the length of the match: a long one is nearly always right, a short one seldom. */
  private readonly byLength = Array.from({ length: LONGEST_MATCH + 1 }, (_, n) => new Mean(n && 1 - 0.8 / n, 4));
  /** Acceptance of written drafts by their own probability, and of all. */
  private readonly byProbability = Array.from({ length: BUCKETS }, (_, i) => new Mean(0.3 + 0.07 * i, 4));
  private readonly written = new Mean(0.6, 8);
  private idle = 0;

  /** The number of tokens to copy after a match of `length` tokens, at most `room`, that gives the most tokens per ms. */
  worthCopying(length: number, room: number): number {
    if (!this.one.isKnown) return 0;
    let [tokens, reach, best, count] = [1, 1, 1 / this.passMs(1), 0];
    for (let n = 1; n <= room; n++) {
      reach *= this.copies(length + n - 1).value;
      tokens += reach;
      const rate = tokens / this.passMs(n + 1);
      if (rate > best) [best, count] = [rate, n];
    }
    return count;
  }

  /** Whether the submodel should draft one more token, after tokens with these probabilities. */
  worthWriting(probabilities: readonly number[]): boolean {
    if (!this.one.isKnown) return false;
    const draftMs = this.draft.isKnown ? this.draft.value : DRAFT_SHARE * this.one.value;
    const n = probabilities.length;
    let [tokens, reach] = [1, 1];
    for (const probability of probabilities) {
      reach *= this.drafts(probability).value;
      tokens += reach;
    }
    const now = tokens / (this.passMs(n + 1) + n * draftMs);
    const then = (tokens + reach * this.written.value) / (this.passMs(n + 2) + (n + 1) * draftMs);
    return then > now;
  }

  /** Whether to make a draft although it seems not to save time: after IDLE_PASSES, because loads and texts change. */
  explore(): boolean {
    if (++this.idle < IDLE_PASSES) return false;
    this.idle = 0;
    return true;
  }

  targetTook(tokens: number, ms: number): void {
    if (tokens === 1) this.one.add(ms);
    else if (this.one.isKnown) this.more.add((ms - this.one.value) / (tokens - 1));
  }

  draftTook(ms: number): void {
    this.draft.add(ms);
  }

  copied(length: number, accepted: boolean): void {
    this.idle = 0;
    this.copies(length).add(Number(accepted));
  }

  wrote(probability: number, accepted: boolean): void {
    this.idle = 0;
    this.drafts(probability).add(Number(accepted));
    this.written.add(Number(accepted));
  }

  private passMs(tokens: number): number {
    const moreMs = this.more.isKnown ? this.more.value : MORE_SHARE * this.one.value;
    return this.one.value + Math.max(0, moreMs) * (tokens - 1);
  }

  private copies(length: number): Mean {
    return at(this.byLength, length);
  }

  private drafts(probability: number): Mean {
    return at(this.byProbability, Math.floor(probability * BUCKETS));
  }
}

/** The last mean also serves every larger index. */
function at(means: readonly Mean[], i: number): Mean {
  return means[Math.min(means.length - 1, i)] ?? new Mean();
}
