import { t } from '@vscode/l10n';
import { html } from '../../dashboard/page/dom';
import { keepPlace } from '../../search/keepPlace';
import type { ShownPicture, ToPage } from '../state';

type Thumbnail = Extract<ToPage, { readonly type: 'thumbnail' }>;

export interface GridParts {
  readonly onInsert: (id: number) => void;
  readonly onOpen: (id: number) => void;
  /** The focus leaves the grid upwards. */
  readonly onLeave: () => void;
}

/** The pictures as a list box: one of them is in the order of the Tab key, and the arrow keys move among them. */
export class Grid {
  readonly element = html('div', { class: 'grid', role: 'listbox', 'aria-label': t('Pictures') });
  private pictures: readonly ShownPicture[] = [];
  private readonly thumbnails = new Map<number, Thumbnail>();
  /** The one in the order of the Tab key. */
  private active: number | undefined;
  /** The user has moved to it. */
  private isHeld = false;

  constructor(private readonly parts: GridParts) {
    this.element.addEventListener('click', ({ target }) => {
      const id = idOf(target);
      if (id !== undefined) parts.onInsert(id);
    });
    this.element.addEventListener('keydown', (event) => {
      if (this.pressed(event)) event.preventDefault();
    });
    this.element.addEventListener('focusin', ({ target }) => {
      const id = idOf(target);
      if (id !== undefined) this.activate(id);
    });
  }

  /** The picture that Enter takes; undefined if there is none. */
  get chosen(): number | undefined {
    return this.active;
  }

  show(pictures: readonly ShownPicture[], isOther: boolean): void {
    const held = this.isHeld && !isOther ? String(this.active) : undefined;
    const hadFocus = this.element.contains(document.activeElement);
    this.pictures = keepPlace(this.pictures, pictures, held, ({ id }) => String(id));
    if (isOther) this.isHeld = false;
    this.active = held === undefined ? this.pictures[0]?.id : this.active;
    const options = new Map(Array.from(this.element.children, (option) => [idOf(option), option]));
    // Those that stay are moved, so that the focus stays with them.
    this.element.replaceChildren(...this.pictures.map((picture) => options.get(picture.id) ?? this.option(picture)));
    this.update();
    if (hadFocus) this.focus();
    if (isOther) this.element.scrollTop = 0;
  }

  draw(thumbnail: Thumbnail): void {
    this.thumbnails.set(thumbnail.id, thumbnail);
    const place = this.optionOf(thumbnail.id)?.querySelector<HTMLElement>('.thumbnail');
    if (place) fill(place, thumbnail);
  }

  /** False if there is nothing to focus. */
  focus(): boolean {
    const option = this.active === undefined ? undefined : this.optionOf(this.active);
    option?.focus();
    return option !== undefined;
  }

  private option({ id, name, place }: ShownPicture): HTMLElement {
    const thumbnail = html('span', { class: 'thumbnail', 'aria-hidden': 'true' });
    const known = this.thumbnails.get(id);
    if (known) fill(thumbnail, known);
    const label =
      place === ''
        ? name
        : t({ message: '{0}, {1}', args: [name, place], comment: ['a picture, and the set or folder it is in'] });
    return html('div', { role: 'option', 'data-id': id, title: label }, [
      thumbnail,
      html('span', { class: 'name' }, [name]),
      html('span', { class: 'place' }, [place]),
    ]);
  }

  private pressed({ key, ctrlKey, metaKey }: KeyboardEvent): boolean {
    const index = this.pictures.findIndex(({ id }) => id === this.active);
    const columns = this.columns();
    const steps: Readonly<Record<string, number>> = {
      ArrowLeft: -1,
      ArrowRight: 1,
      ArrowUp: -columns,
      ArrowDown: columns,
      Home: -index,
      End: this.pictures.length - 1 - index,
    };
    const step = Object.hasOwn(steps, key) ? steps[key] : undefined;
    if (step !== undefined) {
      if (key === 'ArrowUp' && index < columns) this.parts.onLeave();
      const next = this.pictures[index + step];
      if (next) {
        this.activate(next.id);
        this.focus();
      }
      return true;
    }
    if (key !== 'Enter' && key !== ' ') return false;
    if (this.active !== undefined) (ctrlKey || metaKey ? this.parts.onOpen : this.parts.onInsert)(this.active);
    return true;
  }

  /** How many pictures are in a row. */
  private columns(): number {
    const options = [...this.element.children] as HTMLElement[];
    const next = options.findIndex((option) => option.offsetTop !== options[0]?.offsetTop);
    return next < 0 ? Math.max(1, options.length) : next;
  }

  private activate(id: number): void {
    this.active = id;
    this.isHeld = true;
    this.update();
  }

  private update(): void {
    for (const option of this.element.children) {
      const isActive = idOf(option) === this.active;
      option.setAttribute('tabindex', isActive ? '0' : '-1');
      option.setAttribute('aria-selected', String(isActive));
    }
  }

  private optionOf(id: number): HTMLElement | null {
    return this.element.querySelector<HTMLElement>(`[data-id="${id}"]`);
  }
}

/** A shape is drawn in the colour of the text, through itself as a mask; other pictures as they are. */
function fill(place: HTMLElement, { url, isShape }: Thumbnail): void {
  place.classList.toggle('shape', isShape);
  if (isShape) place.style.setProperty('mask-image', `url("${url}")`);
  else place.replaceChildren(html('img', { src: url, alt: '' }));
}

function idOf(target: EventTarget | null): number | undefined {
  const option = target instanceof Element ? target.closest('[data-id]') : null;
  return option ? Number(option.getAttribute('data-id')) : undefined;
}
