import { t } from '@vscode/l10n';
import * as vscode from 'vscode';
import type { Explanation, RemedyAction } from './explainSilence';

interface Row extends vscode.QuickPickItem {
  readonly action?: RemedyAction | 'readOn';
}

/** Show why there is no suggestion, and what would change it; resolves to the action that the user chose. */
export async function showExplanation({ now, remedies, outcomes }: Explanation): Promise<RemedyAction | undefined> {
  const rows: Row[] = [
    separator(t('Now, here')),
    // An icon in the label would be read out by its name.
    {
      label: now.title,
      detail: now.detail,
      iconPath: new vscode.ThemeIcon('info'),
      alwaysShow: true,
      action: 'readOn',
    },
    separator(t('What would change it')),
    ...remedies.map(({ action, title, detail }) => ({ label: title, description: detail, action })),
    separator(outcomes.length > 0 ? t('The last outcomes') : t('No request yet')),
    ...outcomes.map(({ title, detail, when }) => ({
      label: title,
      description: when,
      detail,
      action: 'showLog' as const,
    })),
  ];
  const chosen = await vscode.window.showQuickPick(rows, {
    title: t('MatCoder: Why No Suggestion?'),
    placeHolder: t('Choose an action, or press Escape'),
    matchOnDescription: true,
    matchOnDetail: true,
  });
  if (chosen?.action !== 'readOn') return chosen?.action;
  // The list cuts a long reason, such as one that names a file.
  void vscode.window.showInformationMessage(now.title, { modal: true, detail: now.detail });
  return undefined;
}

function separator(label: string): Row {
  return { label, kind: vscode.QuickPickItemKind.Separator };
}
