import { cutBeforeLine, type Filter } from './filter';

/** More than this is not read before it is accepted. */
const MAX_LINES = 8;

/** At most so many lines as one takes in at a glance. */
export const length: Filter = () => (draft) =>
  draft.text.split('\n').length > MAX_LINES ? cutBeforeLine(draft, MAX_LINES) : draft;
