import type { Tokenizer } from '../matlm/tokenizer';
import { type NativeMemory, numbersOf } from './addon';
import type { DocumentId, EngineMemory, MemoryMatch, MemoryPlace, MemoryStats } from './memory';

/** Work of this long is done at once; then everything else that waits in this process has its turn. */
const SLICE_MS = 1;

/** A text that is waiting to be remembered, or is being tokenised. */
interface Waiting {
  readonly text: string;
  /** Calls that this text settles: its own, and those of older texts of the same document. */
  readonly settle: readonly Settle[];
}

interface Settle {
  readonly resolve: (stats: MemoryStats) => void;
  readonly reject: (error: Error) => void;
}

/**
 * The memory of an engine in this process. Documents are tokenised one after the other, in slices of about a millisecond. If
 * a newer text of a document arrives before the older one is in the memory, the older one is dropped.
 */
export class LocalMemory implements EngineMemory {
  private readonly waiting = new Map<DocumentId, Waiting>();
  private isWorking = false;
  /** All documents that are remembered or wait. */
  private readonly known = new Set<DocumentId>();

  /** @param pause lets everything else that waits in this process have its turn */
  constructor(
    private readonly native: NativeMemory,
    private readonly tokenizer: Pick<Tokenizer, 'encode'>,
    private readonly pause: () => Promise<void> = nextTurn,
  ) {}

  remember(document: DocumentId, text: string): Promise<MemoryStats> {
    this.known.add(document);
    return new Promise((resolve, reject) => {
      const settle = [...(this.waiting.get(document)?.settle ?? []), { resolve, reject }];
      this.waiting.set(document, { text, settle });
      if (!this.isWorking) void this.work();
    });
  }

  forget(documents: readonly DocumentId[]): Promise<MemoryStats> {
    this.native.remove(Int32Array.from(documents));
    const { stats } = this.native;
    for (const document of documents) {
      for (const { resolve } of this.waiting.get(document)?.settle ?? []) resolve(stats);
      this.waiting.delete(document);
      this.known.delete(document);
    }
    return Promise.resolve(stats);
  }

  /** Forget all documents, and those that wait to be remembered. */
  forgetAll(): void {
    void this.forget([...this.known]);
  }

  look(tokens: readonly number[], place: MemoryPlace): Promise<MemoryMatch> {
    return Promise.resolve(this.native.look(Int32Array.from(tokens), ...numbersOf(place)));
  }

  private async work(): Promise<void> {
    this.isWorking = true;
    for (;;) {
      const next = this.waiting.entries().next();
      if (next.done) break;
      const [document, waiting] = next.value;
      const isWanted = () => this.waiting.get(document) === waiting;
      const tokens = await this.tokenise(waiting.text, isWanted).catch((fault: unknown) => fault as Error);
      // A newer text has taken over its calls, or `forget` has ended them.
      if (!isWanted()) continue;
      this.waiting.delete(document);
      try {
        if (tokens instanceof Error) throw tokens;
        await this.native.set(document, Int32Array.from(tokens));
        for (const { resolve } of waiting.settle) resolve(this.native.stats);
      } catch (error) {
        for (const { reject } of waiting.settle) reject(error as Error);
      }
    }
    this.isWorking = false;
  }

  private async tokenise(text: string, isWanted: () => boolean): Promise<number[]> {
    const tokens: number[] = [];
    let sliceEndMs = performance.now() + SLICE_MS;
    for (const part of partsOf(text.replaceAll('\r\n', '\n'))) {
      for (const token of this.tokenizer.encode(part)) tokens.push(token);
      if (performance.now() < sliceEndMs) continue;
      await this.pause();
      if (!isWanted()) break;
      sliceEndMs = performance.now() + SLICE_MS;
    }
    return tokens;
  }
}

/**
 * Where a text can be cut without any change of its tokens: after a letter or digit and before one of these characters, stretches of
 * all families end. At line ends they do not: many have tokens that span one with blanks or punctuation.
 */
const CUT = /(?<=[\p{L}\p{N}])(?=[\n(),.;])/gu;
/** A part is cut at the first such place after so many characters. */
const PART_CHARS = 200;

function* partsOf(text: string): Generator<string> {
  for (let begin = 0; begin < text.length;) {
    CUT.lastIndex = begin + PART_CHARS;
    const end = CUT.exec(text)?.index ?? text.length;
    yield text.slice(begin, end);
    begin = end;
  }
}

function nextTurn(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve);
  });
}
