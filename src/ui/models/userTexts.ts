import * as vscode from 'vscode';
import { documentOf, type EditorFiles } from '../../completion/editor/files';
import type { UserText } from '../../models/importProtocol';
import { SKIPPED_FOLDERS } from '../../workspace/memory/walk';

const MAX_FILES = 60;
const MAX_FOUND = 400;
const MAX_TEXT_CHARS = 20_000;
/** A shorter file has no middle that is worth predicting. */
const MIN_TEXT_CHARS = 400;
const MAX_CHARS = 400_000;
/** Code, not data: a model is measured on what it will complete. */
const CODE = '**/*.{ts,tsx,mts,js,jsx,mjs,py,java,kt,c,h,cc,cpp,hpp,cs,go,rs,rb,php,swift,scala,lua,sh,vue,svelte}';

/**
 * Texts of the user to measure a model on: of the open documents first, then of other code in the workspace, as far as
 * `EditorFiles` lets them be quoted. They go to a process of this machine, and nowhere else.
 */
export async function userTexts(files: EditorFiles, signal: AbortSignal): Promise<UserText[]> {
  const found = await vscode.workspace.findFiles(CODE, undefined, MAX_FOUND);
  const open = vscode.workspace.textDocuments.map(({ uri }) => uri).filter(isOfWorkspace);
  const known = new Set<string>();
  const texts: UserText[] = [];
  let chars = 0;
  for (const uri of [...open, ...spread(found)]) {
    if (signal.aborted || texts.length >= MAX_FILES || chars >= MAX_CHARS) break;
    const path = vscode.workspace.asRelativePath(uri, false);
    if (known.has(uri.toString()) || path.split('/').some((name) => SKIPPED_FOLDERS.has(name))) continue;
    known.add(uri.toString());
    if (!documentOf(uri) && (await isLink(uri))) continue;
    const text = (await files.quotableText(uri))?.slice(0, MAX_TEXT_CHARS) ?? '';
    if (text.length < MIN_TEXT_CHARS) continue;
    texts.push({ path, text });
    chars += text.length;
  }
  return texts;
}

function isOfWorkspace(uri: vscode.Uri): boolean {
  return vscode.workspace.getWorkspaceFolder(uri) !== undefined;
}

/** In an order in which neighbours are of different folders: the files of one folder are alike. */
function spread(uris: readonly vscode.Uri[]): vscode.Uri[] {
  const sorted = [...uris].sort((a, b) => a.path.localeCompare(b.path));
  const steps = Math.max(1, Math.floor(sorted.length / MAX_FILES));
  return Array.from({ length: steps }, (_, first) => sorted.filter((_uri, i) => i % steps === first)).flat();
}

/** A symbolic link may lead out of the workspace. */
async function isLink(uri: vscode.Uri): Promise<boolean> {
  try {
    return ((await vscode.workspace.fs.stat(uri)).type & vscode.FileType.SymbolicLink) !== 0;
  } catch {
    return true;
  }
}
