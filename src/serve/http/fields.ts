import { isObject } from '../../matlm/json';

/** A request that is refused, with its status of HTTP. */
export class Refused extends Error {
  override readonly name = 'Refused';

  constructor(
    readonly status: number,
    message: string,
  ) {
    super(message);
  }
}

/** No system has longer ones. */
const MAX_NAME_CHARS = 4096;

/** The name of a file as a client gives it; empty if it gives none that can be one. */
export function fileName(value: unknown): string {
  return typeof value === 'string' && value.length <= MAX_NAME_CHARS && !value.includes('\0') ? value : '';
}

/** The fields of a request. Unknown ones are ignored; a known one of another type is refused, and `null` counts as missing. */
export class Fields {
  private constructor(private readonly values: Readonly<Record<string, unknown>>) {}

  /** @throws {Refused} if the text is no JSON object */
  static parse(text: string): Fields {
    let value: unknown;
    try {
      value = JSON.parse(text);
    } catch {
      throw new Refused(400, 'the body is not JSON');
    }
    if (!isObject(value)) throw new Refused(400, 'the body is not a JSON object');
    return new Fields(value);
  }

  /** With line ends as \n. @throws {Refused} */
  text(name: string): string | undefined {
    const value = this.of(name);
    if (value === undefined) return undefined;
    if (typeof value !== 'string') throw new Refused(400, `${name} is not a string`);
    return value.replaceAll('\r\n', '\n');
  }

  /** The name of a file. @throws {Refused} */
  name(name: string): string | undefined {
    return fileName(this.text(name)) || undefined;
  }

  /** A number of at least 0, such as milliseconds; a negative one, which stands for no limit, counts as missing. @throws {Refused} */
  amount(name: string): number | undefined {
    const value = this.of(name);
    if (value === undefined) return undefined;
    if (typeof value !== 'number') throw new Refused(400, `${name} is not a number`);
    return value < 0 ? undefined : value;
  }

  /** The same, rounded down to a whole number. @throws {Refused} */
  count(name: string): number | undefined {
    const value = this.amount(name);
    return value === undefined ? undefined : Math.floor(value);
  }

  flag(name: string): boolean {
    return this.of(name) === true;
  }

  /** @throws {Refused} */
  list(name: string): readonly unknown[] {
    const value = this.of(name);
    if (value === undefined) return [];
    if (!Array.isArray(value)) throw new Refused(400, `${name} is not an array`);
    return value as unknown[];
  }

  /** One string, or several. @throws {Refused} */
  texts(name: string): readonly string[] {
    const value = this.of(name);
    const all = typeof value === 'string' ? [value] : this.list(name);
    return all.map((one) => {
      if (typeof one !== 'string') throw new Refused(400, `${name} is not a string or an array of strings`);
      return one.replaceAll('\r\n', '\n');
    });
  }

  private of(name: string): unknown {
    return (Object.hasOwn(this.values, name) ? this.values[name] : undefined) ?? undefined;
  }
}
