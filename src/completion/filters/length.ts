import { cutBeforeLine, type Filter } from './filter';

/** Users do not read longer suggestions before they accept them. */
const MAX_LINES = 8;

/** Limits the number of lines. */
export const length: Filter = () => (draft) =>
  draft.text.split('\n').length > MAX_LINES ? cutBeforeLine(draft, MAX_LINES) : draft;
