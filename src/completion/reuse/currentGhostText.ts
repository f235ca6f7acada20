import type { Plan } from '../plan';
import type { Suggesting } from './generation';
import { type Remaining, remainingOf } from './remaining';
import type { TypedSince } from './typedSince';

/** The suggestion on the screen, and what may take its place. */
export interface GhostText {
  readonly generation: Suggesting;
  /**
   * What a larger submodel wrote at the same place. It never replaces a text that is being read: it is shown once the
   * document has changed.
   */
  readonly refinement?: Suggesting;
  /** The key of the settings under which it was shown. */
  readonly settingsKey: string;
  /** The text before the cursor when it was shown last. */
  readonly shownAt: string;
}

/** What to show at a request, and the ghost text as it is from then on. */
export interface GhostTextNow extends Remaining {
  readonly ghostText: GhostText;
}

/** What remains of the ghost text, or of the refinement that takes its place; undefined if the typed text agrees with neither. */
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

/** What remains of a refinement that is ready and is by the submodel of a plan: it serves who asks by hand. */
export function readyRefinement(
  { refinement, settingsKey }: GhostText,
  since: TypedSince,
  { decision, settings }: Pick<Plan, 'decision' | 'settings'>,
): Remaining | undefined {
  if (settingsKey !== settings.key) return undefined;
  if (refinement?.submodel !== decision.submodel.name || refinement.multiline !== decision.multiline) return undefined;
  return remainingOf(refinement, since);
}
