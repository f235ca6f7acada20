import { t } from '@vscode/l10n';
import * as vscode from 'vscode';
import { messageOf } from '../../matlm/errors';
import type { LibraryModel, ModelLibrary } from '../../models/library';
import { nameFault } from '../../models/modelIds';
import { updateSettings } from '../editorSettings';
import { bytes } from '../format';
import type { KeptScores } from '../keptScores';
import type { ModelShelf } from './shelf';
import { describeNameFault } from './texts';

export interface ManageParts {
  readonly library: ModelLibrary;
  readonly shelf: ModelShelf;
  readonly scores: Pick<KeptScores, 'forget'>;
}

/** Ask for a display name; undefined if the user changed their mind. */
export async function askName(
  title: string,
  value: string,
  others: readonly LibraryModel[],
): Promise<string | undefined> {
  const names = others.map(({ name }) => name);
  const name = await vscode.window.showInputBox({
    title,
    value,
    prompt: t('The name that lists show'),
    ignoreFocusOut: true,
    validateInput: (text) => {
      const fault = nameFault(text, names);
      return fault && describeNameFault(fault);
    },
  });
  return name?.trim();
}

export async function renameModel({ library, shelf }: ManageParts, model: LibraryModel): Promise<void> {
  const others = shelf.models.filter(({ id }) => id !== model.id);
  const name = await askName(t('MatCoder: rename {0}', model.name), model.name, others);
  if (name === undefined || name === model.name) return;
  try {
    await library.rename(model.id, name);
  } catch (error) {
    await vscode.window.showErrorMessage(t('MatCoder: the model cannot be renamed. {0}', messageOf(error)));
  }
  await shelf.refresh();
}

/** Delete a model after a confirmation. One that is in use is put out of use first, so that no engine has its files open. */
export async function deleteModel({ library, shelf, scores }: ManageParts, model: LibraryModel): Promise<void> {
  const confirm = t({ message: 'Delete', comment: ['a button: delete the imported model'] });
  const detail = t('{0} on the disk become free. The file that it was imported from stays.', bytes(model.diskBytes));
  const question = t('Delete {0} from MatCoder?', model.name);
  if ((await vscode.window.showWarningMessage(question, { modal: true, detail }, confirm)) !== confirm) return;
  try {
    if (shelf.chosen?.id === model.id) await updateSettings({ importedModel: '' });
    await library.delete(model.id);
    await scores.forget(model.id);
  } catch (error) {
    await vscode.window.showErrorMessage(
      t('MatCoder: the model cannot be deleted; close other windows that use it and try again. {0}', messageOf(error)),
    );
  }
  await shelf.refresh();
}
