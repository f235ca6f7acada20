/** What a client without document synchronisation asks for, and what is known of the file that it asks in. */
import type { MemoryPlace } from '../engine/memory';
import type { Phrase } from '../localisation/phrase';

/** A piece of a file that a client sends along. */
export interface Extra {
  /** As the client spells it; empty if it does not say. */
  readonly path: string;
  readonly text: string;
}

/** The same piece has the same identifier, whoever sends it. */
export interface Piece extends Extra {
  readonly id: string;
}

/** A completion that a client without document synchronisation wants. Line ends are \n. */
export interface Wanted {
  readonly prefix: string;
  readonly suffix: string;
  readonly extra: readonly Extra[];
  /** Undefined if the client does not say. */
  readonly path: string | undefined;
  readonly languageId: string | undefined;
  /** The most tokens. */
  readonly maxTokens: number | undefined;
  /** Milliseconds after which the client has no use for the answer. */
  readonly budgetMs: number | undefined;
}

/** What is known of the file in which a text is. */
export interface KnownFile {
  readonly path: string;
  /** Whether the path is the file's own, and not one for a text of unknown origin. */
  readonly isNamed: boolean;
  readonly languageId: string;
  readonly closed?: Phrase | undefined;
  readonly memory?: MemoryPlace | undefined;
}
