import assert from 'node:assert/strict';
import { mkdirSync, utimesSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { PictureFault } from '../../../src/pictures/picture';
import { PictureFiles, PictureSource } from '../../../src/search/pictures';
import { diskFolder } from '../../../src/workspace/disk';
import { FilePolicy } from '../../../src/workspace/filePolicy';
import { temporaryFolder } from '../../temporary';

const SVG = '<svg xmlns="http://www.w3.org/2000/svg"><path/></svg>';
const SET = 'node_modules/@iconify-json/mdi/icons.json';
const ICONS = JSON.stringify({ prefix: 'mdi', icons: { home: { body: '<path/>' }, bin: { body: '<g/>' } } });

function setUp(files: Readonly<Record<string, string>>) {
  const root = temporaryFolder();
  const write = (path: string, text: string) => {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), text);
  };
  Object.entries(files).forEach(([path, text]) => {
    write(path, text);
  });
  const policy = new FilePolicy(() => undefined);
  const reader = {
    pixels: (bytes: Uint8Array) =>
      Buffer.from(bytes).includes('hostile')
        ? Promise.reject(new PictureFault('it is hostile'))
        : Promise.resolve({ rgb: bytes }),
  };
  const source = new PictureSource(policy, reader);
  const folder = diskFolder(root);
  const rowsOf = async (path: string) => {
    const read = await source.pieces({ folder, path });
    return 'pieces' in read ? read.pieces.map(({ row }) => row) : read.reason;
  };
  return { root, source, folder, rowsOf, write };
}

describe('the pictures of a workspace', () => {
  it('are its SVG, PNG, JPEG and GIF files, and icons of packages', () => {
    const { source } = setUp({});
    const wanted = ['a.svg', 'b/C.PNG', 'd.jpeg', SET, 'node_modules/lucide-static/icons/x.svg'];
    const others = ['a.ts', 'b.webp', 'package.json', 'node_modules/react/logo.svg', 'node_modules/react/x.json'];
    assert.deepEqual(
      [...wanted, ...others].filter((path) => source.wants(path)),
      wanted,
    );
  });

  it('are named by their files, and icons by their sets', async () => {
    const { rowsOf } = setUp({ 'img/bin.svg': SVG, [SET]: ICONS });
    assert.deepEqual(await rowsOf('img/bin.svg'), [{ name: 'bin' }]);
    assert.deepEqual(await rowsOf(SET), [
      { name: 'home', set: 'mdi' },
      { name: 'bin', set: 'mdi' },
    ]);
  });

  it('are left out if the rules say so; of packages only the own rules count', async () => {
    const { rowsOf } = setUp({
      '.gitignore': 'node_modules\nbuild\n',
      'build/a.svg': SVG,
      [SET]: ICONS,
      'node_modules/heroicons/24/a.svg': SVG,
      '.matcoderignore': 'node_modules/heroicons\n',
    });
    assert.equal(await rowsOf('build/a.svg'), 'ignored');
    assert.equal(await rowsOf('node_modules/heroicons/24/a.svg'), 'ignored');
    assert.equal((await rowsOf(SET)).length, 2);
  });

  it('are none of files that have gone, or hold something else', async () => {
    const { rowsOf } = setUp({ 'page.svg': '<html>', [SET]: '{}' });
    assert.equal(await rowsOf('gone.svg'), 'missing');
    assert.equal(await rowsOf('page.svg'), 'unfit');
    assert.equal(await rowsOf(SET), 'unfit');
  });

  it('have a content when it is asked for, and none if it cannot be drawn', async () => {
    const { source, folder } = setUp({ 'a.svg': SVG, 'b.svg': `${SVG}<!-- hostile -->` });
    const contents = async (path: string) => {
      const read = await source.pieces({ folder, path });
      return 'pieces' in read ? Promise.all(read.pieces.map(({ content }) => content())) : [];
    };
    assert.deepEqual(await contents('a.svg'), [Buffer.from(SVG)]);
    assert.deepEqual(await contents('b.svg'), [undefined]);
  });

  it('have one hash as long as the drawing and its name are the same', async () => {
    const { source, folder, write } = setUp({ 'a.svg': SVG, 'x/a.svg': SVG });
    const hashesOf = async (path: string) => {
      const read = await source.pieces({ folder, path });
      return 'pieces' in read ? read.pieces.map(({ hash }) => hash) : [];
    };
    const [before] = await hashesOf('a.svg');
    assert.deepEqual(await hashesOf('x/a.svg'), [before]);
    write('a.svg', SVG.replace('path', 'g'));
    assert.notDeepEqual(await hashesOf('a.svg'), [before]);
  });

  it('have rows that are checked when they come from the disk', () => {
    const { source } = setUp({});
    assert.deepEqual(
      [{ name: 'a' }, { name: 'a', set: 'mdi' }, { name: 5 }, { name: 'a', set: 5 }, null, []].map((row) =>
        source.isRow(row),
      ),
      [true, true, false, false, false, false],
    );
  });
});

describe('the files of pictures', () => {
  it('are read to be shown, from a set too', async () => {
    const { root } = setUp({ 'a.svg': SVG, [SET]: ICONS });
    const files = new PictureFiles();
    assert.deepEqual(await files.read(join(root, 'a.svg'), { name: 'a' }), {
      mediaType: 'image/svg+xml',
      bytes: Buffer.from(SVG),
    });
    const icon = await files.read(join(root, SET), { name: 'bin', set: 'mdi' });
    assert.match(Buffer.from(icon?.bytes ?? []).toString(), /viewBox="0 0 16 16"><g\/>/);
    assert.equal(await files.read(join(root, SET), { name: 'gone', set: 'mdi' }), undefined);
    assert.equal(await files.read(join(root, 'gone.svg'), { name: 'gone' }), undefined);
    assert.equal(await files.read(join(root, SET), { name: 'icons' }), undefined); // it is no picture itself
  });

  it('are read again if a set has changed', async () => {
    const { root, write } = setUp({ [SET]: ICONS });
    const files = new PictureFiles();
    await files.read(join(root, SET), { name: 'bin', set: 'mdi' });
    write(SET, ICONS.replace('bin', 'can'));
    utimesSync(join(root, SET), 1, 1);
    assert.notEqual(await files.read(join(root, SET), { name: 'can', set: 'mdi' }), undefined);
  });
});
