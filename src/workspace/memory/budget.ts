/** What the memory of a workspace may take, in VS Code and in other editors. */
export const BUDGET_BYTES = 64e6;
/** Shares of the time for work in the background, */
export const SHARE = 0.25;
/** and while the user types, on battery, or if the machine is busy or hot. */
export const SMALL_SHARE = 0.05;
/** The user types for so long after a key. */
export const TYPING_MS = 1000;
/** Files that were active are near for as long as so few others were. */
export const MAX_RECENT = 30;
