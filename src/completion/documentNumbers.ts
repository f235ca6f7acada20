/** Documents of one pipeline by number. The engine has a cache of keys and values for each number. */
export class DocumentNumbers {
  private readonly numbers = new Map<string, number>();

  /** @param document distinguishes documents: its URI */
  of(document: string): number {
    let number = this.numbers.get(document);
    if (number === undefined) {
      number = this.numbers.size;
      this.numbers.set(document, number);
    }
    return number;
  }
}
