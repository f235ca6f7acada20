import * as vscode from 'vscode';

/** The file of a result. @param root the workspace folder as the search names it: a path on the disk */
export function uriOf({ root, path }: { readonly root: string; readonly path: string }): vscode.Uri {
  const folder = vscode.workspace.workspaceFolders?.find(({ uri }) => vscode.Uri.file(root).fsPath === uri.fsPath);
  return vscode.Uri.joinPath(folder?.uri ?? vscode.Uri.file(root), path);
}
