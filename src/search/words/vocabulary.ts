/** Words are kept by their first letters, so that those with a beginning are found without looking at all. */
const SHELF_LETTERS = 2;

/** All terms of an index, numbered, with the number of pieces that have them. A number of a term that no piece has is given again. */
export class Vocabulary {
  private readonly shelves = new Map<string, Map<string, number>>();
  private readonly words: (string | undefined)[] = [];
  private readonly counts: number[] = [];
  private readonly free: number[] = [];

  /** Above all numbers. */
  get end(): number {
    return this.words.length;
  }

  idOf(word: string): number | undefined {
    return this.shelves.get(shelfOf(word))?.get(word);
  }

  /** The pieces that have a term. */
  countOf(id: number): number {
    return this.counts[id] ?? 0;
  }

  /** The number of a term, which is a new one if no piece has it. Each piece that has it must `use` it. */
  add(word: string): number {
    const name = shelfOf(word);
    const shelf = this.shelves.get(name) ?? new Map<string, number>();
    const known = shelf.get(word);
    if (known !== undefined) return known;
    const id = this.free.pop() ?? this.words.length;
    this.shelves.set(name, shelf.set(word, id));
    this.words[id] = word;
    this.counts[id] = 0;
    return id;
  }

  use(id: number): void {
    this.counts[id] = (this.counts[id] ?? 0) + 1;
  }

  release(id: number): void {
    const count = (this.counts[id] ?? 0) - 1;
    this.counts[id] = count;
    const word = this.words[id];
    if (count > 0 || word === undefined) return;
    this.shelves.get(shelfOf(word))?.delete(word);
    this.words[id] = undefined;
    this.free.push(id);
  }

  /** All terms with their numbers. */
  *entries(): Generator<readonly [word: string, id: number]> {
    for (const [id, word] of this.words.entries()) if (word !== undefined) yield [word, id];
  }

  /** The terms whose first two letters are those of a text, with their numbers. */
  near(start: string): Iterable<readonly [word: string, id: number]> {
    return this.shelves.get(shelfOf(start)) ?? [];
  }
}

function shelfOf(word: string): string {
  return word.slice(0, SHELF_LETTERS);
}
