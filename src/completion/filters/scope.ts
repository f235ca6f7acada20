import { cutAt, type Filter } from './filter';

/** Nothing past the end of the block that was wanted. */
export const scope: Filter = (cursor) => (draft) => {
  const end = cursor.multiline ? cursor.blockEnd(draft.text, draft.open) : undefined;
  return end === undefined ? draft : cutAt(draft, end);
};
