import assert from 'node:assert/strict';
import { BytePairs } from '../../../src/matlm/bytePairs';

/** Numbers that look random, in [0, 1). */
function random(seed: number): () => number {
  let state = seed;
  return () => (state = (state * 48271) % 2147483647) / 2147483647;
}

type Merge = [left: number, right: number, result: number];

/** The definition: the first pair of those with the lowest rank merges, until there is none. */
function byDefinition(symbols: readonly number[], merges: readonly Merge[]): number[] {
  const ids = [...symbols];
  for (;;) {
    const rankAt = (i: number) => merges.findLastIndex(([left, right]) => left === ids[i] && right === ids[i + 1]);
    const ranks = ids.slice(1).map((_, i) => rankAt(i));
    const lowest = Math.min(...ranks.filter((rank) => rank >= 0));
    if (lowest === Infinity) return ids;
    ids.splice(ranks.indexOf(lowest), 2, merges[lowest]![2]);
  }
}

describe('byte pairs', () => {
  const KINDS = 4;
  const byteIds = Int32Array.from({ length: 256 }, (_, byte) => (byte < KINDS ? byte : -1));

  /** Merges of earlier tokens, in an order of their own. */
  function randomMerges(next: () => number): Merge[] {
    const below = (n: number) => Math.floor(next() * n);
    const pairs = new Set<string>();
    const merges: Merge[] = [];
    for (let id = KINDS; id < 40; id++) {
      const pair: [number, number] = [below(id), below(id)];
      if (pairs.has(pair.join())) continue;
      pairs.add(pair.join());
      merges.splice(below(merges.length + 1), 0, [...pair, id]);
    }
    return merges;
  }

  it('merge like the definition, a few symbols and many', () => {
    const next = random(5);
    let merged = 0;
    for (let round = 0; round < 60; round++) {
      const merges = randomMerges(next);
      const pairs = new BytePairs({ byteIds, merges: Int32Array.from(merges.flat()) });
      for (const length of [0, 1, 2, 7, 39, 40, 41, 200]) {
        const symbols = Array.from({ length }, () => Math.floor(next() * next() * KINDS));
        const ids = pairs.encode(Uint8Array.from(symbols));
        assert.deepEqual(ids, byDefinition(symbols, merges), `${symbols.join()} with ${merges.join(' ')}`);
        merged += length - ids.length;
      }
    }
    assert.ok(merged > 1000);
  });

  it('leave out a byte that no token stands for', () => {
    const pairs = new BytePairs({ byteIds, merges: Int32Array.from([0, 1, 4]) });
    assert.deepEqual(pairs.encode(Uint8Array.of(0, 200, 1, 2)), [4, 2]);
  });

  it('take time that grows with a text only a little faster than it does', () => {
    const pairs = new BytePairs({ byteIds, merges: Int32Array.from([0, 0, 4, 4, 4, 5, 5, 5, 6]) });
    assert.equal(pairs.encode(new Uint8Array(80_000)).length, 10_000);
  });
});
