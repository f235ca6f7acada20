import type { Grammars } from '../completion/syntax/grammars';
import { isObject } from '../matlm/json';
import { type FilePolicy, MAX_FILE_BYTES, type ProjectFile } from '../workspace/filePolicy';
import { unfitName, unfitText } from '../workspace/memory/fitness';
import { Lines } from './chunks/chunk';
import { chunksOf } from './chunks/chunksOf';
import { embeddedText } from './chunks/embeddedText';
import { detached } from '../matlm/detached';
import { hashOf, type Pieces, type Source } from './source';

/** Where a chunk is in its file; lines count from 0. */
export interface CodeRow {
  readonly first: number;
  readonly last: number;
  readonly name?: string;
}

/** A text that nobody reads; it is among the pictures. */
const DRAWING = /\.svg$/i;

/** Code and prose of the workspace, as far as the policy lets it be quoted. */
export class CodeSource implements Source<CodeRow, string> {
  readonly kind = 'code';
  readonly version = 1;
  readonly maxFileBytes = MAX_FILE_BYTES;

  constructor(
    private readonly policy: Pick<FilePolicy, 'quotable' | 'mayQuote'>,
    private readonly grammars: Pick<Grammars, 'load'>,
  ) {}

  isRow(value: unknown): value is CodeRow {
    if (!isObject(value)) return false;
    const { first, last, name } = value;
    if (!isLine(first) || !isLine(last) || first > last) return false;
    return name === undefined || typeof name === 'string';
  }

  wants(path: string): boolean {
    return unfitName(path) === undefined && !DRAWING.test(path);
  }

  mayEmbed(file: ProjectFile): Promise<boolean> {
    return this.policy.mayQuote(file);
  }

  async pieces(file: ProjectFile): Promise<Pieces<CodeRow, string>> {
    const read = await this.policy.quotable(file);
    if (!('text' in read)) return read;
    if (unfitText(read.text) !== undefined) return { reason: 'unfit' };
    const lines = new Lines(read.text);
    const chunks = await chunksOf(file.path, read.text, this.grammars);
    return {
      pieces: chunks.map(({ first, last, name }) => {
        const text = embeddedText(lines.text({ first, last }));
        return {
          hash: hashOf(text),
          row: { first, last, ...(name === undefined ? {} : { name: detached(name) }) },
          wording: { name, text },
          content: () => Promise.resolve(text),
        };
      }),
    };
  }

  others(): Promise<readonly string[]> {
    return Promise.resolve([]);
  }
}

function isLine(value: unknown): value is number {
  return Number.isInteger(value) && (value as number) >= 0;
}
