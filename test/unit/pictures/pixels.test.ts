import assert from 'node:assert/strict';
import { SIZE } from '../../../src/pictures/picture';
import { type Image, isBlank, isShape, onSquare, shrunk } from '../../../src/pictures/pixels';

type Colour = readonly [number, number, number, number];

function image(width: number, height: number, colourOf: (x: number, y: number) => Colour): Image {
  const colours = Array.from({ length: width * height }, (_, i) => colourOf(i % width, Math.floor(i / width)));
  return { width, height, rgba: Uint8Array.from(colours.flat()) };
}

function at(rgb: Uint8Array, x: number, y: number): number[] {
  return [...rgb.subarray((y * SIZE + x) * 3, (y * SIZE + x) * 3 + 3)];
}

describe('the pixels of a picture', () => {
  it('are in the middle of a white square', () => {
    const rgb = onSquare(image(SIZE, 32, () => [200, 30, 30, 255]));
    assert.equal(rgb.length, SIZE * SIZE * 3);
    assert.deepEqual(at(rgb, 32, 15), [255, 255, 255]);
    assert.deepEqual(at(rgb, 32, 16), [200, 30, 30]);
    assert.deepEqual(at(rgb, 0, 47), [200, 30, 30]);
    assert.deepEqual(at(rgb, 32, 48), [255, 255, 255]);
  });

  it('show the background as far as they are transparent', () => {
    const rgb = onSquare(image(SIZE, SIZE, (x) => [0, 0, 0, x < 32 ? 0 : 51]));
    assert.deepEqual(at(rgb, 0, 0), [255, 255, 255]);
    assert.deepEqual(at(rgb, 40, 0), [204, 204, 204]);
  });

  it('are on black if what is seen is nearly white', () => {
    const rgb = onSquare(image(SIZE, SIZE, (x) => (x < 32 ? [0, 0, 0, 0] : [250, 250, 250, 255])));
    assert.deepEqual(at(rgb, 0, 0), [0, 0, 0]);
    assert.deepEqual(at(rgb, 40, 0), [250, 250, 250]);
  });

  it('are blank if none is seen', () => {
    assert.equal(isBlank(image(4, 4, () => [255, 0, 0, 2])), true);
    assert.equal(isBlank(image(4, 4, (x, y) => [255, 0, 0, x + y === 6 ? 255 : 0])), false);
  });

  it('are a shape if they have one grey on transparency', () => {
    const circle = (colour: Colour) => image(8, 8, (x, y) => ((x - 4) ** 2 + (y - 4) ** 2 < 9 ? colour : [0, 0, 0, 0]));
    assert.equal(isShape(circle([0, 0, 0, 255])), true);
    assert.equal(isShape(circle([250, 250, 250, 255])), true);
    assert.equal(isShape(circle([200, 30, 30, 255])), false);
    assert.equal(isShape(image(8, 8, () => [0, 0, 0, 255])), false);
    assert.equal(
      isShape(image(8, 8, (x) => [x < 4 ? 0 : 200, x < 4 ? 0 : 200, x < 4 ? 0 : 200, x === 0 ? 0 : 255])),
      false,
    );
  });

  it('are averages of those that they replace, and a transparent one has no colour', () => {
    const stripes = image(8, 4, (x) => (x % 2 ? [255, 0, 0, 255] : [0, 255, 0, 0]));
    const small = shrunk(stripes, 4, 2);
    assert.deepEqual([...small.rgba], Array.from({ length: 8 }, () => [255, 0, 0, 128]).flat());
  });

  it('are averages also if the sides are no multiples', () => {
    const small = shrunk(
      image(3, 1, (x) => [x * 90, 0, 0, 255]),
      2,
      1,
    );
    assert.deepEqual([...small.rgba], [30, 0, 0, 255, 150, 0, 0, 255]);
  });

  it('stay as they are if the size does', () => {
    const same = image(5, 5, () => [1, 2, 3, 255]);
    assert.equal(shrunk(same, 5, 5), same);
  });
});
