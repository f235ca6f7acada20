import { t } from '@vscode/l10n';
import * as vscode from 'vscode';
import { updateSettings } from '../editorSettings';
import type { SearchIndexSetting } from '../../session/settings';
import { whyNotSearched } from './whyNotSearched';

/** Whether this window has anything to search. If not, the user is told what to do. */
export async function canSearch(setting: () => SearchIndexSetting): Promise<boolean> {
  const folders = vscode.workspace.workspaceFolders ?? [];
  switch (whyNotSearched(folders.map(({ uri }) => uri.scheme))) {
    case 'no folder':
      await offer(
        t('MatCoder searches the files of a folder, and none is open.'),
        t('Open Folder'),
        'vscode.openFolder',
      );
      return false;
    case 'other machine':
      await offer(
        t(
          'MatCoder runs on this computer and searches only its files, and those of this window are on another machine.',
        ),
        t('Choose Where the Engine Runs'),
        'matcoder.chooseSide',
      );
      return false;
    case 'no disk':
      void vscode.window.showInformationMessage(
        t('MatCoder searches files on a disk, and the folder of this window is not on one.'),
      );
      return false;
  }
  if (setting() !== 'off') return true;
  const turnOn = t('Turn On');
  const question = t('Search by meaning is off: the setting matcoder.searchIndex keeps the index from being built.');
  if ((await vscode.window.showInformationMessage(question, turnOn)) !== turnOn) return false;
  await updateSettings({ searchIndex: 'onDemand' });
  return true;
}

async function offer(message: string, remedy: string, command: string): Promise<void> {
  if ((await vscode.window.showInformationMessage(message, remedy)) === remedy)
    await vscode.commands.executeCommand(command);
}
