import { openCheckpoint } from '../matlm/checkpoint';
import { bytesPerToken, parameters } from '../matlm/submodel';

/** One row of `matcoder inspect`. */
export interface SubmodelRow {
  readonly name: string;
  /** Non-embedding parameters. */
  readonly parameters: number;
  /** Bytes of weights read to decode a token. */
  readonly bytesPerToken: number;
  readonly ffnWidths: readonly number[];
  /** On held-out code, where it was measured. */
  readonly bitsPerByte?: number;
}

/** The submodels of a checkpoint, cheapest first. */
export async function inspect(model: string): Promise<SubmodelRow[]> {
  const { config } = await openCheckpoint(model);
  const rows = new Map<string, SubmodelRow>();
  const add = (name: string, widths: readonly number[], bitsPerByte?: number) =>
    rows.set(name, {
      name,
      parameters: parameters(config.model, widths),
      bytesPerToken: bytesPerToken(config.model, widths),
      ffnWidths: widths,
      ...(bitsPerByte === undefined ? {} : { bitsPerByte }),
    });
  for (const [name, widths] of Object.entries(config.granularities)) add(name, widths);
  for (const { name, widths, bitsPerByte } of config.frontier) add(name, widths, bitsPerByte);
  return [...rows.values()].sort((a, b) => a.bytesPerToken - b.bytesPerToken);
}

/** The rows as a table for a terminal. */
export function table(rows: readonly SubmodelRow[]): string {
  const head = ['submodel', 'parameters', 'bytes a token', 'bits a byte', 'FFN widths'];
  const body = rows.map((row) => [
    row.name,
    row.parameters.toLocaleString('en'),
    row.bytesPerToken.toLocaleString('en'),
    row.bitsPerByte?.toFixed(3) ?? '-',
    row.ffnWidths.join(' '),
  ]);
  const widths = head.map((title, i) => Math.max(title.length, ...body.map((cells) => cells[i]?.length ?? 0)));
  const isText = (i: number) => i === 0 || i === head.length - 1;
  return [head, ...body]
    .map((cells) => cells.map((cell, i) => (isText(i) ? cell.padEnd(widths[i] ?? 0) : cell.padStart(widths[i] ?? 0))))
    .map((cells) => cells.join('  ').trimEnd())
    .join('\n');
}
