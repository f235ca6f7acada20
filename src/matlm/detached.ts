/** A copy of a part of a text: a part may be a view, which keeps the whole text in memory. */
export function detached(part: string): string {
  return Buffer.from(part, 'utf16le').toString('utf16le');
}
