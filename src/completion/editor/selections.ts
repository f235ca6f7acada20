interface SomeEditor<D> {
  readonly document: D;
  readonly selections: readonly { readonly isEmpty: boolean }[];
}

/** Of the editors that show a document, the one that is written in: the others have cursors of their own. */
export function selectionsIn<D>(
  document: D,
  active: SomeEditor<D> | undefined,
  visible: readonly SomeEditor<D>[],
): { readonly cursors: number; readonly hasSelection: boolean } {
  const editor = active?.document === document ? active : visible.find((other) => other.document === document);
  // Some documents, an input box's say, are in no editor.
  const selections = editor?.selections ?? [];
  return { cursors: Math.max(1, selections.length), hasSelection: selections.some(({ isEmpty }) => !isEmpty) };
}
