import { openCheckpoint } from '../matlm/checkpoint';
import type { MeasuredSubmodel } from '../matlm/config';
import { bytesPerToken, parameters } from '../matlm/submodel';
import { layOut } from './table';

/** One row of `matcoder inspect`. */
export interface SubmodelRow {
  readonly name: string;
  /** Non-embedding parameters. */
  readonly parameters: number;
  /** Bytes of weights read to decode a token. */
  readonly bytesPerToken: number;
  readonly ffnWidths: readonly number[];
  /** On held-out code, if it was measured. */
  readonly bitsPerByte?: number;
  /** Share of held-out tokens for which its likeliest next token is that of the full model, 0 to 1. */
  readonly agreementWithXL?: number;
}

/** The submodels of a checkpoint, cheapest first. */
export async function inspect(model: string): Promise<SubmodelRow[]> {
  const { config } = await openCheckpoint(model);
  const rows = new Map<string, SubmodelRow>();
  const add = (name: string, widths: readonly number[], measured?: MeasuredSubmodel) =>
    rows.set(name, {
      name,
      parameters: parameters(config.model, widths),
      bytesPerToken: bytesPerToken(config.model, widths),
      ffnWidths: widths,
      ...(measured ? { bitsPerByte: measured.bitsPerByte, agreementWithXL: measured.agreementWithXL } : {}),
    });
  for (const [name, widths] of Object.entries(config.granularities)) add(name, widths);
  for (const measured of config.frontier) add(measured.name, measured.widths, measured);
  return [...rows.values()].sort((a, b) => a.bytesPerToken - b.bytesPerToken);
}

/** The rows as a table for a terminal. */
export function table(rows: readonly SubmodelRow[]): string {
  const head = ['submodel', 'parameters', 'bytes per token', 'bits per byte', 'agrees with XL', 'FFN widths'];
  const body = rows.map((row) => [
    row.name,
    row.parameters.toLocaleString('en'),
    row.bytesPerToken.toLocaleString('en'),
    row.bitsPerByte?.toFixed(3) ?? '-',
    row.agreementWithXL === undefined ? '-' : `${(100 * row.agreementWithXL).toFixed(1)}%`,
    row.ffnWidths.join(' '),
  ]);
  return layOut([head, ...body], [head.length - 1]);
}
