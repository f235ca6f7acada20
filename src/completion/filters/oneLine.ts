import { cutAt, type Filter } from './filter';

/** If no block is wanted, keeps only the rest of the cursor's line. */
export const oneLine: Filter = (cursor) => (draft) => {
  const end = cursor.multiline ? -1 : draft.text.indexOf('\n');
  return end < 0 ? draft : cutAt(draft, end);
};
