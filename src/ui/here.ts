import { t } from '@vscode/l10n';
import { isEdited } from '../completion/gate';
import { localised, type Phrase } from '../localisation/phrase';

/** The document of the active editor, as far as it decides whether MatCoder works in it. */
export interface Here {
  /** URI of the document. */
  readonly document: string;
  readonly languageId: string;
  readonly scheme: string;
  /** Whether suggestions while typing are on for its language. */
  readonly isEnabled: boolean;
  /** Why MatCoder does nothing in the file; undefined if it may. */
  readonly closed: Phrase | undefined;
  /** Whether the editor itself shows inline suggestions. */
  readonly showsInlineSuggestions: boolean;
}

export type OffCause = 'editor' | 'document' | 'file' | 'language';

/** The reason why MatCoder suggests nothing in a document while the user types. */
export interface OffHere {
  readonly cause: OffCause;
  /** As a clause in the display language. */
  readonly reason: string;
}

/** Why MatCoder is off in a document; undefined if it is not. */
export function offHere({ languageId, scheme, isEnabled, closed, showsInlineSuggestions }: Here): OffHere | undefined {
  if (!isEdited(scheme)) return { cause: 'document', reason: t('documents of the scheme {0} are read-only', scheme) };
  if (closed !== undefined) return { cause: 'file', reason: localised(closed) };
  if (!showsInlineSuggestions) return { cause: 'editor', reason: t('the setting editor.inlineSuggest.enabled is off') };
  if (!isEnabled) return { cause: 'language', reason: t('completion is off for {0}', languageId) };
  return undefined;
}
