/**
 * Why no folder of a window can be searched; undefined if one can. Only files on a disk of the machine on which this program runs are
 * indexed: a server would be asked for each of the others.
 * @param schemes of the addresses of the workspace folders
 */
export function whyNotSearched(schemes: readonly string[]): 'no folder' | 'other machine' | 'no disk' | undefined {
  if (schemes.includes('file')) return undefined;
  if (schemes.length === 0) return 'no folder';
  return schemes.includes('vscode-remote') ? 'other machine' : 'no disk';
}
