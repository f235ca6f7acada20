import { html } from './dom';

/** A part of the page. It is changed only where its content differs, so that a reader keeps their place in it. */
export class PagePart {
  readonly element: HTMLElement;
  private shown = '';

  constructor(name: 'div' | 'p', attributes: Readonly<Record<string, string>>) {
    this.element = html(name, attributes);
  }

  /** @param content plain data that `draw` depends on, apart from the width of the part */
  show(content: unknown, draw: () => readonly (Element | string)[]): void {
    const key = JSON.stringify([content, this.element.clientWidth]);
    if (key === this.shown) return;
    this.shown = key;
    update(
      this.element,
      draw().map((child) => (typeof child === 'string' ? document.createTextNode(child) : child)),
    );
  }
}

/** Give an element the children that are wanted, and keep those that are there already: focus and selection stay in them. */
function update(parent: Element, wanted: readonly ChildNode[]): void {
  for (const [i, node] of wanted.entries()) {
    const old = parent.childNodes[i];
    if (!old) parent.append(node);
    else if (old instanceof Text && node instanceof Text) {
      if (old.data !== node.data) old.data = node.data;
    } else if (old instanceof Element && node instanceof Element && old.nodeName === node.nodeName) {
      updateAttributes(old, node);
      update(old, [...node.childNodes]);
    } else old.replaceWith(node);
  }
  while (parent.childNodes.length > wanted.length) parent.lastChild?.remove();
}

function updateAttributes(old: Element, wanted: Element): void {
  for (const { name } of [...old.attributes]) if (!wanted.hasAttribute(name)) old.removeAttribute(name);
  for (const { name, value } of wanted.attributes) if (old.getAttribute(name) !== value) old.setAttribute(name, value);
}
