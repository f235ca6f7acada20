import { cutAt, type Filter } from './filter';

/** Cuts at the end of the wanted block. */
export const scope: Filter = (cursor) => (draft) => {
  const end = cursor.multiline ? cursor.blockEnd(draft.text, draft.open) : undefined;
  return end === undefined ? draft : cutAt(draft, end);
};
