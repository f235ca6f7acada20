import type { Suggestion } from '../outcome';
import { type Place, typedAlong } from './reuse';

/** A suggestion that was made, where, and by which submodel. */
export interface Made extends Place {
  readonly suggestion: Suggestion;
  readonly submodel: string;
  readonly multiline: boolean;
}

/**
 * The suggestions made lately. One serves every place that typing along with it leads to, so whoever types three letters
 * of it, something else, and takes that back, finds it again.
 */
export class Memory {
  private readonly made: Made[] = [];

  /** @param capacity the oldest goes first */
  constructor(private readonly capacity: number) {}

  add(made: Made): void {
    const at = this.made.findIndex(
      (other) =>
        other.document === made.document &&
        other.prefix === made.prefix &&
        other.suffix === made.suffix &&
        other.submodel === made.submodel &&
        other.multiline === made.multiline,
    );
    if (at >= 0) this.made.splice(at, 1);
    this.made.unshift(made);
    this.made.length = Math.min(this.made.length, this.capacity);
  }

  /** What is left of the latest suggestion that was typed along with, of those the submodel made. */
  find(place: Place, submodel: string, multiline: boolean): Suggestion | undefined {
    for (const made of this.made) {
      if (made.submodel !== submodel || made.multiline !== multiline) continue;
      const suggestion = typedAlong(made, place);
      if (suggestion) return suggestion;
    }
    return undefined;
  }

  clear(): void {
    this.made.length = 0;
  }
}
