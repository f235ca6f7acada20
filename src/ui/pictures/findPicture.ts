import { t } from '@vscode/l10n';
import * as vscode from 'vscode';
import { messageOf } from '../../matlm/errors';
import { formatOf, PICTURE_ENDINGS } from '../../pictures/format';
import { dependenciesOf } from '../../pictures/packages';
import { MAX_RASTER_BYTES } from '../../pictures/picture';
import type { PictureHit } from '../../search/search';
import { uriOf } from '../search/folders';
import { insertionOf } from './insertion';
import type { LikePicture, PicturePanelParts } from './panel';
import { PicturePanel } from './panel';
import { pictureAt } from './pictureAt';

export type FindPictureParts = Omit<PicturePanelParts, 'insert' | 'open'>;

/** Where a picture is to be inserted. */
interface Target {
  readonly document: vscode.TextDocument;
  readonly selection: vscode.Selection;
  readonly viewColumn: vscode.ViewColumn | undefined;
}

let current: PicturePanel | undefined;

/** Find a picture, and insert it where the cursor is. @param from a picture file that was chosen in the explorer */
export async function findPicture(parts: FindPictureParts, from: vscode.Uri | undefined): Promise<void> {
  const editor = vscode.window.activeTextEditor;
  const like = await likeOf(from ?? shownPicture(), editor);
  const target = editor && { document: editor.document, selection: editor.selection, viewColumn: editor.viewColumn };
  current?.dispose();
  const open = async (hit: PictureHit) => {
    await vscode.commands.executeCommand('vscode.open', uriOf(hit));
  };
  const panel = new PicturePanel(
    { ...parts, open, insert: (hit) => (target ? insert(hit, target) : copy(hit)) },
    like,
    () => {
      if (current === panel) current = undefined;
    },
  );
  current = panel;
}

/** The picture that the active tab shows. */
function shownPicture(): vscode.Uri | undefined {
  const input = vscode.window.tabGroups.activeTabGroup.activeTab?.input;
  return input instanceof vscode.TabInputCustom && isPicture(input.uri) ? input.uri : undefined;
}

async function likeOf(
  from: vscode.Uri | undefined,
  editor: vscode.TextEditor | undefined,
): Promise<LikePicture | undefined> {
  if (from) return fileLike(from);
  if (!editor) return undefined;
  const { document, selection } = editor;
  const found = pictureAt(document.getText(), document.offsetAt(selection.active));
  if (found?.kind === 'svg') return { name: t('the SVG at the cursor'), bytes: Buffer.from(found.svg) };
  const folder = vscode.workspace.getWorkspaceFolder(document.uri);
  if (!found || !folder) return undefined;
  const base = found.path.startsWith('/') ? folder.uri : vscode.Uri.joinPath(document.uri, '..');
  const uri = vscode.Uri.joinPath(base, found.path);
  // A text may name any file of the disk.
  return vscode.workspace.getWorkspaceFolder(uri) ? fileLike(uri) : undefined;
}

/** Undefined, with a message, if it cannot be read. */
async function fileLike(uri: vscode.Uri): Promise<LikePicture | undefined> {
  const name = uri.path.split('/').at(-1) ?? '';
  try {
    if ((await vscode.workspace.fs.stat(uri)).size > MAX_RASTER_BYTES) throw new Error(t('It is too large.'));
    const bytes = await vscode.workspace.fs.readFile(uri);
    formatOf(bytes); // its fault is told at once
    return { name, bytes };
  } catch (error) {
    void vscode.window.showWarningMessage(t('MatCoder cannot read the picture {0}: {1}', name, messageOf(error)));
    return undefined;
  }
}

async function insert(hit: PictureHit, { document, selection, viewColumn }: Target): Promise<void> {
  const root = vscode.Uri.file(hit.root).path;
  const { path } = document.uri;
  const place = {
    languageId: document.languageId,
    text: document.getText(),
    offset: document.offsetAt(selection.active),
    path: path.startsWith(`${root}/`) ? path.slice(root.length + 1) : undefined,
  };
  const edits = insertionOf(place, hit, await dependenciesOf(hit.root));
  const shown = await vscode.window.showTextDocument(document, {
    ...(viewColumn === undefined ? {} : { viewColumn }),
    selection,
    preview: false,
  });
  await shown.edit((builder) => {
    for (const { start, end, text } of edits)
      builder.replace(new vscode.Range(document.positionAt(start), document.positionAt(end)), text);
  });
}

/** Without an editor there is no place to insert at. */
async function copy({ path, name, set }: PictureHit): Promise<void> {
  await vscode.env.clipboard.writeText(set === undefined ? path : `${set}:${name}`);
  void vscode.window.showInformationMessage(t('MatCoder: no editor was open, so the name is on the clipboard.'));
}

function isPicture({ path }: vscode.Uri): boolean {
  return PICTURE_ENDINGS.some((ending) => path.toLowerCase().endsWith(ending));
}
