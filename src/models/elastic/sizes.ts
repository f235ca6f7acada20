/** The sizes and the frontier of a model by what was measured of its submodels. */
import type { ModelConfig } from '../../matlm/config';
import { bytesPerToken, parameters } from '../../matlm/submodel';
import type { FoundWidths, FrontierRow } from './types';

/** Bits that a size may need more than XL, as a share. */
export const LIMITS = { L: 0.02, M: 0.05, S: 0.12 } as const;

/** A size has to save so large a share of the bytes of the next larger one. */
const LEAST_SAVED = 0.05;

/** A submodel as it was measured on held-out text. */
export interface MeasuredWidths {
  /** Of each layer. */
  readonly widths: readonly number[];
  /** Bits over those of the full model, as a share of these. */
  readonly loss: number;
  /** Share of tokens for which its likeliest next token is that of the full model. */
  readonly agreement: number;
}

/** For each size the narrowest submodel that loses no more than its limit, if it is enough cheaper than the next larger size. */
export function sizesOf(model: ModelConfig, rows: readonly MeasuredWidths[]): FoundWidths['sizes'] {
  const sizes: { -readonly [Size in keyof FoundWidths['sizes']]: readonly number[] } = {};
  let larger = bytesPerToken(model, Array<number>(model.layers).fill(model.ffnSize));
  for (const size of ['L', 'M', 'S'] as const) {
    const [cheapest] = rows.filter(({ loss }) => loss <= LIMITS[size]).sort(byBytes(model));
    if (!cheapest) continue;
    const bytes = bytesPerToken(model, cheapest.widths);
    if (bytes > (1 - LEAST_SAVED) * larger) continue;
    sizes[size] = cheapest.widths;
    larger = bytes;
  }
  return sizes;
}

/**
 * The submodels that no cheaper one equals and that lose no more than the smallest size may, cheapest first. Those that are no
 * size are named by their share of the hidden units, in percent.
 * @param full bits per byte of the full model, which is one of the rows
 */
export function frontierOf(
  model: ModelConfig,
  sizes: FoundWidths['sizes'],
  rows: readonly MeasuredWidths[],
  full: number,
): FrontierRow[] {
  const nameOf = (widths: readonly number[]) => {
    const share = widths.reduce((sum, width) => sum + width, 0) / (model.layers * model.ffnSize);
    const size = share === 1 ? 'XL' : Object.entries(sizes).find(([, own]) => String(own) === String(widths))?.[0];
    return size ?? `mix ${Math.round(100 * share)}`;
  };
  let least = Infinity;
  const found = new Map<string, FrontierRow>();
  for (const { widths, loss, agreement } of rows.toSorted(byBytes(model))) {
    const name = nameOf(widths);
    // XL stays even if a submodel happens to be better on so little text.
    if (name !== 'XL' && (loss >= least || loss > LIMITS.S)) continue;
    least = loss;
    found.set(name, {
      name,
      ffnWidths: widths,
      parameters: parameters(model, widths),
      bytesPerToken: Math.round(bytesPerToken(model, widths)),
      bitsPerByte: rounded((1 + loss) * full),
      agreementWithXL: rounded(agreement),
    });
  }
  return [...found.values()];
}

/** The weights may be so much larger, as a share, without any size that saves it. */
const NO_GROWTH = 0.01;

/**
 * Whether the narrowest size saves more than the full one has grown by. A down of 4 bits has 8 once it is sorted, and the full
 * size, from which most answers come, gets slower by that.
 * @param before @param after bytes a token of the full size @param narrowest of the narrowest; infinite if there is none
 */
export function saves(before: number, after: number, narrowest: number): boolean {
  const grown = after - before;
  return grown <= NO_GROWTH * before || before - narrowest > grown;
}

function byBytes(model: ModelConfig): (a: MeasuredWidths, b: MeasuredWidths) => number {
  return (a, b) => bytesPerToken(model, a.widths) - bytesPerToken(model, b.widths);
}

function rounded(value: number): number {
  return Number(value.toFixed(4));
}
