import { isEdited } from '../completion/gate';

/** The document of the active editor, as far as it decides whether MatCoder works in it. */
export interface Here {
  /** URI of the document. */
  readonly document: string;
  readonly languageId: string;
  readonly scheme: string;
  /** Whether suggestions while typing are on for its language. */
  readonly isEnabled: boolean;
  /** Why MatCoder does nothing in the file; undefined if it may. */
  readonly closed: string | undefined;
  /** Whether the editor itself shows inline suggestions. */
  readonly showsInlineSuggestions: boolean;
}

export type OffCause = 'editor' | 'document' | 'file' | 'language';

/** The reason why MatCoder suggests nothing in a document while the user types. */
export interface OffHere {
  readonly cause: OffCause;
  /** For a person to read, as a clause. */
  readonly reason: string;
}

/** Why MatCoder is off in a document; undefined if it is not. */
export function offHere({ languageId, scheme, isEnabled, closed, showsInlineSuggestions }: Here): OffHere | undefined {
  if (!isEdited(scheme)) return { cause: 'document', reason: `documents of the scheme ${scheme} are read-only` };
  if (closed !== undefined) return { cause: 'file', reason: closed };
  if (!showsInlineSuggestions) return { cause: 'editor', reason: 'the setting editor.inlineSuggest.enabled is off' };
  if (!isEnabled) return { cause: 'language', reason: `completion is off for ${languageId}` };
  return undefined;
}
