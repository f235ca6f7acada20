/** Finds a token by the bytes that it spells: a hash table of integers, four bytes for each of up to twice as many slots. */
export class TokenIndex {
  private readonly slots: Int32Array;

  /**
   * @param bytes of all tokens, one after the other by id
   * @param offsets [count + 1] where those of each token begin
   */
  constructor(
    private readonly bytes: Uint8Array,
    private readonly offsets: Uint32Array,
  ) {
    const count = offsets.length - 1;
    let size = 16;
    while (size < count * 1.5) size *= 2;
    this.slots = new Int32Array(size).fill(-1);
    for (let token = 0; token < count; token++) {
      const [begin, end] = [offsets[token] ?? 0, offsets[token + 1] ?? 0];
      if (begin === end) continue;
      const slot = this.slotOf(bytes, begin, end);
      if (this.slots[slot] === -1) this.slots[slot] = token;
    }
  }

  /** The token that spells these bytes and no more; the first of several, -1 for none. */
  find(spelled: Uint8Array, begin = 0, end = spelled.length): number {
    return begin === end ? -1 : (this.slots[this.slotOf(spelled, begin, end)] ?? -1);
  }

  private slotOf(spelled: Uint8Array, from: number, to: number): number {
    let hash = to - from;
    for (let i = from; i < to; i++) hash = Math.imul(hash ^ (spelled[i] ?? 0), 0x01000193);
    hash ^= hash >>> 15;
    const mask = this.slots.length - 1;
    for (let slot = hash & mask; ; slot = (slot + 1) & mask) {
      const token = this.slots[slot] ?? -1;
      if (token === -1 || this.spells(token, spelled, from, to)) return slot;
    }
  }

  private spells(token: number, spelled: Uint8Array, from: number, to: number): boolean {
    const begin = this.offsets[token] ?? 0;
    if ((this.offsets[token + 1] ?? 0) - begin !== to - from) return false;
    for (let i = from; i < to; i++) if (this.bytes[begin + i - from] !== spelled[i]) return false;
    return true;
  }
}
