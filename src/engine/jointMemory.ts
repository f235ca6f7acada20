import { createHash } from 'node:crypto';
import type { DocumentId, EngineMemory, MemoryMatch, MemoryPlace, MemoryStats } from './memory';

/** A memory of another model, and the texts that it has. */
interface Member {
  readonly memory: EngineMemory;
  readonly known: Map<DocumentId, string>;
}

/**
 * The memories of all models in use as one: every model has the texts in its own tokens. The answers are those of the main
 * model's memory, and a fault of another has no effect.
 */
export class JointMemory implements EngineMemory {
  private readonly main: Member;
  private others: readonly Member[] = [];

  constructor(main: EngineMemory) {
    this.main = { memory: main, known: new Map() };
  }

  /** An empty memory. It gets every text that is remembered from now on; the main one does not get the same text twice. */
  add(memory: EngineMemory): void {
    this.others = [...this.others, { memory, known: new Map() }];
  }

  remove(memory: EngineMemory): void {
    this.others = this.others.filter((other) => other.memory !== memory);
  }

  async remember(document: DocumentId, text: string): Promise<MemoryStats> {
    const digest = createHash('sha1').update(text).digest('base64');
    // The work of all counts, because the feeder rests in proportion to it.
    const [stats, ...others] = await Promise.all([
      remember(this.main, document, text, digest),
      ...this.others.map((other) => remember(other, document, text, digest).catch(() => undefined)),
    ]);
    return withBytes(stats, others);
  }

  async forget(documents: readonly DocumentId[]): Promise<MemoryStats> {
    const forget = ({ memory, known }: Member) => {
      for (const document of documents) known.delete(document);
      return memory.forget(documents);
    };
    const [stats, ...others] = await Promise.all([
      forget(this.main),
      ...this.others.map((other) => forget(other).catch(() => undefined)),
    ]);
    return withBytes(stats, others);
  }

  look(tokens: readonly number[], place: MemoryPlace): Promise<MemoryMatch> {
    return this.main.memory.look(tokens, place);
  }
}

/** Forgetting nothing costs nothing and tells the state. */
const NOTHING: readonly DocumentId[] = [];

async function remember(
  { memory, known }: Member,
  document: DocumentId,
  text: string,
  digest: string,
): Promise<MemoryStats> {
  if (known.get(document) === digest) return memory.forget(NOTHING);
  // At once, because it may be forgotten before it is remembered.
  known.set(document, digest);
  try {
    return await memory.remember(document, text);
  } catch (error) {
    if (known.get(document) === digest) known.delete(document);
    throw error;
  }
}

/** Documents and tokens are the main model's, because its tokens are what the budget of the workspace counts. */
function withBytes(stats: MemoryStats, others: readonly (MemoryStats | undefined)[]): MemoryStats {
  return { ...stats, bytes: others.reduce((sum, other) => sum + (other?.bytes ?? 0), stats.bytes) };
}
