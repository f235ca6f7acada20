/** What a byte-level BPE needs to encode. */
export interface BytePairTable {
  /** [256] the token of each byte; -1 for a byte that has none. */
  readonly byteIds: Int32Array;
  /** [merges, 3] left, right and resulting token, the most urgent merge first. */
  readonly merges: Int32Array;
}

/** Up to this many symbols, looking at all pairs for the next merge is faster than a heap. */
const MAX_SCANNED = 40;

const NONE = 0x7fffffff;

/** An element that is there. */
const at = (array: Int32Array | Float64Array, i: number): number => array[i] ?? -1;

/**
 * Byte pair encoding: of all neighbours that may merge, the pair with the lowest rank does, the first of several, until
 * none may. The merges are a hash table of integers: 16 bytes for each of up to twice as many slots, and no objects.
 */
export class BytePairs {
  private readonly byteIds: Int32Array;
  /** [slots, 4] left, right, rank, result; left is -1 in a slot that is free. */
  private readonly table: Int32Array;
  private readonly mask: number;
  // Scratch of one encoding.
  private ids = new Int32Array(256);
  private ranks = new Int32Array(256);

  constructor({ byteIds, merges }: BytePairTable) {
    this.byteIds = byteIds;
    const count = merges.length / 3;
    let slots = 16;
    while (slots < count * 1.5) slots *= 2;
    this.mask = slots - 1;
    this.table = new Int32Array(slots * 4).fill(-1);
    for (let rank = 0; rank < count; rank++) {
      const [left, right] = [at(merges, 3 * rank), at(merges, 3 * rank + 1)];
      const slot = this.slotOf(left, right);
      this.table[slot] = left;
      this.table[slot + 1] = right;
      this.table[slot + 2] = rank;
      this.table[slot + 3] = at(merges, 3 * rank + 2);
    }
  }

  /** The tokens of some bytes; bytes that no token stands for are left out. */
  encode(bytes: Uint8Array): number[] {
    if (this.ids.length < bytes.length) {
      this.ids = new Int32Array(bytes.length * 2);
      this.ranks = new Int32Array(bytes.length * 2);
    }
    let count = 0;
    for (const byte of bytes) {
      const id = at(this.byteIds, byte);
      if (id >= 0) this.ids[count++] = id;
    }
    if (count > MAX_SCANNED) return this.mergeByHeap(count);
    count = this.mergeByScan(count);
    return Array.from(this.ids.subarray(0, count));
  }

  private mergeByScan(symbols: number): number {
    const { ids, ranks, table } = this;
    let count = symbols;
    for (let i = 0; i + 1 < count; i++) ranks[i] = this.rankOf(at(ids, i), at(ids, i + 1));
    for (;;) {
      let [best, lowest] = [-1, NONE];
      for (let i = 0; i + 1 < count; i++) {
        if (at(ranks, i) < lowest) {
          lowest = at(ranks, i);
          best = i;
        }
      }
      if (best < 0) return count;
      ids[best] = at(table, this.slotOf(at(ids, best), at(ids, best + 1)) + 3);
      count--;
      ids.copyWithin(best + 1, best + 2, count + 1);
      ranks.copyWithin(best + 1, best + 2, count + 1);
      if (best > 0) ranks[best - 1] = this.rankOf(at(ids, best - 1), at(ids, best));
      if (best + 1 < count) ranks[best] = this.rankOf(at(ids, best), at(ids, best + 1));
    }
  }

  /** The same for many symbols, as a linked list and a heap of pairs: time n log n. */
  private mergeByHeap(count: number): number[] {
    const { ids, table } = this;
    const next = Int32Array.from({ length: count }, (_, i) => i + 1);
    const before = Int32Array.from({ length: count }, (_, i) => i - 1);
    const heap = new PairHeap(2 * count);
    const push = (left: number) => {
      const right = at(next, left);
      const rank = right < count ? this.rankOf(at(ids, left), at(ids, right)) : NONE;
      if (rank < NONE) heap.push(rank, left);
    };
    for (let i = 0; i + 1 < count; i++) push(i);
    while (heap.size > 0) {
      const [rank, left] = heap.pop();
      const right = at(next, left);
      // The pair may have merged with others since. A symbol that was merged into another has the token -1.
      if (at(ids, left) < 0 || right >= count || this.rankOf(at(ids, left), at(ids, right)) !== rank) continue;
      ids[left] = at(table, this.slotOf(at(ids, left), at(ids, right)) + 3);
      ids[right] = -1;
      const after = at(next, right);
      next[left] = after;
      if (after < count) before[after] = left;
      if (at(before, left) >= 0) push(at(before, left));
      push(left);
    }
    return Array.from(ids.subarray(0, count)).filter((id) => id >= 0);
  }

  private rankOf(left: number, right: number): number {
    const slot = this.slotOf(left, right);
    return this.table[slot] === -1 ? NONE : at(this.table, slot + 2);
  }

  /** Where a pair is, or the free slot in which it would be. */
  private slotOf(left: number, right: number): number {
    const { table, mask } = this;
    let hash = Math.imul(left, 0x9e3779b1) ^ Math.imul(right, 0x85ebca6b);
    hash ^= hash >>> 15;
    for (let i = hash & mask; ; i = (i + 1) & mask) {
      const slot = 4 * i;
      if (table[slot] === -1 || (table[slot] === left && table[slot + 1] === right)) return slot;
    }
  }
}

/** A binary heap of (rank, position): the lowest rank first, and of equal ranks the first position. */
class PairHeap {
  private keys: Float64Array;
  size = 0;

  constructor(capacity: number) {
    this.keys = new Float64Array(capacity);
  }

  push(rank: number, position: number): void {
    if (this.size === this.keys.length) {
      const more = new Float64Array(this.size * 2);
      more.set(this.keys);
      this.keys = more;
    }
    const { keys } = this;
    const key = rank * 2 ** 31 + position;
    let i = this.size++;
    while (i > 0) {
      const parent = (i - 1) >> 1;
      if (at(keys, parent) <= key) break;
      keys[i] = at(keys, parent);
      i = parent;
    }
    keys[i] = key;
  }

  pop(): [rank: number, position: number] {
    const { keys } = this;
    const top = at(keys, 0);
    const key = at(keys, --this.size);
    let i = 0;
    for (;;) {
      let child = 2 * i + 1;
      if (child >= this.size) break;
      if (child + 1 < this.size && at(keys, child + 1) < at(keys, child)) child++;
      if (at(keys, child) >= key) break;
      keys[i] = at(keys, child);
      i = child;
    }
    keys[i] = key;
    const rank = Math.floor(top / 2 ** 31);
    return [rank, top - rank * 2 ** 31];
  }
}
