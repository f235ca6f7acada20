/** The beginnings of import lines in many languages. */
const BEGINS =
  /^(?:import\b|from\s+\S+\s+import\b|export\s[^;]*\bfrom\b|(?:pub\s+)?use\s|using\s|#\s*include\b|package\s|require(?:_once|_relative)?\b|(?:const|let|var)\s[^=]+=\s*require\()/;
/** An import of several lines leaves a bracket open. A longer one is not a list of names. */
const MAX_LINES_OF_ONE = 30;

/**
 * The imports in a document's head, as many whole ones as fit. Each ends with a line end.
 * @param head the beginning of the document
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
