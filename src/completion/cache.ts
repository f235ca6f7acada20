/** Least recently used entries go first. */
export class LruCache<Value> {
  private readonly entries = new Map<string, Value>();

  constructor(private readonly capacity: number) {}

  get(key: string): Value | undefined {
    const value = this.entries.get(key);
    if (value !== undefined) {
      this.entries.delete(key);
      this.entries.set(key, value);
    }
    return value;
  }

  set(key: string, value: Value): void {
    this.entries.delete(key);
    this.entries.set(key, value);
    const oldest = this.entries.keys().next();
    if (this.entries.size > this.capacity && !oldest.done) this.entries.delete(oldest.value);
  }

  clear(): void {
    this.entries.clear();
  }
}

/** A suggestion belongs to its submodel and to everything the prompt showed it. */
export function cacheKey(submodel: string, multiline: boolean, path: string, prefix: string, suffix: string): string {
  return JSON.stringify([submodel, multiline, path, prefix, suffix]);
}
