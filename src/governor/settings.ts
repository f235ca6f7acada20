/** The user's settings for the governor. */
export interface GovernorSettings {
  /** `auto`, or the name of a fixed submodel. */
  readonly submodel: string;
  /** On battery, no submodel reads more bytes per token than this one; undefined for no cap. */
  readonly batteryCap?: string | undefined;
  /** Complete only when asked by hand. */
  readonly manualOnly: boolean;
  /** Milliseconds that an answer may take; undefined to follow the typing rhythm. */
  readonly latencyBudgetMs?: number | undefined;
  /**
   * Milliseconds after which the caller of this request has no use for an answer; undefined if it waits for any. It bounds
   * the budget. Suggestions do not depend on it otherwise, so that it is no part of their key.
   */
  readonly latencyCapMs?: number | undefined;
}

export const AUTO: GovernorSettings = { submodel: 'auto', manualOnly: false };

/** Settings with equal keys lead to the same suggestions. */
export function settingsKey({ submodel, batteryCap, manualOnly, latencyBudgetMs }: GovernorSettings): string {
  return JSON.stringify([submodel, batteryCap, manualOnly, latencyBudgetMs]);
}
