import { t } from '@vscode/l10n';
import * as vscode from 'vscode';
import { type ChosenSide, chosenSide, describeSide, isOn, type Side, withSide } from './side';

export function sideOf(extension: vscode.Extension<unknown>): Side {
  return {
    remote: vscode.env.remoteName,
    isRemote: extension.extensionKind === vscode.ExtensionKind.Workspace,
    isInBrowser: vscode.env.uiKind === vscode.UIKind.Web,
  };
}

/**
 * Let the user choose the side on which the engine runs in remote windows. VS Code decides that when a window opens, by its
 * setting `remote.extensionKind`, so the choice is written there and a reload is offered.
 */
export async function chooseSide(extension: vscode.Extension<unknown>): Promise<void> {
  const side = sideOf(extension);
  if (side.isInBrowser) {
    await vscode.window.showInformationMessage(
      t('MatCoder: a browser cannot start the engine, so it always runs on the machine that serves this page.'),
    );
    return;
  }
  const settings = vscode.workspace.getConfiguration('remote');
  const kinds = settings.get<unknown>('extensionKind');
  const now = chosenSide(kinds, extension.id);
  const chosen = await pickSide(now, describeSide(side));
  if (chosen === undefined) return;
  if (chosen !== now) {
    await settings.update('extensionKind', withSide(kinds, extension.id, chosen), vscode.ConfigurationTarget.Global);
  } else if (isOn(side, chosen)) return;
  // Otherwise VS Code does not follow the choice, because MatCoder is not installed on that side.
  await offerReload(side, chosen);
}

async function pickSide(now: ChosenSide, placeHolder = ''): Promise<ChosenSide | undefined> {
  const items = [
    {
      label: t('On this computer'),
      side: 'window' as const,
      detail: t('Suggestions do not wait for the connection. The files are read through it.'),
    },
    {
      label: t('On the remote machine'),
      side: 'files' as const,
      detail: t('The engine uses the processor of the remote machine, where MatCoder has to be installed too.'),
    },
  ].map((item) => ({
    ...item,
    ...(item.side === now
      ? { description: t({ message: 'chosen', comment: ['the machine on which the engine runs'] }) }
      : {}),
  }));
  const title = t('MatCoder: where the engine runs in remote windows');
  return (await vscode.window.showQuickPick(items, { title, placeHolder }))?.side;
}

async function offerReload(side: Side, chosen: ChosenSide): Promise<void> {
  if (isOn(side, chosen)) {
    await vscode.window.showInformationMessage(t('MatCoder: the choice takes effect when a remote window opens.'));
    return;
  }
  const reload = t('Reload Window');
  const text =
    chosen === 'files'
      ? t(
          'MatCoder: after a reload, the engine runs on the remote machine. If VS Code says that MatCoder is not installed there, install it there.',
        )
      : t(
          'MatCoder: after a reload, the engine runs on this computer. If VS Code says that MatCoder is not installed here, install it here.',
        );
  if ((await vscode.window.showInformationMessage(text, reload)) === reload) {
    await vscode.commands.executeCommand('workbench.action.reloadWindow');
  }
}
