import type { Plan } from '../plan';
import type { Suggesting } from './generation';
import { type Remaining, remainingOf } from './remaining';
import type { TypedSince } from './typedSince';

/** The suggestion on the screen, and the refinement that may replace it. */
export interface GhostText {
  readonly generation: Suggesting;
  /**
   * The suggestion of a larger submodel at the same position. It never replaces a text that the user is reading: it is
   * shown once the document has changed.
   */
  readonly refinement?: Suggesting;
  /** The key of the settings under which it was shown. */
  readonly settingsKey: string;
  /** The text before the cursor when it was shown last. */
  readonly shownAt: string;
}

/** The text to show for a request, and the ghost text from then on. */
export interface GhostTextNow extends Remaining {
  readonly ghostText: GhostText;
}

/** The rest of the ghost text, or of the refinement that replaces it; undefined if the typed text agrees with neither. */
export function currentGhostText(
  { generation, refinement, settingsKey, shownAt }: GhostText,
  since: TypedSince,
  settingsKeyNow: string,
): GhostTextNow | undefined {
  if (settingsKey !== settingsKeyNow) return undefined;
  const { prefix } = since.now;
  const refined = refinement && prefix !== shownAt ? remainingOf(refinement, since) : undefined;
  if (refined) return { ...refined, ghostText: { generation: refined.generation, settingsKey, shownAt: prefix } };
  const remaining = remainingOf(generation, since);
  return (
    remaining && {
      ...remaining,
      ghostText: { generation, settingsKey, shownAt: prefix, ...(refinement && { refinement }) },
    }
  );
}

/** The rest of the refinement if it is by the submodel of a plan, for a request by hand. */
export function readyRefinement(
  { refinement, settingsKey }: GhostText,
  since: TypedSince,
  { decision, settings }: Pick<Plan, 'decision' | 'settings'>,
): Remaining | undefined {
  if (settingsKey !== settings.key) return undefined;
  if (refinement?.submodel !== decision.submodel.name || refinement.multiline !== decision.multiline) return undefined;
  return remainingOf(refinement, since);
}
