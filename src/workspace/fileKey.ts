/** Windows and macOS ignore the case of names, and so does VS Code there. */
export const IGNORES_CASE = process.platform === 'win32' || process.platform === 'darwin';

/**
 * A key that all spellings of one file share: `file:///c%3A/A.ts` and `file:///C:/a.ts` on Windows, or a letter with its
 * accent and the two apart. It is no address: read a file by its own.
 * @param uri of any scheme; names of other schemes than `file` may differ by case
 */
export function fileKey(uri: string, ignoresCase = IGNORES_CASE): string {
  if (!ignoresCase || !uri.startsWith('file:')) return uri;
  return decoded(uri).normalize('NFC').toLowerCase();
}

function decoded(uri: string): string {
  try {
    return decodeURIComponent(uri);
  } catch {
    return uri; // a lone percent sign
  }
}
