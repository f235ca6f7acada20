/** How a line that names other files begins, in the languages that have such lines. */
const BEGINS =
  /^(?:import\b|from\s+\S+\s+import\b|export\s[^;]*\bfrom\b|(?:pub\s+)?use\s|using\s|#\s*include\b|package\s|require(?:_once|_relative)?\b|(?:const|let|var)\s[^=]+=\s*require\()/;
/** An import that goes on in further lines leaves a bracket open; a few more lines than this are no list of names. */
const MAX_LINES_OF_ONE = 30;

/**
 * The imports of a document's head as whole lines, as many as fit; each ends with a line end.
 * @param head the document from its first character on
 */
export function importsOf(head: string, maxChars: number): string {
  const lines = head.split('\n').slice(0, -1); // the last may be cut
  let kept = '';
  for (let i = 0; i < lines.length; i++) {
    if (!BEGINS.test(lines[i] ?? '')) continue;
    let end = i;
    while (end + 1 < lines.length && end - i < MAX_LINES_OF_ONE && isOpen(lines.slice(i, end + 1).join('\n'))) end++;
    const text = `${lines.slice(i, end + 1).join('\n')}\n`;
    if (kept.length + text.length > maxChars) break;
    kept += text;
    i = end;
  }
  return kept;
}

function isOpen(text: string): boolean {
  const count = (bracket: string) => text.split(bracket).length;
  return count('{') > count('}') || count('(') > count(')');
}
