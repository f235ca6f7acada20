interface SomeEditor<D> {
  readonly document: D;
  readonly selections: readonly { readonly isEmpty: boolean }[];
}

/** The cursors of the editor in use. Other editors of the same document have cursors of their own. */
export function selectionsIn<D>(
  document: D,
  active: SomeEditor<D> | undefined,
  visible: readonly SomeEditor<D>[],
): { readonly cursors: number; readonly hasSelection: boolean } {
  const editor = active?.document === document ? active : visible.find((other) => other.document === document);
  // Some documents, such as that of an input box, are in no editor.
  const selections = editor?.selections ?? [];
  return { cursors: Math.max(1, selections.length), hasSelection: selections.some(({ isEmpty }) => !isEmpty) };
}
