import type { Filter } from './filter';

/** Removes a comma before a closing bracket in a language that forbids one there. */
export const comma: Filter = (cursor) => {
  const { noTrailingComma } = cursor.lexicon;
  if (!noTrailingComma) return (draft) => draft;
  const closer = noTrailingComma === 'everywhere' ? /^\s*[\]}]/ : /^\s*\)/;
  const within = noTrailingComma === 'everywhere' ? /,(?=\s*[\]}])/g : /,(?=\s*\))/g;
  return (draft) => {
    if (!draft.text.includes(',')) return draft;
    const { code } = cursor.scan(draft.text);
    let text = '';
    let kept = 0;
    for (const { index } of code.matchAll(within)) {
      text += draft.text.slice(kept, index);
      kept = index + 1;
    }
    text += draft.text.slice(kept);
    const isLast = !draft.open && code.trimEnd().endsWith(',') && closer.test(cursor.suffix.slice(draft.replaces));
    return { ...draft, text: isLast ? text.trimEnd().slice(0, -1) : text };
  };
};
