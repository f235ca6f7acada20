/** The walkthrough in package.json, as VS Code names it. */
export const WALKTHROUGH = 'matcoder.matcoder#firstMinute';

/** What is stored about the walkthrough: it is still to be opened, or it was, or it never will be. */
export type WalkthroughState = 'due' | 'done';

/** A window at the start of the extension. */
export interface StartFacts {
  /** What an earlier start stored; undefined at the first. */
  readonly stored: WalkthroughState | undefined;
  /** Whether an earlier version has stored data. */
  readonly wasUsedBefore: boolean;
  /** Whether the user has accepted a suggestion, and so needs no introduction. */
  readonly hasAccepted: boolean;
  /** Whether suggestions while typing are on; an administrator may have turned them off. */
  readonly isEnabled: boolean;
  /** VS Code's setting for all extensions: `workbench.welcomePage.walkthroughs.openOnInstall`. */
  readonly opensOnInstall: boolean;
  /** One of several windows has the focus. */
  readonly isFocused: boolean;
  readonly tabs: readonly OpenTab[];
}

export interface OpenTab {
  /** A text, a notebook, a comparison or the like, in contrast to a page of VS Code itself. */
  readonly isWork: boolean;
  readonly label: string;
}

/** Whether to open the walkthrough now, and what to store. */
export interface WalkthroughStep {
  readonly opens: boolean;
  readonly store: WalkthroughState;
}

const DONE: WalkthroughStep = { opens: false, store: 'done' };
const LATER: WalkthroughStep = { opens: false, store: 'due' };

/**
 * The walkthrough is opened once after the first installation, in the first window in which the user has nothing else open.
 * If VS Code shows a page of the extension, it has installed it in this window, and opens the walkthrough itself.
 */
export function walkthroughAtStart(facts: StartFacts): WalkthroughStep {
  const { stored, wasUsedBefore, hasAccepted, isEnabled, opensOnInstall, isFocused, tabs } = facts;
  if (stored === 'done' || (stored === undefined && wasUsedBefore)) return DONE;
  if (hasAccepted || !isEnabled || !opensOnInstall || tabs.some(isOwnPage)) return DONE;
  return isFocused && !tabs.some(({ isWork }) => isWork) ? { opens: true, store: 'done' } : LATER;
}

/** A page of VS Code about the extension: its walkthrough, or its description. */
export function isOwnPage({ isWork, label }: OpenTab): boolean {
  return !isWork && label.includes('MatCoder');
}
