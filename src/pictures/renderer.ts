import { Resvg, type ResvgRenderOptions } from '@resvg/resvg-wasm';
import { type Format, formatOf } from './format';
import { MIN_ASPECT, type Pixels, PictureFault, SIZE, type Thumbnail } from './picture';
import { type Image, isBlank, isShape, onSquare, shrunk } from './pixels';

/** The longer side that a photograph is drawn with before it is averaged: reading it by points alone would show patterns. */
const OVERSAMPLED = 512;
const MAX_THUMBNAIL = 512;

interface Drawn {
  readonly image: Image;
  readonly png: () => Uint8Array;
}

/** @throws {PictureFault} */
export function pixelsOf(bytes: Uint8Array): Pixels {
  const format = formatOf(bytes);
  const longer = format.mediaType === 'image/svg+xml' ? SIZE : OVERSAMPLED;
  return draw(bytes, format, longer, ({ image }) => {
    const scale = SIZE / Math.max(image.width, image.height);
    const side = (length: number) => Math.max(1, Math.round(length * scale));
    return { rgb: onSquare(shrunk(image, side(image.width), side(image.height))) };
  });
}

/** @param side the longer one, in pixels @throws {PictureFault} */
export function thumbnailOf(bytes: Uint8Array, side: number): Thumbnail {
  const longer = Math.min(side, MAX_THUMBNAIL);
  return draw(bytes, formatOf(bytes), longer, ({ image, png }) => ({ png: png(), isShape: isShape(image) }));
}

/**
 * resvg draws everything, because it decodes the pictures within drawings anyway. It has no fonts here, and loads nothing: what a
 * drawing refers to outside of itself is missing.
 */
function draw<T>(bytes: Uint8Array, format: Format, longer: number, use: (drawn: Drawn) => T): T {
  const svg = 'width' in format ? wrapped(bytes, format) : bytes;
  const wide = parsed(svg, { mode: 'width', value: longer });
  const { width, height } = wide;
  if (Math.min(width / height, height / width) < MIN_ASPECT) {
    wide.free();
    throw new PictureFault(`it is too long and narrow: ${Math.round(width)} × ${Math.round(height)}`);
  }
  let drawing = wide;
  if (height > width) {
    wide.free();
    drawing = parsed(svg, { mode: 'height', value: longer });
  }
  try {
    const rendered = drawing.render();
    try {
      const image = { width: rendered.width, height: rendered.height, rgba: rendered.pixels };
      if (isBlank(image)) throw new PictureFault('nothing of it can be seen, or it cannot be decoded');
      return use({ image, png: () => rendered.asPng() });
    } finally {
      rendered.free();
    }
  } finally {
    drawing.free();
  }
}

function parsed(svg: Uint8Array | string, fitTo: NonNullable<ResvgRenderOptions['fitTo']>) {
  try {
    return new Resvg(svg, { fitTo, font: { loadSystemFonts: false } });
  } catch (error) {
    // Its faults are errors; anything else is a broken instance, which is not to be used any more.
    if (!(error instanceof Error) || error.constructor !== Error) throw error;
    throw new PictureFault(`it is damaged: ${error.message}`);
  }
}

function wrapped(bytes: Uint8Array, { mediaType, width, height }: Extract<Format, { width: number }>): string {
  const data = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('base64');
  const size = `width="${width}" height="${height}"`;
  return `<svg xmlns="http://www.w3.org/2000/svg" ${size}><image ${size} href="data:${mediaType};base64,${data}"/></svg>`;
}
