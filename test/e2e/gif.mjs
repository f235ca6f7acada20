import gifenc from 'gifenc';
import { PNG } from 'pngjs';

const { GIFEncoder, nearestColorIndex, quantize } = gifenc;

/** One entry of the palette is for pixels that are as in the picture before, which makes the file ten times smaller. */
const COLOURS = 255;

/**
 * An animated GIF that repeats.
 *
 * @param {{png: Buffer, forMs: number}[]} frames of the same size
 * @returns {Uint8Array}
 */
export function encodeGif(frames) {
  const images = frames.map(({ png }) => PNG.sync.read(png));
  const { width, height } = images[0];
  const palette = paletteOf(images);
  const unchanged = palette.length;
  const gif = GIFEncoder();
  const indices = new Map();
  let before;
  for (const [i, { data }] of images.entries()) {
    const pixels = indexed(data, palette, indices);
    const drawn = before ? pixels.map((colour, at) => (colour === before[at] ? unchanged : colour)) : pixels;
    gif.writeFrame(drawn, width, height, {
      palette: i === 0 ? [...palette, [0, 0, 0]] : undefined,
      delay: frames[i].forMs,
      transparent: i > 0,
      transparentIndex: unchanged,
      dispose: 1,
    });
    before = pixels;
  }
  gif.finish();
  return gif.bytes();
}

/**
 * The place of each pixel's colour in the palette. The library's own function takes colours that are nearly equal as equal.
 *
 * @param {Map<number, number>} known places of the colours that were met
 */
function indexed(data, palette, known) {
  const places = new Uint8Array(data.length / 4);
  for (let i = 0; i < places.length; i++) {
    const colour = data.readUIntBE(4 * i, 3);
    let place = known.get(colour);
    if (place === undefined) known.set(colour, (place = nearestColorIndex(palette, rgb(colour))));
    places[i] = place;
  }
  return places;
}

function rgb(colour) {
  return [colour >> 16, (colour >> 8) & 255, colour & 255];
}

/** Colours that are kept exactly, because a whole window in a colour that is a little off is seen at once. */
const EXACT = 64;

/** The colours of the first, the middle and the last picture together: the most frequent ones, and means of the others. */
function paletteOf(images) {
  const some = [images[0], images[images.length >> 1], images.at(-1)].map(({ data }) => data);
  const pixels = Buffer.concat(some);
  const counts = new Map();
  for (let at = 0; at < pixels.length; at += 4) {
    const colour = pixels.readUIntBE(at, 3);
    counts.set(colour, (counts.get(colour) ?? 0) + 1);
  }
  const frequent = [...counts].sort(([, a], [, b]) => b - a).slice(0, EXACT);
  const exact = frequent.map(([colour]) => rgb(colour));
  return [...exact, ...quantize(pixels, COLOURS - exact.length)];
}
