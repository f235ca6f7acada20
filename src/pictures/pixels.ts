import { SIZE } from './picture';

/** RGBA pixels, not premultiplied, rows from the top. */
export interface Image {
  readonly width: number;
  readonly height: number;
  readonly rgba: Uint8Array;
}

/** A pixel of less opacity is not seen. */
const MIN_ALPHA = 8;
/** A picture whose pixels are lighter on the average is drawn on black, because it would vanish on white. */
const NEAR_WHITE = 230;
/** Colours that differ less are the same to the eye; edges are blended with nothing, so their colour does not change. */
const SAME_COLOUR = 12;

/** The picture in the middle of a square on white, or on black if it is nearly white itself: `[SIZE, SIZE, 3]`. */
export function onSquare(image: Image): Uint8Array {
  const { width, height, rgba } = image;
  const rgb = new Uint8Array(SIZE * SIZE * 3).fill(isNearWhite(image) ? 0 : 255);
  const background = rgb[0] ?? 255;
  const [left, top] = [(SIZE - width) >> 1, (SIZE - height) >> 1];
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const from = (y * width + x) * 4;
      const to = ((y + top) * SIZE + x + left) * 3;
      const alpha = (rgba[from + 3] ?? 0) / 255;
      for (let channel = 0; channel < 3; channel++)
        rgb[to + channel] = Math.round(alpha * (rgba[from + channel] ?? 0) + (1 - alpha) * background);
    }
  }
  return rgb;
}

/** Whether nothing can be seen of it, on any background. */
export function isBlank({ rgba }: Image): boolean {
  for (let i = 3; i < rgba.length; i += 4) if ((rgba[i] ?? 0) >= MIN_ALPHA) return false;
  return true;
}

function isNearWhite({ rgba }: Image): boolean {
  let [light, weight] = [0, 0];
  for (let i = 0; i < rgba.length; i += 4) {
    const [red = 0, green = 0, blue = 0, alpha = 0] = rgba.subarray(i, i + 4);
    light += alpha * (0.299 * red + 0.587 * green + 0.114 * blue);
    weight += alpha;
  }
  return weight > 0 && light / weight > NEAR_WHITE;
}

/** Whether its pixels are transparent or of one grey, so that its shape is all that there is to see. */
export function isShape({ rgba }: Image): boolean {
  let first: readonly [number, number, number] | undefined;
  let hasHoles = false;
  for (let i = 0; i < rgba.length; i += 4) {
    const [red = 0, green = 0, blue = 0, alpha = 0] = rgba.subarray(i, i + 4);
    if (alpha < 128)
      hasHoles = true; // the colour of a faint pixel is inexact
    else if (!first) {
      if (Math.max(red, green, blue) - Math.min(red, green, blue) > SAME_COLOUR) return false;
      first = [red, green, blue];
    } else if ([red, green, blue].some((value, channel) => Math.abs(value - (first?.[channel] ?? 0)) > SAME_COLOUR))
      return false;
  }
  return hasHoles;
}

/**
 * A smaller image in which each pixel is the average of those that it covers. Colours count as much as they are seen.
 * @param width not more than the image's, as for `height`
 */
export function shrunk(image: Image, width: number, height: number): Image {
  if (width === image.width && height === image.height) return image;
  const rgba = new Uint8Array(width * height * 4);
  const [columns, rows] = [spans(image.width, width), spans(image.height, height)];
  for (const [y, fromRows] of rows.entries()) {
    for (const [x, fromColumns] of columns.entries()) {
      const sum = [0, 0, 0, 0];
      let weight = 0;
      for (const row of fromRows) {
        for (const column of fromColumns) {
          const share = row.share * column.share;
          const at = (row.index * image.width + column.index) * 4;
          const alpha = share * (image.rgba[at + 3] ?? 0);
          for (let channel = 0; channel < 3; channel++)
            sum[channel] = (sum[channel] ?? 0) + alpha * (image.rgba[at + channel] ?? 0);
          sum[3] = (sum[3] ?? 0) + alpha;
          weight += share;
        }
      }
      const [red = 0, green = 0, blue = 0, alpha = 0] = sum;
      const colour = alpha > 0 ? [red, green, blue].map((value) => Math.round(value / alpha)) : [0, 0, 0];
      rgba.set([...colour, Math.round(alpha / weight)], (y * width + x) * 4);
    }
  }
  return { width, height, rgba };
}

/** By pixel of the smaller side, the pixels of the larger one that it covers, and how much of each. */
function spans(from: number, to: number): { readonly index: number; readonly share: number }[][] {
  return Array.from({ length: to }, (_, i) => {
    const [start, end] = [(i * from) / to, ((i + 1) * from) / to];
    const covered = [];
    for (let index = Math.floor(start); index < Math.min(from, Math.ceil(end)); index++)
      covered.push({ index, share: Math.min(end, index + 1) - Math.max(start, index) });
    return covered;
  });
}
