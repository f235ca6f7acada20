import { SIZES } from '../matlm/config';
import { isObject, isPositive } from '../matlm/json';

/** A size of a model in the library, as its config.json states it. */
export interface ModelSize {
  /** `S`, `M`, `L` or `XL`. */
  readonly name: string;
  /** Share of the hidden units of the feed-forward blocks that it uses, 0 to 1. */
  readonly ffnShare: number;
  /** Bytes of weights read to decode a token; undefined if not stated, as the next is. */
  readonly bytesPerToken: number | undefined;
  /** On text that neither its calibration nor its search has seen. */
  readonly bitsPerByte: number | undefined;
}

/** Share by which a size needs more bits per byte than the whole model, at least 0; undefined if one was not measured. */
export function moreBitsOf({ bitsPerByte }: ModelSize, sizes: readonly ModelSize[]): number | undefined {
  const whole = sizes.find(({ name }) => name === 'XL')?.bitsPerByte;
  return bitsPerByte === undefined || whole === undefined ? undefined : Math.max(0, bitsPerByte / whole - 1);
}

/**
 * The usual sizes that a model has, smallest first; empty if it has one.
 * @param config a config.json, or anything else: a list of models shows those too that do not open
 */
export function modelSizesOf(config: unknown): ModelSize[] {
  const matformer = isObject(config) && isObject(config.matformer) ? config.matformer : {};
  const granularities = isObject(matformer.granularities) ? matformer.granularities : {};
  const rows = Array.isArray(matformer.frontier) ? matformer.frontier.filter(isObject) : [];
  const full = unitsOf(granularities.XL);
  const sizes = SIZES.flatMap((name): ModelSize[] => {
    const units = unitsOf(granularities[name]);
    if (units === undefined || full === undefined) return [];
    const { bytesPerToken, bitsPerByte } = rows.find((row) => row.name === name) ?? {};
    return [{ name, ffnShare: units / full, bytesPerToken: positive(bytesPerToken), bitsPerByte: positive(bitsPerByte) }];
  });
  return sizes.length > 1 ? sizes : [];
}

/** Of all layers; undefined if one has none, as that of a drafter may, or if they are no widths. */
function unitsOf(widths: unknown): number | undefined {
  if (!Array.isArray(widths) || !widths.every(isPositive) || widths.length === 0) return undefined;
  return widths.reduce((total, width) => total + width, 0);
}

function positive(value: unknown): number | undefined {
  return isPositive(value) ? value : undefined;
}
