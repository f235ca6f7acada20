import * as vscode from 'vscode';
import type { Explanation, RemedyAction } from './explainSilence';

interface Row extends vscode.QuickPickItem {
  readonly action?: RemedyAction;
}

/** Show why there is no suggestion, and what would change it; resolves to the action that the user chose. */
export async function showExplanation({ now, remedies, outcomes }: Explanation): Promise<RemedyAction | undefined> {
  const rows: Row[] = [
    separator('Now, here'),
    { label: `$(info) ${now.title}`, detail: now.detail, alwaysShow: true },
    separator('What would change it'),
    ...remedies.map(({ action, title, detail }) => ({ label: title, description: detail, action })),
    separator(outcomes.length > 0 ? 'The last outcomes' : 'No request yet'),
    ...outcomes.map(({ title, detail, when }) => ({
      label: title,
      description: when,
      detail,
      action: 'showLog' as const,
    })),
  ];
  const chosen = await vscode.window.showQuickPick(rows, {
    title: 'MatCoder: Why No Suggestion?',
    placeHolder: 'Choose an action, or press Escape',
    matchOnDescription: true,
    matchOnDetail: true,
  });
  return chosen?.action;
}

function separator(label: string): Row {
  return { label, kind: vscode.QuickPickItemKind.Separator };
}
