/** The side of a picture as the encoder sees it, in pixels. */
export const SIZE = 64;
/** Larger files are not read: drawings are text, and grow with all that they draw. */
export const MAX_SVG_BYTES = 2e6;
export const MAX_RASTER_BYTES = 16e6;
/** A decoder holds them all: four bytes each, and twice that in between. */
export const MAX_PIXELS = 16e6;
/** A picture that is narrower than this share of its length is a line once it fits the square. */
export const MIN_ASPECT = 1 / 32;

/** A picture as the encoder sees it. */
export interface Pixels {
  /** `[SIZE, SIZE, 3]`, RGB, rows from the top. */
  readonly rgb: Uint8Array;
}

/** A picture as a page shows it. */
export interface Thumbnail {
  /** A PNG file with a transparent background. */
  readonly png: Uint8Array;
  /**
   * Its visible pixels have one colour, black or white or grey, as icons have that take the colour of the text around them: a page
   * may draw its shape in any colour.
   */
  readonly isShape: boolean;
}

/** A picture that is not read. The message says why, without the name of the file. */
export class PictureFault extends Error {
  override readonly name = 'PictureFault';
}
