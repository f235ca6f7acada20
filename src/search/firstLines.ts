import type { CodeHit } from './search';

const MAX_CHARS = 120;

/** The lines that stand for results without a name. Each file is read once. */
export class FirstLines {
  private readonly texts = new Map<string, Promise<readonly string[]>>();

  /** @param read the text of a result's file; it may reject */
  constructor(private readonly read: (hit: CodeHit) => Promise<string>) {}

  /** Undefined for results that have a name, or whose file has gone. */
  of(hits: readonly CodeHit[]): Promise<(string | undefined)[]> {
    return Promise.all(hits.map((hit) => (hit.name === undefined ? this.lineOf(hit) : Promise.resolve(undefined))));
  }

  private async lineOf(hit: CodeHit): Promise<string | undefined> {
    const { root, path, firstLine, lastLine } = hit;
    const key = `${root}\n${path}`;
    const reading = this.texts.get(key) ?? this.linesOf(hit);
    this.texts.set(key, reading);
    const lines = (await reading).slice(firstLine, lastLine + 1);
    // A line of brackets alone says nothing.
    return (lines.find((line) => /[\p{L}\p{N}]/u.test(line)) ?? lines[0])?.trim().slice(0, MAX_CHARS);
  }

  /** Empty if there is no file. */
  private async linesOf(hit: CodeHit): Promise<readonly string[]> {
    try {
      return (await this.read(hit)).split('\n');
    } catch {
      return [];
    }
  }
}
