/** A piece of the work of making a model elastic. */
export type Stage = 'calibrate' | 'sort' | 'search' | 'draft';

/** Milliseconds of all pieces together but sorting, which takes as long as it takes. */
export const BUDGET_MS = 4 * 60_000;
