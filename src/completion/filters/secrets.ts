import { holdsSecret } from '../../workspace/secrets';
import { cutAt, type Filter } from './filter';

/** Text that looks like a secret, such as one leaked by the training corpus, is never shown. */
export const secrets: Filter = (cursor) => (draft) =>
  holdsSecret(cursor.linePrefix + draft.text) ? cutAt(draft, 0) : draft;
