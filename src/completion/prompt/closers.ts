/**
 * The end of a comment, or one quote, any brackets and closing tags on the rest of a line that has nothing else: an editor
 * writes such when what they close is typed.
 */
const CLOSERS = /^(?:[ \t]*\*\/|['"`]?[)\]}]*(?:<\/[\w:.-]*>)*)(?=[ \t]*(?:\n|$))/;

/**
 * The text after the cursor but for what closes on the rest of the line what was opened before. The model is not shown
 * it, and writes it again: else the prompt, which begins with the text after the cursor, would have to be read anew
 * whenever the editor closes a bracket and when that is typed over.
 */
export function withoutClosers(suffix: string): string {
  return suffix.replace(CLOSERS, '');
}
