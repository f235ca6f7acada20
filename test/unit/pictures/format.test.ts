import assert from 'node:assert/strict';
import { formatOf } from '../../../src/pictures/format';
import { PictureFault } from '../../../src/pictures/picture';
import { GIF, JPEG, pngOf, svg } from './samples';

const EMPTY = new Uint8Array();

function faultOf(bytes: Uint8Array): string {
  try {
    formatOf(bytes);
  } catch (error) {
    assert.ok(error instanceof PictureFault, String(error));
    return error.message;
  }
  return 'none';
}

describe('the format of a picture', () => {
  it('is what its first bytes say, with the size of a raster', () => {
    assert.deepEqual(formatOf(pngOf(300, 200, EMPTY)), { mediaType: 'image/png', width: 300, height: 200 });
    assert.deepEqual(formatOf(JPEG), { mediaType: 'image/jpeg', width: 16, height: 8 });
    assert.deepEqual(formatOf(GIF), { mediaType: 'image/gif', width: 16, height: 8 });
    assert.deepEqual(formatOf(svg('')), { mediaType: 'image/svg+xml' });
  });

  it('is found in a part of a larger buffer', () => {
    const inside = Buffer.concat([Buffer.alloc(7), GIF]).subarray(7);
    assert.deepEqual(formatOf(inside), { mediaType: 'image/gif', width: 16, height: 8 });
  });

  for (const head of [
    '<?xml version="1.0"?>\n<!-- by hand -->\n',
    '\ufeff',
    '<!DOCTYPE svg PUBLIC "-//W3C//DTD SVG 1.1//EN" "x">',
  ])
    it(`is SVG after ${JSON.stringify(head.slice(0, 20))}`, () => {
      assert.equal(formatOf(Buffer.concat([Buffer.from(head), svg('')])).mediaType, 'image/svg+xml');
    });

  it('is SVG with a prefix for its names', () => {
    assert.equal(formatOf(Buffer.from('<s:svg xmlns:s="http://www.w3.org/2000/svg"/>')).mediaType, 'image/svg+xml');
  });

  it('is none of an empty file, a text, a web page or another kind of picture', () => {
    assert.equal(faultOf(EMPTY), 'the file is empty');
    for (const text of ['hello', '<!DOCTYPE html><p>svg</p>', 'RIFF\0\0\0\0WEBPVP8 ', '<svgx/>'])
      assert.equal(faultOf(Buffer.from(text)), 'it is no SVG, PNG, JPEG or GIF file', text);
  });

  it('is refused from its header if it has too many pixels, whatever follows', () => {
    const expected = 'it has 10000 × 10000 pixels, and pictures of at most 16 million are read';
    assert.equal(faultOf(pngOf(10_000, 10_000, EMPTY)), expected);
    const jpeg = Buffer.from(JPEG);
    const frame = jpeg.indexOf(Buffer.from([0xff, 0xc2])); // it is progressive
    jpeg.writeUInt16BE(10_000, frame + 5);
    jpeg.writeUInt16BE(10_000, frame + 7);
    assert.equal(faultOf(jpeg), expected);
    const gif = Buffer.from(GIF);
    gif.writeUInt16LE(10_000, 6);
    gif.writeUInt16LE(10_000, 8);
    assert.equal(faultOf(gif), expected);
    assert.match(faultOf(pngOf(0xffffffff, 0xffffffff, EMPTY)), /4294967295 × 4294967295/);
  });

  it('is refused if it has no pixels, or ends before its size', () => {
    assert.equal(faultOf(pngOf(0, 5, EMPTY)), 'its header gives it no pixels');
    assert.equal(faultOf(pngOf(5, 5, EMPTY).subarray(0, 20)), 'it is truncated before its size');
    assert.equal(faultOf(GIF.subarray(0, 8)), 'it is truncated before its size');
    for (const length of [2, 3, 20, 100])
      assert.equal(faultOf(JPEG.subarray(0, length)), 'it is truncated before its size');
  });

  it('is refused if a JPEG has no markers where they should be', () => {
    assert.match(faultOf(Buffer.concat([Buffer.from([0xff, 0xd8]), Buffer.alloc(50)])), /no marker/);
  });

  it('ends for a JPEG of empty segments', () => {
    const endless = Buffer.alloc(1e5, Buffer.from([0xff, 0xe0, 0, 2]));
    assert.equal(faultOf(Buffer.concat([Buffer.from([0xff, 0xd8]), endless])), 'it is truncated before its size');
  });

  it('is refused if the file is too large', () => {
    assert.equal(faultOf(svg(' '.repeat(50e6))), 'it has 50.0 MB, and at most 2 MB are read');
    assert.equal(faultOf(pngOf(10, 10, new Uint8Array(20e6))), 'it has 20.0 MB, and at most 16 MB are read');
  });
});
