import assert from 'node:assert/strict';
import { mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { hitsText, indexCommand, indexText, searchCommand } from '../../src/cli/search';
import { loadAddon } from '../../src/engine/loadAddon';
import { SYSTEM_CLOCK } from '../../src/machine/clock';
import { openSearch } from '../../src/search/openSearch';
import { SearchClient } from '../../src/search/searchClient';
import type { SearchProgress } from '../../src/search/search';
import { Table } from '../../src/search/table';
import { temporaryFolder } from '../temporary';
import { TINY_TEXT_ENCODER, writeTinyEncoder } from '../tinyEncoder';
import { ROOT } from '../unit/model';

/** The folder of an extension whose encoder of code is tiny and untrained. */
function installation(): string {
  const root = temporaryFolder();
  for (const name of ['build', 'dist', 'package.json']) symlinkSync(join(ROOT, name), join(root, name));
  mkdirSync(join(root, 'models', 'encoders'), { recursive: true });
  symlinkSync(writeTinyEncoder(TINY_TEXT_ENCODER), join(root, 'models', 'encoders', 'code'));
  return root;
}

function functions(count: number): string {
  return Array.from(
    { length: count },
    (_, i) => `function number${i}() {\n  const a = ${i};\n  const b = ${i + 1};\n  return a + b;\n}\n`,
  ).join('\n');
}

describe('search with the addon', () => {
  const root = installation();

  it('finds a piece of code by its own text, best first, also after a restart', async () => {
    const [workspace, storage] = [temporaryFolder(), temporaryFolder()];
    writeFileSync(join(workspace, 'a.ts'), functions(30));
    writeFileSync(join(workspace, 'b.md'), '# Notes\n\nSome words.\n');
    for (const embedded of [31, 0]) {
      const said: string[] = [];
      const opened = await openSearch({
        ...{ root, storage, clock: SYSTEM_CLOCK, threads: 1 },
        say: (line) => said.push(line),
      });
      const { search } = opened;
      await search.setRoots([{ path: workspace }]);
      search.indexNow();
      await search.whenComplete();
      assert.equal(search.embedded, embedded);
      const text = 'function number7() {\n  const a = 7;\n  const b = 8;\n  return a + b;\n}';
      const { hits } = await search.code(text, { submodel: 'XL', limit: 3 });
      assert.equal(hits[0]?.name, 'number7');
      assert.ok((hits[0].meaning ?? 0) > 0.99, String(hits[0].meaning));
      assert.deepEqual(
        hits.map(({ score }) => score),
        hits.map(({ score }) => score).sort((a, b) => b - a),
      );
      assert.deepEqual(said, []);
      await opened.dispose();
    }
  });

  it('refuses vectors of a store that no vector has, so that the index is built again', () => {
    const addon = loadAddon(root);
    const table = new Table<object>(new addon.VectorIndex(64, Int32Array.of(64)));
    const values = new Int8Array(64).fill(-128);
    assert.throws(() => {
      table.restore({ hashes: ['a'], values, vocabulary: [], files: [] });
    });
  });

  it('runs in a process of its own, which stores the index when its window ends', async () => {
    const [workspace, storage] = [temporaryFolder(), temporaryFolder()];
    writeFileSync(join(workspace, 'a.ts'), functions(30));
    const client = new SearchClient({
      hostFile: join(ROOT, 'src', 'search', 'host.ts'),
      execArgv: ['--import=tsx'],
      ...{ root, storage },
      say: () => undefined,
    });
    const reached = async (wanted: (progress: SearchProgress) => boolean) => {
      while (!wanted(client.progress)) await sleep(20);
    };
    client.setRoots([{ path: workspace }]);
    const { submodel } = await client.code('add two numbers');
    assert.equal(submodel, 'S');
    client.indexNow();
    await reached(({ now }) => now.state === 'ready');
    assert.equal((await client.code('add two numbers')).hits.length, 20);
    assert.deepEqual(
      client.costs('code').map((cost) => cost.submodel),
      ['S', 'M', 'L', 'XL'],
    );
    client.dispose();
    const file = () =>
      readdirSync(storage, { recursive: true, encoding: 'utf8' }).find((name) => name.endsWith('.index'));
    while (file() === undefined) await sleep(20);
    assert.match(readFileSync(join(storage, file()!), 'latin1'), /number29/);
  });

  it('is read by a command meanwhile, which says so in one line', async () => {
    const [workspace, storage] = [temporaryFolder(), temporaryFolder()];
    writeFileSync(join(workspace, 'a.ts'), functions(3));
    const options = { storage, folder: workspace, signal: new AbortController().signal };
    await indexCommand(root, { ...options, say: () => undefined });
    const client = new SearchClient({
      hostFile: join(ROOT, 'src', 'search', 'host.ts'),
      execArgv: ['--import=tsx'],
      ...{ root, storage },
      say: () => undefined,
    });
    client.setRoots([{ path: workspace }]);
    client.indexNow();
    while (client.progress.now.state !== 'ready') await sleep(20);
    const said: string[] = [];
    const search = { query: 'numbers', submodel: 'auto', limit: 2, isForPictures: false };
    const { hits } = await searchCommand(root, { ...options, ...search, say: (line) => said.push(line) });
    assert.equal(hits.length, 2);
    assert.equal(said.length, 1);
    assert.match(said[0]!, /^another program builds the index of /);
    client.dispose();
  });

  it('says which file of the encoder is missing', async () => {
    const client = new SearchClient({
      hostFile: join(ROOT, 'src', 'search', 'host.ts'),
      execArgv: ['--import=tsx'],
      ...{ root: temporaryFolder(), storage: temporaryFolder() },
      say: () => undefined,
    });
    await assert.rejects(client.code('a'), /matcoder_engine\.node|native engine/i);
    client.dispose();
  });

  it('has commands that bring the index up to date, go on after an interruption, and say what is wrong', async () => {
    const [workspace, storage] = [temporaryFolder(), temporaryFolder()];
    writeFileSync(join(workspace, 'a.ts'), functions(30));
    const options = { folder: workspace, storage, say: () => undefined, signal: new AbortController().signal };
    const stop = AbortSignal.timeout(1);
    await assert.rejects(indexCommand(root, { ...options, signal: stop }), { name: 'TimeoutError' });
    const report = await indexCommand(root, options);
    assert.deepEqual([report.files, report.chunks, report.pictures], [1, 30, 0]);
    assert.match(indexText(report), /1 files, 30 chunks, 0 pictures, \d\.\d MB; \d+ embedded now, in \S+ s$/);
    assert.equal((await indexCommand(root, options)).embedded, 0);

    const search = { ...options, query: 'numbers', submodel: 'auto', limit: 2, isForPictures: false };
    const found = await searchCommand(root, search);
    assert.equal(found.submodel, 'XL');
    assert.match(await hitsText(found), /^a\.ts:\d+ +number\d+ +-?\d\.\d{3}\na\.ts:\d+ +number\d+ +-?\d\.\d{3}$/);
    writeFileSync(join(workspace, 'b.txt'), '---\nzebra crossing\n');
    const nameless = await hitsText(await searchCommand(root, { ...search, query: 'zebra', limit: 1 }));
    assert.match(nameless, /^b\.txt:1 +zebra crossing +\d\.\d{3}$/);
    await assert.rejects(searchCommand(root, { ...search, submodel: 'XXS' }), /XXS: there is no such size/);
    await assert.rejects(searchCommand(root, { ...search, query: ' ' }), /search takes the words to look for/);
    await assert.rejects(searchCommand(root, { ...search, isForPictures: true }), /There is no encoder of pictures/);
    const inFolder = (name: string) => indexCommand(root, { ...options, folder: join(workspace, name) });
    await assert.rejects(inFolder('a.ts'), /a\.ts: it is a file, not a folder/);
    await assert.rejects(inFolder('none'), /none: there is no such folder/);
  });
});
