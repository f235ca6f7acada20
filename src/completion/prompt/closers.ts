/**
 * The end of a comment, or one quote, any brackets and closing tags, if the rest of the line has nothing else. An editor
 * inserts these when their opening counterparts are typed.
 */
const CLOSERS = /^(?:[ \t]*\*\/|['"`]?[)\]}]*(?:<\/[\w:.-]*>)*)(?=[ \t]*(?:\n|$))/;

/**
 * The text after the cursor without closing marks that the editor may have inserted. The model does not see them and
 * writes them again. Otherwise the whole prompt, which begins with this text, would have to be prefilled again whenever
 * the editor closes a bracket or the user types over it.
 */
export function withoutClosers(suffix: string): string {
  return suffix.replace(CLOSERS, '');
}
