import { cutAt, type Filter } from './filter';

/** Where no block is wanted, the rest of the cursor's line; a text that begins with the next line adds nothing to it. */
export const oneLine: Filter = (cursor) => (draft) => {
  const end = cursor.multiline ? -1 : draft.text.indexOf('\n');
  return end < 0 ? draft : cutAt(draft, end);
};
