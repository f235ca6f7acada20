import { t } from '@vscode/l10n';
import * as vscode from 'vscode';
import { messageOf } from '../../matlm/errors';
import type { Choice, Found } from '../../models/importProtocol';
import type { LibraryModel } from '../../models/library';
import { freeName } from '../../models/modelIds';
import { bytes } from '../format';
import { bringIn, type BringInParts, findSizes, measure, type Report } from './bringIn';
import { askName, type ManageParts } from './manage';
import { canFindSizes } from './shelf';
import { SPARE_DISK_BYTES } from '../../models/room';
import { bitsOf, describeFound, describeModel, describeSearch, feasible, type Option, roomTexts } from './texts';

export interface ImportParts extends BringInParts, ManageParts {
  /** Milliseconds of a typical completion by a model that has not run yet; undefined if this machine was not measured. */
  readonly expectedMs: (choice: Choice, parameters: number) => number | undefined;
  /** Shows the models after an import or a search for sizes. */
  readonly show: () => void;
}

/** Let the user choose a file or folder, and import the model in it. @param from the file, if it was chosen already */
export async function importModel(parts: ImportParts, from?: vscode.Uri): Promise<void> {
  const source = from ?? (await chooseSource());
  if (!source) return;
  if (source.scheme !== 'file') {
    await refuse(t('Choose a file on the disk of the machine on which the engine runs.'));
    return;
  }
  const path = source.fsPath;
  const found = await withCancel(t('MatCoder: looking at the model'), refuse, (signal) =>
    parts.run({ type: 'inspect', path, library: parts.library.folder }, { signal }),
  );
  if (!found) return;
  const choice = await chooseOption(parts, found);
  if (!choice) return;
  await parts.shelf.refresh();
  const { models } = parts.shelf;
  const suggested = freeName(
    found.name,
    models.map(({ name }) => name),
  );
  const name = await askName(t('MatCoder: name of the imported model'), suggested, models);
  if (name === undefined) return;
  const id = await withCancel(t('MatCoder: importing {0}', name), refuse, (signal, report) =>
    bringIn(parts, { path, name, choice }, signal, report),
  );
  await parts.shelf.refresh();
  if (id !== undefined) parts.show();
}

/** Measure a model of the library on the user's files, and keep the figures. */
export async function measureModel(parts: ImportParts, id: string): Promise<void> {
  const name = parts.shelf.find(id)?.name;
  if (name === undefined) return;
  const fail = (reason: string) =>
    vscode.window.showErrorMessage(t('MatCoder: the model cannot be measured. {0}', reason));
  await withCancel(t('MatCoder: measuring {0} on your files', name), fail, (signal, report) =>
    measure(parts, id, signal, report),
  );
  await parts.shelf.refresh();
}

/** Find smaller sizes of a model of the library, after saying what that means and how long it takes. */
export async function findSizesOf(parts: ImportParts, model: LibraryModel): Promise<void> {
  const { id, name } = model;
  const find = t({ message: 'Find Sizes', comment: ['a button: find smaller sizes of the imported model'] });
  const question = t('Find smaller sizes of {0}?', name);
  const detail = describeSearch(model);
  if ((await vscode.window.showInformationMessage(question, { modal: true, detail }, find)) !== find) return;
  const fail = (reason: string) =>
    vscode.window.showErrorMessage(t('MatCoder: no smaller sizes of {0} were found. {1}', name, reason));
  const isDone = await withCancel(t('MatCoder: {0}', name), fail, async (signal, report) => {
    await findSizes(parts, id, signal, report);
    return true;
  });
  await parts.shelf.refresh();
  if (isDone) parts.show(); // the sizes, or why there are none
}

/** The same for the only model of which sizes can be found, or for one that the user chooses. */
export async function findSizesOfOne(parts: ImportParts): Promise<void> {
  await parts.shelf.refresh();
  const models = parts.shelf.models.filter(canFindSizes);
  if (models.length === 0) {
    const importOne = t('Import a Model…');
    const text = t('MatCoder: there is no imported model of which smaller sizes can be found.');
    if ((await vscode.window.showInformationMessage(text, importOne)) === importOne) await importModel(parts);
    return;
  }
  const items = models.map((model) => ({ label: model.name, description: describeModel(model), model }));
  const [only] = items.length === 1 ? items : [];
  const title = t('MatCoder: find smaller sizes of an imported model');
  const chosen = only ?? (await vscode.window.showQuickPick(items, { title, placeHolder: t('Choose a model') }));
  if (chosen) await findSizesOf(parts, chosen.model);
}

/** A dialog of files does not choose folders on Windows and Linux. */
async function chooseSource(): Promise<vscode.Uri | undefined> {
  const title = t('MatCoder: import a model');
  const kinds = [
    { label: t('A file…'), description: t('GGUF, or safetensors in a single file'), isFolder: false },
    { label: t('A folder…'), description: t('with config.json, tokenizer.json and safetensors files'), isFolder: true },
  ];
  const kind = await vscode.window.showQuickPick(kinds, {
    title,
    placeHolder: t('Where is the model?'),
    ignoreFocusOut: true, // VS Code may give the focus back to the dashboard after it has opened
  });
  if (!kind) return undefined;
  const chosen = await vscode.window.showOpenDialog({
    title,
    openLabel: t({ message: 'Import', comment: ['a button: import this model'] }),
    canSelectFiles: !kind.isFolder,
    canSelectFolders: kind.isFolder,
    canSelectMany: false,
    ...(kind.isFolder ? {} : { filters: { [t('Models')]: ['gguf', 'safetensors'] } }),
  });
  return chosen?.[0];
}

/** Say what was found and what the import will need, and let the user choose the precision. */
async function chooseOption(parts: ImportParts, found: Found): Promise<Choice | undefined> {
  const options = found.choices.map(
    (choice): Option => ({ choice, expectedMs: parts.expectedMs(choice, found.parameters) }),
  );
  const possible = feasible(options, found);
  const least = Math.min(...found.choices.map(({ diskBytes }) => diskBytes));
  if (possible.length === 0) {
    const [needed, free] = roomTexts(least + SPARE_DISK_BYTES, found.freeDiskBytes);
    await refuse(
      t(
        'It needs {0} of free disk space, {1} of which must stay free, and {2} are free. Make room and import it again.',
        ...[needed, bytes(SPARE_DISK_BYTES), free],
      ),
    );
    return undefined;
  }
  const buttons = possible.map(({ choice }) => ({ title: t('Import with {0}', bitsOf(choice.bits)), choice }));
  const question = t('Import {0}?', found.name);
  const detail = describeFound(found, possible);
  return (await vscode.window.showInformationMessage(question, { modal: true, detail }, ...buttons))?.choice;
}

async function refuse(reason: string): Promise<void> {
  await vscode.window.showErrorMessage(t('MatCoder: the model cannot be imported. {0}', reason));
}

/**
 * Work with a notification that shows its progress and can cancel it; undefined if it was cancelled or failed.
 * @param onFault tells the user why it failed
 */
async function withCancel<T>(
  title: string,
  onFault: (reason: string) => Thenable<unknown>,
  work: (signal: AbortSignal, report: Report) => Promise<T>,
): Promise<T | undefined> {
  const options = { location: vscode.ProgressLocation.Notification, title, cancellable: true };
  return vscode.window.withProgress(options, async (progress, token) => {
    const abort = new AbortController();
    token.onCancellationRequested(() => {
      abort.abort();
    });
    let shown = 0;
    let told: string | undefined;
    const report: Report = (share, message) => {
      const percent = Math.floor(100 * share);
      told = message ?? told; // a report without its message would remove it
      progress.report({ increment: Math.max(0, percent - shown), ...(told === undefined ? {} : { message: told }) });
      shown = Math.max(shown, percent);
    };
    try {
      return await work(abort.signal, report);
    } catch (error) {
      if (!abort.signal.aborted) void onFault(messageOf(error));
      return undefined;
    }
  });
}
