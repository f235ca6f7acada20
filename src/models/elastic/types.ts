/** What the parts of making a model elastic hand to each other. */
import type { LocalEngine } from '../../engine/native';
import type { SampleFile } from '../heldOut';

/** Sample text in three parts, by file: no part sees the text of another. */
export interface SampleParts {
  /** On which the activations are gathered. */
  readonly calibration: readonly SampleFile[];
  /** On which widths are compared. */
  readonly search: readonly SampleFile[];
  /** On which the result is measured, and which nothing else sees. */
  readonly heldOut: readonly SampleFile[];
}

/** What the search and the drafter's choice need of an engine; its weights are sorted already. */
export type ElasticEngine = Pick<LocalEngine, 'logProbabilities' | 'logits' | 'generate'>;

/** Of a piece of the work. */
export interface ElasticOptions {
  readonly signal?: AbortSignal | undefined;
  /** Called with a share of this piece, 0 to 1. */
  readonly onProgress?: (share: number) => void;
  /** The piece ends in about this time with the best that it has found. */
  readonly budgetMs?: number;
  /** Milliseconds, as of `performance.now`; for tests. */
  readonly now?: () => number;
}

/** A row of `matformer.frontier` in config.json. */
export interface FrontierRow {
  readonly name: string;
  /** FFN width of each layer. */
  readonly ffnWidths: readonly number[];
  /** Non-embedding parameters. */
  readonly parameters: number;
  readonly bytesPerToken: number;
  /** On the held-out part of the sample. */
  readonly bitsPerByte: number;
  /** Share of the held-out tokens for which its likeliest next token is that of the full model, 0 to 1. */
  readonly agreementWithXL: number;
}

/** What a search has found. */
export interface FoundWidths {
  /** Those that exist: L needs at most 2 % more bits than XL on held-out text, M 5 %, S 12 %. No layer is skipped. */
  readonly sizes: Partial<Record<'L' | 'M' | 'S', readonly number[]>>;
  /** Cheapest first, XL with them. */
  readonly frontier: readonly FrontierRow[];
  readonly searchedTokens: number;
  readonly heldOutTokens: number;
  readonly heldOutBytes: number;
}
