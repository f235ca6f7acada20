import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { buildSync } from 'esbuild';
import { PictureFault, SIZE } from '../../../src/pictures/picture';
import { PictureReader, type PictureReaderOptions } from '../../../src/pictures/reader';
import { temporaryFolder } from '../../temporary';
import { ROOT } from '../model';
import { GIF, JPEG, png, pngOf, svg } from './samples';

const RED_SQUARE = svg('<rect width="24" height="24" fill="#f00"/>');

describe('the reader of pictures', function () {
  this.timeout(300_000);
  let workerFile: string;
  const readers: PictureReader[] = [];
  let reader: PictureReader;

  const opened = (options: Partial<PictureReaderOptions> = {}) => {
    const wasmFile = join(ROOT, 'node_modules', '@resvg', 'resvg-wasm', 'index_bg.wasm');
    const one = new PictureReader({ workerFile, wasmFile, maxMs: 30_000, ...options });
    readers.push(one);
    return one;
  };

  before(() => {
    workerFile = join(temporaryFolder(), 'pictures.cjs');
    const [entry] = [join(ROOT, 'src', 'pictures', 'worker.ts')];
    buildSync({
      entryPoints: [entry],
      outfile: workerFile,
      bundle: true,
      platform: 'node',
      format: 'cjs',
      target: 'node20',
    });
    reader = opened();
  });
  after(() => {
    for (const one of readers) one.dispose();
  });

  const pixelAt = async (bytes: Uint8Array, x: number, y: number) => {
    const { rgb } = await reader.pixels(bytes);
    assert.equal(rgb.length, SIZE * SIZE * 3);
    return [...rgb.subarray((y * SIZE + x) * 3, (y * SIZE + x) * 3 + 3)];
  };
  const faultOf = async (bytes: Uint8Array, by = reader): Promise<string> => {
    try {
      await by.pixels(bytes);
    } catch (error) {
      assert.ok(error instanceof PictureFault, String(error));
      return error.message;
    }
    return 'none';
  };

  describe('draws', () => {
    it('an SVG, black where it takes the colour of the text', async () => {
      assert.deepEqual(await pixelAt(svg('<path fill="currentColor" d="M6 6h12v12H6z"/>'), 32, 32), [0, 0, 0]);
    });

    it('PNG, JPEG and GIF in their shapes', async () => {
      const opaque = png(40, 20, () => [10, 120, 250, 255]);
      assert.deepEqual(await pixelAt(opaque, 32, 32), [10, 120, 250]);
      assert.deepEqual(await pixelAt(opaque, 32, 10), [255, 255, 255]);
      for (const bytes of [JPEG, GIF]) {
        const [red = 0, green = 0, blue = 0] = await pixelAt(bytes, 32, 32);
        assert.ok(Math.abs(red - 200) < 6 && Math.abs(green - 30) < 6 && Math.abs(blue - 30) < 6);
        assert.deepEqual(await pixelAt(bytes, 32, 10), [255, 255, 255]);
      }
    });

    it('a tall picture as high as the square', async () => {
      const tall = svg('<rect width="10" height="40" fill="#00f"/>', 'width="10" height="40"');
      assert.deepEqual(await pixelAt(tall, 32, 1), [0, 0, 255]);
      assert.deepEqual(await pixelAt(tall, 20, 1), [255, 255, 255]);
    });

    it('fine stripes as their average, because points alone would show a pattern', async () => {
      const stripes = png(1024, 64, (x) => (x % 2 ? [0, 0, 0, 255] : [255, 255, 255, 255]));
      for (const x of [10, 31, 50]) {
        const [grey = 0] = await pixelAt(stripes, x, 32);
        assert.ok(Math.abs(grey - 128) < 20, String(grey));
      }
    });

    it('a thumbnail as a PNG, and says whether it is a shape alone', async () => {
      const icon = await reader.thumbnail(svg('<path d="M6 6h12v12H6z"/>'), 96);
      assert.equal(icon.isShape, true);
      const view = Buffer.from(icon.png);
      assert.deepEqual([view.readUInt32BE(16), view.readUInt32BE(20)], [96, 96]);
      assert.equal((await reader.thumbnail(RED_SQUARE, 96)).isShape, false);
    });
  });

  describe('refuses', () => {
    it('a damaged PNG', async () => {
      const whole = png(20, 20, () => [1, 2, 3, 255]);
      whole.fill(0x55, 45, 60);
      assert.equal(await faultOf(whole), 'nothing of it can be seen, or it cannot be decoded');
    });

    it('a JPEG without its picture', async () => {
      assert.equal(await faultOf(JPEG.subarray(0, 180)), 'nothing of it can be seen, or it cannot be decoded');
    });

    it('what shows nothing', async () => {
      assert.equal(await faultOf(svg('')), 'nothing of it can be seen, or it cannot be decoded');
    });

    it('a drawing that is not well-formed', async () => {
      assert.match(await faultOf(svg('<g>')), /^it is damaged: /);
    });

    it('a line', async () => {
      assert.equal(
        await faultOf(svg('<rect width="9" height="9"/>', 'width="1" height="10000000"')),
        'it is too long and narrow: 1 × 10000000',
      );
    });

    it('entities that multiply', async () => {
      const levels = Array.from({ length: 12 }, (_, i) => `<!ENTITY e${i + 1} "${`&e${i};`.repeat(10)}">`);
      const bomb = `<!DOCTYPE svg [<!ENTITY e0 "lol">${levels.join('')}]>`;
      assert.match(await faultOf(Buffer.concat([Buffer.from(bomb), svg('<text>&e12;</text>')])), /entity/);
    });

    it('a hundred thousand nested groups', async () => {
      assert.match(await faultOf(svg('<g>'.repeat(1e5) + '</g>'.repeat(1e5))), /^it (is damaged|cannot be drawn)/);
    });
  });

  it('draws what uses itself without the part that does', async () => {
    const circle =
      '<g id="a"><rect width="24" height="24" fill="#0f0"/><use href="#b"/></g><g id="b"><use href="#a"/></g>';
    assert.notEqual(await faultOf(svg(circle)), ''); // either way, it ends
    assert.deepEqual(await pixelAt(RED_SQUARE, 32, 32), [255, 0, 0]);
  });

  it('draws a huge view box at the size of the square', async () => {
    const huge = svg('<rect width="1e9" height="1e9" fill="#f00"/>', 'viewBox="0 0 1e9 1e9" width="1e7" height="1e7"');
    assert.deepEqual(await pixelAt(huge, 32, 32), [255, 0, 0]);
  });

  it('runs no scripts', async () => {
    const script = `<script>document.documentElement.innerHTML = ''; process.exit(1)</script>`;
    const drawn = svg(`${script}<rect width="24" height="24" fill="#f00" onload="process.exit(1)"/>`);
    assert.deepEqual(await pixelAt(drawn, 32, 32), [255, 0, 0]);
  });

  it('fetches nothing, neither from the network nor from the disk', async () => {
    const requests: string[] = [];
    const server = createServer((request, response) => {
      requests.push(request.url ?? '');
      response.end(png(8, 8, () => [0, 0, 255, 255]));
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    try {
      const { port } = server.address() as AddressInfo;
      const address = `http://127.0.0.1:${port}`;
      const file = join(temporaryFolder(), 'secret.png');
      writeFileSync(
        file,
        png(8, 8, () => [0, 0, 255, 255]),
      );
      const image = (href: string) => `<image href="${href}" xlink:href="${href}" width="24" height="24"/>`;
      const drawing = [
        `<?xml-stylesheet href="${address}/style.css"?>`,
        `<!DOCTYPE svg SYSTEM "${address}/type.dtd" [<!ENTITY x SYSTEM "${address}/entity">]>`,
        '<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" viewBox="0 0 24 24">',
        `<style>@import url("${address}/import.css"); @font-face { font-family: f; src: url(${address}/font) }</style>`,
        '<rect width="24" height="24" fill="#f00"/>',
        ...[`${address}/image.png`, file, pathToFileURL(file).href, 'secret.png'].map(image),
        `<use href="${address}/other.svg#a"/><rect width="24" height="24" fill="none" filter="url(${address}/f.svg#a)"/>`,
        '<text font-family="f">text</text></svg>',
      ];
      assert.deepEqual(await pixelAt(Buffer.from(drawing.join('\n')), 32, 32), [255, 0, 0]);
      assert.deepEqual(requests, []);
    } finally {
      server.close();
    }
  });

  describe('survives', () => {
    it('a drawing that takes forever: it alone is refused', async () => {
      const quick = opened({ maxMs: 3000 });
      await quick.pixels(RED_SQUARE); // the thread has started
      const levels = Array.from({ length: 4 }, (_, i) => `<g id="u${i + 1}">${`<use href="#u${i}"/>`.repeat(20)}</g>`);
      const slow = svg(`<g id="u0"><rect width="24" height="24" opacity="0.5"/></g>${levels.join('')}`);
      const [refused, next] = await Promise.all([faultOf(slow, quick), quick.pixels(RED_SQUARE)]);
      assert.equal(refused, 'it cannot be drawn: it took longer than 3 s');
      assert.deepEqual([...next.rgb.subarray(0, 3)], [255, 0, 0]);
    });

    it('a picture that wants more memory than there is', async () => {
      const small = opened({ maxBytes: 32 * 2 ** 20 });
      const data = pngOf(8000, 8000, new Uint8Array(64)).toString('base64');
      const fault = await faultOf(svg(`<image href="data:image/png;base64,${data}" width="24" height="24"/>`), small);
      assert.notEqual(fault, 'none');
      const { rgb } = await small.pixels(RED_SQUARE);
      assert.deepEqual([...rgb.subarray(0, 3)], [255, 0, 0]);
    });

    it('a machine that gives its thread no time: the picture is waited for', async () => {
      const sleeping = join(temporaryFolder(), 'sleeping.cjs');
      writeFileSync(
        sleeping,
        `const { parentPort } = require('node:worker_threads');
        parentPort.on('message', () => {
          Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1500);
          parentPort.postMessage({ result: { rgb: new Uint8Array(3) } });
        });`,
      );
      const slow = opened({ workerFile: sleeping, maxMs: 1000 });
      assert.equal((await slow.pixels(RED_SQUARE)).rgb.length, 3);
    });

    it('a thread that cannot start: every picture is refused with the reason', async () => {
      const broken = opened({ wasmFile: join(ROOT, 'missing.wasm') });
      assert.match(await faultOf(RED_SQUARE, broken), /^it cannot be drawn: .*missing\.wasm/);
    });
  });

  it('leaves out a picture that nobody waits for', async () => {
    const abort = new AbortController();
    const first = reader.pixels(RED_SQUARE);
    const second = reader.pixels(RED_SQUARE, abort.signal);
    abort.abort(new Error('not any more'));
    await assert.rejects(second, /not any more/);
    await first;
    await assert.rejects(reader.pixels(RED_SQUARE, AbortSignal.abort(new Error('never'))), /never/);
  });

  it('refuses pictures once it is disposed', async () => {
    const one = opened();
    const waiting = one.pixels(RED_SQUARE);
    one.dispose();
    await assert.rejects(waiting, PictureFault);
    await assert.rejects(one.pixels(RED_SQUARE), PictureFault);
  });
});
