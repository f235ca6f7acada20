import { t } from '@vscode/l10n';

/** Elements from attributes and children. Attributes only: inline styles and handlers would break the page's policy. */
type ElementAttributes = Readonly<Record<string, string | number>>;
type Children = readonly (Element | string)[];

export function html<Name extends keyof HTMLElementTagNameMap>(
  name: Name,
  attributes: ElementAttributes = {},
  children: Children = [],
): HTMLElementTagNameMap[Name] {
  return fill(document.createElement(name), attributes, children);
}

export function svg<Name extends keyof SVGElementTagNameMap>(
  name: Name,
  attributes: ElementAttributes = {},
  children: Children = [],
): SVGElementTagNameMap[Name] {
  return fill(document.createElementNS('http://www.w3.org/2000/svg', name), attributes, children);
}

function fill<E extends Element>(element: E, attributes: ElementAttributes, children: Children): E {
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, String(value));
  element.append(...children);
  return element;
}

/** A figure. The dash of one that is missing has words for a screen reader, which would skip it. */
export function orNone(text: string): (Element | string)[] {
  if (text !== '–') return [text];
  return [
    html('span', { class: 'spoken' }, [t({ message: 'none', comment: ['no value, for a screen reader'] })]),
    html('span', { 'aria-hidden': 'true' }, [text]),
  ];
}

export interface Column {
  readonly title: string;
  /** Numbers are aligned to the right. */
  readonly isNumber?: boolean;
}

/** A table whose first column names its rows. */
export function table(caption: string, columns: readonly Column[], rows: readonly (readonly string[])[]): HTMLElement {
  const align = (index: number): ElementAttributes => (columns[index]?.isNumber ? { class: 'number' } : {});
  const head = columns.map(({ title }, i) => html('th', { scope: 'col', ...align(i) }, [title]));
  const body = rows.map((cells) =>
    html(
      'tr',
      {},
      cells.map((text, i) => (i === 0 ? html('th', { scope: 'row' }, [text]) : html('td', align(i), orNone(text)))),
    ),
  );
  return html('table', {}, [
    html('caption', {}, [caption]),
    html('thead', {}, [html('tr', {}, head)]),
    html('tbody', {}, body),
  ]);
}
