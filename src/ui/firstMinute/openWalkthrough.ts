import * as vscode from 'vscode';
import { isOwnPage, type OpenTab, WALKTHROUGH, walkthroughAtStart, type WalkthroughState } from './walkthrough';

const KEY = 'matcoder.walkthrough';

export interface WalkthroughParts {
  readonly storage: vscode.Memento;
  /** Whether the user has accepted a suggestion. */
  readonly hasAccepted: boolean;
  readonly warn: (text: string) => void;
}

/**
 * Opens the walkthrough if this is the first window for it. Call it before anything else is stored.
 * @returns ends the watch for a walkthrough that VS Code opens itself
 */
export function openWalkthroughOnce({ storage, hasAccepted, warn }: WalkthroughParts): vscode.Disposable {
  const { workspace, window, commands } = vscode;
  const store = (state: WalkthroughState) => {
    if (storage.get(KEY) !== state) void storage.update(KEY, state);
  };
  const step = walkthroughAtStart({
    stored: storage.get<WalkthroughState>(KEY),
    wasUsedBefore: storage.keys().length > 0,
    hasAccepted,
    isEnabled: workspace.getConfiguration('matcoder').get('enabled', true),
    opensOnInstall: workspace.getConfiguration('workbench.welcomePage').get('walkthroughs.openOnInstall', true),
    isFocused: window.state.focused,
    tabs: window.tabGroups.all.flatMap(({ tabs }) => tabs.map(openTab)),
  });
  store(step.store);
  if (step.opens) {
    // Without the argument it would replace the editor that has the focus.
    commands
      .executeCommand('workbench.action.openWalkthrough', WALKTHROUGH, false)
      .then(undefined, (error: unknown) => {
        warn(`the walkthrough could not be opened: ${String(error)}`);
      });
  }
  if (step.store === 'done') return new vscode.Disposable(() => undefined);
  return window.tabGroups.onDidChangeTabs(({ opened }) => {
    if (opened.map(openTab).some(isOwnPage)) store('done');
  });
}

/** VS Code gives its own pages no input that extensions know. */
function openTab({ input, label }: vscode.Tab): OpenTab {
  return { isWork: input !== undefined, label };
}
