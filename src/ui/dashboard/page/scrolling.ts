/**
 * A table that is wider than its place can be scrolled with the keyboard: the place takes the focus, and only then.
 * @param label what a screen reader says when it has the focus
 */
export function scrollsByKey(place: HTMLElement, label: string): HTMLElement {
  watch(place, () => {
    follow(place, label);
  });
  return place;
}

/** The same for all tables in a part of the page, which come and go. A screen reader says their captions. */
export function tablesScrollByKey(part: HTMLElement): void {
  watch(part, () => {
    for (const place of part.querySelectorAll<HTMLElement>('.table')) {
      follow(place, place.querySelector('caption')?.textContent ?? '');
    }
  });
}

function follow(place: HTMLElement, label: string): void {
  const isWide = place.scrollWidth > place.clientWidth;
  for (const [name, value] of Object.entries({ tabindex: '0', role: 'group', 'aria-label': label })) {
    if (!isWide) place.removeAttribute(name);
    else if (place.getAttribute(name) !== value) place.setAttribute(name, value); // an equal one would be a change, too
  }
}

function watch(element: HTMLElement, onChange: () => void): void {
  new ResizeObserver(onChange).observe(element);
  // A part that is drawn again loses the attributes.
  const attributeFilter = ['tabindex'];
  new MutationObserver(onChange).observe(element, {
    childList: true,
    subtree: true,
    characterData: true,
    attributeFilter,
  });
}
