import { MAX_PIXELS, MAX_RASTER_BYTES, MAX_SVG_BYTES, PictureFault } from './picture';

export interface RasterInfo {
  readonly mediaType: 'image/png' | 'image/jpeg' | 'image/gif';
  readonly width: number;
  readonly height: number;
}

export type Format = { readonly mediaType: 'image/svg+xml' } | RasterInfo;

/** The endings of files that are read, in lower case. */
export const PICTURE_ENDINGS: readonly string[] = ['.svg', '.png', '.jpg', '.jpeg', '.gif'];

/** An SVG begins with a declaration, comments and a document type, whose length no one bounds. */
const SVG_HEAD_BYTES = 4096;

/**
 * What a file holds, by its first bytes; its name does not matter. Nothing is decoded.
 * @throws {PictureFault} if it is none of the kinds that are read, or too large
 */
export function formatOf(bytes: Uint8Array): Format {
  if (bytes.length === 0) throw new PictureFault('the file is empty');
  const raster = rasterOf(bytes);
  if (!raster) {
    if (!isSvg(bytes)) throw new PictureFault('it is no SVG, PNG, JPEG or GIF file');
    if (bytes.length > MAX_SVG_BYTES) throw tooLarge(bytes.length, MAX_SVG_BYTES);
    return { mediaType: 'image/svg+xml' };
  }
  if (bytes.length > MAX_RASTER_BYTES) throw tooLarge(bytes.length, MAX_RASTER_BYTES);
  const { width, height } = raster;
  if (width === 0 || height === 0) throw new PictureFault('its header gives it no pixels');
  if (width * height > MAX_PIXELS) {
    const size = `${width} × ${height} pixels`;
    throw new PictureFault(`it has ${size}, and pictures of at most ${MAX_PIXELS / 1e6} million are read`);
  }
  return raster;
}

function tooLarge(length: number, limit: number): PictureFault {
  return new PictureFault(`it has ${(length / 1e6).toFixed(1)} MB, and at most ${limit / 1e6} MB are read`);
}

function rasterOf(bytes: Uint8Array): RasterInfo | undefined {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (startsWith(bytes, [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a])) {
    // The first chunk is IHDR: its length and name, then the two sides. (PNG, section 11.2.1)
    if (bytes.length < 24) throw truncated();
    return { mediaType: 'image/png', width: view.getUint32(16), height: view.getUint32(20) };
  }
  if (startsWith(bytes, [0xff, 0xd8])) return jpegOf(view);
  if (startsWith(bytes, [0x47, 0x49, 0x46, 0x38])) {
    if (bytes.length < 10) throw truncated();
    return { mediaType: 'image/gif', width: view.getUint16(6, true), height: view.getUint16(8, true) };
  }
  return undefined;
}

/** The sides are in the frame header, after segments of any number that tell their lengths. (ITU-T T.81, annex B) */
function jpegOf(view: DataView): RasterInfo {
  let at = 2;
  while (at + 9 <= view.byteLength) {
    if (view.getUint8(at) !== 0xff) throw new PictureFault('it is damaged: a JPEG segment has no marker');
    const marker = view.getUint8(at + 1);
    if (marker === 0xff) {
      at++; // a marker may be preceded by fill bytes
      continue;
    }
    const isFrame = marker >= 0xc0 && marker <= 0xcf && ![0xc4, 0xc8, 0xcc].includes(marker);
    if (isFrame) return { mediaType: 'image/jpeg', height: view.getUint16(at + 5), width: view.getUint16(at + 7) };
    const isAlone = marker === 0x01 || (marker >= 0xd0 && marker <= 0xd8);
    at += isAlone ? 2 : 2 + view.getUint16(at + 2);
  }
  throw truncated();
}

function truncated(): PictureFault {
  return new PictureFault('it is truncated before its size');
}

function startsWith(bytes: Uint8Array, start: readonly number[]): boolean {
  return start.every((byte, i) => bytes[i] === byte);
}

function isSvg(bytes: Uint8Array): boolean {
  const head = new TextDecoder().decode(bytes.subarray(0, SVG_HEAD_BYTES));
  return /<(?:[\w-]+:)?svg[\s>/]/.test(head) || /<!DOCTYPE\s+svg/i.test(head);
}
