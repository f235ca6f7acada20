import { holdsSecret } from '../../workspace/secrets';
import { cutAt, type Filter } from './filter';

/** What a training corpus leaked, or what merely looks like it, is never shown. */
export const secrets: Filter = (cursor) => (draft) =>
  holdsSecret(cursor.linePrefix + draft.text) ? cutAt(draft, 0) : draft;
