/** Random numbers that depend only on a seed and keys, so that the typist is the same for every policy. */
export class Random {
  private state: number;

  constructor(seed: number, ...keys: readonly (string | number)[]) {
    this.state = seed >>> 0;
    for (const character of keys.join('\0')) this.state = mix(this.state ^ (character.codePointAt(0) ?? 0));
  }

  /** Uniform in [0, 1): Weyl's sequence through a hash. */
  next(): number {
    this.state = (this.state + 0x9e3779b9) >>> 0;
    return mix(this.state) / 2 ** 32;
  }

  /** Standard normal, by Box and Muller. */
  normal(): number {
    return Math.sqrt(-2 * Math.log(1 - this.next())) * Math.cos(2 * Math.PI * this.next());
  }

  logNormal(median: number, sigma: number): number {
    return median * Math.exp(sigma * this.normal());
  }
}

/** The finaliser of MurmurHash3. */
function mix(value: number): number {
  let h = value >>> 0;
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return (h ^ (h >>> 16)) >>> 0;
}
