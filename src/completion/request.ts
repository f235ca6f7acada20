import type { GateInput } from './gate';
import type { Excerpt } from './prompt';

/** One place at which a completion is wanted. */
export interface CompletionRequest extends Excerpt, GateInput {
  /** Distinguishes documents: their URI. */
  readonly document: string;
}
