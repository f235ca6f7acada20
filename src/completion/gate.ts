import { type Phrase, phrase } from '../localisation/phrase';
import { isClosing } from './syntax/closers';

/** The gate's input. None of it needs the model. */
export interface GateInput {
  readonly explicit: boolean;
  readonly enabled: boolean;
  /** Why the file is closed to MatCoder; undefined if it is not. */
  readonly closed?: Phrase | undefined;
  /** URI scheme of the document. */
  readonly scheme: string;
  readonly languageId: string;
  readonly cursors: number;
  readonly hasSelection: boolean;
  /** Length of the cursor's line in characters. */
  readonly lineLength: number;
  /** The rest of the line after the cursor. */
  readonly lineSuffix: string;
}

const READ_ONLY_SCHEMES = new Set(['output', 'vscode-scm', 'git', 'search-editor', 'debug', 'comment']);
/** In a longer line, nothing is completed. */
export const MAX_LINE_CHARS = 2000;

/** Whether people write documents of a scheme, unlike an output or one side of a comparison. */
export function isEdited(scheme: string): boolean {
  return !READ_ONLY_SCHEMES.has(scheme);
}

/** The cause of a closed gate, for programs. */
export type GateCause =
  | 'read-only document'
  | 'closed file'
  | 'several cursors'
  | 'selection'
  | 'long line'
  | 'language off'
  | 'code follows';

/** A closed gate. */
export interface Gated {
  readonly cause: GateCause;
  /** The cause in words. */
  readonly reason: Phrase;
}

/** Why no completion is wanted here; undefined if one is. */
export function gate(input: GateInput): Gated | undefined {
  if (!isEdited(input.scheme))
    return gated('read-only document', phrase('documents of the scheme {0} are read-only', input.scheme));
  if (input.closed !== undefined) return gated('closed file', input.closed);
  if (input.cursors > 1) return gated('several cursors', phrase('there is more than one cursor'));
  if (input.hasSelection) return gated('selection', phrase('text is selected'));
  if (input.lineLength > MAX_LINE_CHARS)
    return gated('long line', phrase('the line is longer than {0} characters', MAX_LINE_CHARS));
  if (input.explicit) return undefined;
  if (!input.enabled) return gated('language off', phrase('completion is off for {0}', input.languageId));
  // The editor may have inserted closing marks behind the cursor. The user wrote everything else.
  if (!isClosing(input.lineSuffix, input.languageId)) return gated('code follows', phrase('code follows on the line'));
  return undefined;
}

function gated(cause: GateCause, reason: Phrase): Gated {
  return { cause, reason };
}
