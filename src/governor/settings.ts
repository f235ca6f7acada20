/** What the user decides about sizes. */
export interface GovernorSettings {
  /** auto, or the name of the submodel that the user fixed. */
  readonly submodel: string;
  /** None that reads more than this one while the machine runs on its battery; undefined for no cap. */
  readonly batteryCap?: string | undefined;
  /** Complete only when asked by hand. */
  readonly manualOnly: boolean;
  /** Milliseconds that an answer may take; undefined to follow the typing. */
  readonly latencyBudgetMs?: number | undefined;
}

export const AUTO: GovernorSettings = { submodel: 'auto', manualOnly: false };

/** Settings under which the same would be suggested have the same key. */
export function settingsKey({ submodel, batteryCap, manualOnly, latencyBudgetMs }: GovernorSettings): string {
  return JSON.stringify([submodel, batteryCap, manualOnly, latencyBudgetMs]);
}
