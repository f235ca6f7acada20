import { PictureFault } from './picture';

/** Sets are read at once. The largest that is published has 30 MB. */
export const MAX_SET_BYTES = 64e6;
/** Icons of a set beyond these are not read. */
export const MAX_ICONS = 20_000;
/** Longer drawings are no icons. */
const MAX_BODY_CHARS = 200_000;
/** An alias may have an alias as its parent, which may be a circle. */
const MAX_PARENTS = 8;
const DEFAULT_SIDE = 16;

/** What an icon or an alias says of its drawing. An alias has what it changes. */
interface Row {
  readonly body?: string;
  readonly parent?: string;
  readonly left?: number;
  readonly top?: number;
  readonly width?: number;
  readonly height?: number;
  /** Quarter turns, clockwise. */
  readonly rotate?: number;
  readonly hFlip?: boolean;
  readonly vFlip?: boolean;
  readonly hidden?: boolean;
}

/** A set of icons in Iconify's format: https://iconify.design/docs/types/iconify-json.html */
export class IconSet {
  private readonly icons: ReadonlyMap<string, Row>;
  private readonly aliases: ReadonlyMap<string, Row>;

  private constructor(
    /** Such as `mdi`, with which icons are named: `mdi:home`. */
    readonly prefix: string,
    icons: Readonly<Record<string, Row>>,
    aliases: Readonly<Record<string, Row>>,
    private readonly common: Row,
  ) {
    this.icons = new Map(Object.entries(icons));
    this.aliases = new Map(Object.entries(aliases));
  }

  /** @throws {PictureFault} if it is no set of icons */
  static parse(text: string): IconSet {
    let set: unknown;
    try {
      set = JSON.parse(text);
    } catch (error) {
      throw new PictureFault(`it is no JSON: ${error instanceof Error ? error.message : String(error)}`);
    }
    if (!isObject(set) || typeof set.prefix !== 'string' || !isObject(set.icons))
      throw new PictureFault('it is no set of icons, which has a prefix and icons');
    const rows = (value: unknown) =>
      isObject(value) ? Object.fromEntries(Object.entries(value).map(([name, row]) => [name, rowOf(row)])) : {};
    return new IconSet(set.prefix, rows(set.icons), rows(set.aliases), rowOf(set));
  }

  /** Of the icons, and of aliases that are drawn differently; neither hidden ones nor those beyond `MAX_ICONS`. */
  get names(): readonly string[] {
    const shown = [...this.icons].filter(([, row]) => row.hidden !== true);
    const turned = [...this.aliases].filter(([, row]) => row.rotate ?? row.hFlip ?? row.vFlip);
    return [...shown, ...turned].map(([name]) => name).slice(0, MAX_ICONS);
  }

  /** The drawing of an icon or an alias; undefined if there is none. */
  svg(name: string): string | undefined {
    const chain = this.chainOf(name);
    const body = chain?.find((row) => row.body !== undefined)?.body;
    if (!chain || body === undefined || body.length > MAX_BODY_CHARS) return undefined;
    const rows = [...chain, this.common];
    const side = (key: 'left' | 'top' | 'width' | 'height', fallback: number) =>
      rows.find((row) => row[key] !== undefined)?.[key] ?? fallback;
    const [width, height] = [side('width', DEFAULT_SIDE), side('height', DEFAULT_SIDE)];
    const [left, top] = [side('left', 0), side('top', 0)];
    const [x, y] = [left + width / 2, top + height / 2];
    const isFlipped = (key: 'hFlip' | 'vFlip') => chain.filter((row) => row[key] === true).length % 2 === 1;
    const turns = chain.reduce((sum, row) => sum + (row.rotate ?? 0), 0) % 4;
    const scale = `scale(${isFlipped('hFlip') ? -1 : 1} ${isFlipped('vFlip') ? -1 : 1})`;
    // About the middle: turned after it was flipped.
    const transform = `translate(${x} ${y}) rotate(${90 * turns}) ${scale} translate(${-x} ${-y})`;
    const isPlain = turns === 0 && !isFlipped('hFlip') && !isFlipped('vFlip');
    const drawn = isPlain ? body : `<g transform="${transform}">${body}</g>`;
    const names = 'xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink"';
    return `<svg ${names} width="${width}" height="${height}" viewBox="${left} ${top} ${width} ${height}">${drawn}</svg>`;
  }

  /** The icon's row, after those of the aliases that lead to it. */
  private chainOf(name: string): readonly Row[] | undefined {
    const chain: Row[] = [];
    for (let at: string | undefined = name; at !== undefined && chain.length <= MAX_PARENTS;) {
      const icon = this.icons.get(at);
      if (icon) return [...chain, icon];
      const alias = this.aliases.get(at);
      if (!alias) return undefined;
      chain.push(alias);
      at = alias.parent;
    }
    return undefined;
  }
}

function rowOf(value: unknown): Row {
  if (!isObject(value)) return {};
  const text = (key: string) => (typeof value[key] === 'string' ? { [key]: value[key] } : {});
  const number = (key: string) => (Number.isFinite(value[key]) ? { [key]: value[key] } : {});
  const flag = (key: string) => (typeof value[key] === 'boolean' ? { [key]: value[key] } : {});
  return {
    ...text('body'),
    ...text('parent'),
    ...number('left'),
    ...number('top'),
    ...number('width'),
    ...number('height'),
    ...(Number.isInteger(value.rotate) ? number('rotate') : {}),
    ...flag('hFlip'),
    ...flag('vFlip'),
    ...flag('hidden'),
  };
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
