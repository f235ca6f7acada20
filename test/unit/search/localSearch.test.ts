import assert from 'node:assert/strict';
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  symlinkSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { percentDone, type SearchProgress } from '../../../src/search/search';
import { temporaryFolder } from '../../temporary';
import { WordEmbedder } from './standIns';
import { SearchedWorkspace } from './workspace';

const CACHE = `/** Remembers values. */
export class Cache {
  /** The remembered value of a key. */
  lookUp(key: string): string | undefined {
    const found = this.values.get(key);
    if (found === undefined) return undefined;
    return found;
  }

  forgetEverything(): void {
    for (const key of this.values.keys()) {
      this.values.delete(key);
    }
  }

  private readonly first = 1;
  private readonly second = 2;
  private readonly third = 3;
  private readonly fourth = 4;
  private readonly values = new Map<string, string>();
  private readonly fifth = 5;
  private readonly sixth = 6;
  private readonly seventh = 7;
  private readonly eighth = 8;
  private readonly ninth = 9;
}
`;
const PARSER = `export function parseNumbers(text: string): number[] {
  const parts = text.split(',');
  return parts.map((part) => Number(part));
}

export function printNumbers(numbers: number[]): string {
  const texts = numbers.map((one) => String(one));
  return texts.join(', ');
}
`;

function storedIn(folder: string): string {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.index'))
    .map((name) => readFileSync(join(folder, name), 'latin1'))
    .join('\n');
}

describe('the index of a workspace', () => {
  let workspace: SearchedWorkspace;
  const opened: SearchedWorkspace[] = [];
  const open = (...args: ConstructorParameters<typeof SearchedWorkspace>) => {
    const made = new SearchedWorkspace(...args);
    opened.push(made);
    return made;
  };
  const reopen = async (options: { embedder?: WordEmbedder } = {}) => {
    await workspace.search.dispose();
    workspace = open(workspace.storage, options, workspace.root);
    await workspace.build();
  };

  beforeEach(() => {
    workspace = open();
    workspace.write('src/cache.ts', CACHE);
    workspace.write('src/parser.ts', PARSER);
  });
  afterEach(async () => {
    for (const { search } of opened.splice(0)) await search.dispose();
  });

  it('finds a method by its words, with its name and lines', async () => {
    await workspace.build();
    const { hits, submodel } = await workspace.search.code('look up remembered value of key', { limit: 1 });
    const { score, words, meaning, ...hit } = hits[0]!;
    assert.deepEqual(hit, {
      root: workspace.root,
      path: 'src/cache.ts',
      name: 'Cache.lookUp',
      ...{ firstLine: 2, lastLine: 7 },
    });
    assert.equal(submodel, 'S');
    for (const part of [score, words!, meaning!]) assert.ok(part > 0.4 && part <= 1.001, String(part));
  });

  it('embeds the index by the largest size and the query by the one that is asked for', async () => {
    await workspace.build();
    workspace.embedder.embedded.length = 0;
    await workspace.search.code('numbers');
    await workspace.search.code('numbers', { submodel: 'XL' });
    assert.deepEqual(
      workspace.embedder.embedded.map(({ submodel }) => submodel),
      ['S', 'XL'],
    );
    await assert.rejects(workspace.search.code('numbers', { submodel: 'XXL' }), /XXL: there is no such size.*S, XL/);
  });

  it('embeds only the changed chunk of an edited file, and nothing of a renamed one', async () => {
    await workspace.build();
    workspace.embedder.take();
    workspace.write('src/parser.ts', `// A new first line.\n\n${PARSER.replace("join(', ')", "join('; ')")}`);
    workspace.search.changed([workspace.at('src/parser.ts')]);
    await workspace.complete();
    const embedded = workspace.embedder.take();
    assert.equal(embedded.length, 2, embedded.join('\n---\n'));
    assert.ok(embedded.some((text) => text.includes('printNumbers')));
    const [hit] = (await workspace.search.code('parse numbers of text')).hits;
    assert.equal(hit!.firstLine, 2);

    workspace.embedder.take();
    renameSync(join(workspace.root, 'src/parser.ts'), join(workspace.root, 'src/reader.ts'));
    workspace.search.deleted([workspace.at('src/parser.ts')]);
    workspace.search.changed([workspace.at('src/reader.ts')]);
    await workspace.complete();
    assert.deepEqual(workspace.embedder.take(), []);
    assert.deepEqual((await workspace.find('parse numbers'))[0], 'src/reader.ts');
  });

  it('is there after a start without embedding anything, and sees what has changed meanwhile', async () => {
    await workspace.build();
    await reopen();
    assert.deepEqual(workspace.embedder.take(), []);
    assert.equal((await workspace.find('parse numbers'))[0], 'src/parser.ts');

    await workspace.search.dispose();
    workspace.delete('src/parser.ts');
    workspace.write('src/new.ts', 'export function addNumbers(a: number, b: number): number {\n  return a + b;\n}\n');
    await reopen();
    assert.equal(workspace.embedder.take().length, 1);
    assert.deepEqual(new Set(await workspace.find('numbers')), new Set(['src/new.ts', 'src/cache.ts']));
  });

  it('never shows a file that has gone, although nobody has told that', async () => {
    await workspace.build();
    workspace.delete('src/parser.ts');
    assert.deepEqual(await workspace.find('parse numbers'), ['src/cache.ts']);
  });

  it('shows the new lines of a file that has changed, although nobody has told that', async () => {
    await workspace.build();
    workspace.write('src/parser.ts', `// One.\n\n// Two.\n\n${PARSER}`);
    const { hits } = await workspace.search.code('export function parse numbers text split parts map', { limit: 1 });
    assert.deepEqual([hits[0]!.path, hits[0]!.firstLine], ['src/parser.ts', 4]);
  });

  it('forgets a file that becomes ignored before the call returns, also on the disk, and knows it again later', async () => {
    await workspace.build();
    assert.match(storedIn(workspace.storage), /parser\.ts/);
    workspace.write('.matcoderignore', 'parser.ts\n');
    await workspace.search.rulesChanged();
    assert.doesNotMatch(storedIn(workspace.storage), /parser\.ts|parseNumbers/);
    assert.ok(!(await workspace.find('parse numbers')).includes('src/parser.ts'));
    workspace.write('.matcoderignore', '');
    await workspace.search.rulesChanged();
    await workspace.complete();
    assert.equal((await workspace.find('parse numbers'))[0], 'src/parser.ts');
  });

  it('forgets what the setting files.exclude comes to leave out', async () => {
    await workspace.build();
    await workspace.search.setRoots([{ path: workspace.root, excludes: { '**/parser.ts': true } }]);
    assert.doesNotMatch(storedIn(workspace.storage), /parser\.ts/);
    assert.ok(!(await workspace.find('parse numbers')).includes('src/parser.ts'));
  });

  it('never embeds what the policy refuses', async () => {
    workspace.write('.gitignore', 'secretive/\n');
    workspace.write('.git/HEAD', 'ref: refs/heads/main\n');
    workspace.write('secretive/plan.ts', 'export const hiddenPlan = 1;\n');
    workspace.write('.env', 'HIDDEN=1\n');
    workspace.write('node_modules/a/index.js', 'exports.hidden = 1;\n');
    workspace.write('src/key.ts', `const hidden = 'ghp_aB3dE5gH7jK9mN1pQ3sT5vW7yZ9bC1dE3fG5';\n`);
    await workspace.build();
    const texts = workspace.embedder.take();
    assert.ok(texts.length > 3);
    assert.deepEqual(
      texts.filter((text) => /hidden/i.test(text)),
      [],
    );
  });

  it('forgets a file that now holds a secret, also on the disk', async () => {
    await workspace.build();
    workspace.write('src/parser.ts', `${PARSER}\nconst token = 'ghp_aB3dE5gH7jK9mN1pQ3sT5vW7yZ9bC1dE3fG5';\n`);
    workspace.search.changed([workspace.at('src/parser.ts')]);
    await workspace.complete();
    assert.ok(!(await workspace.find('parse numbers')).includes('src/parser.ts'));
    assert.doesNotMatch(storedIn(workspace.storage), /parser\.ts/);
  });

  it('forgets a secret on the disk as soon as a search meets it', async () => {
    await workspace.build();
    workspace.write('src/parser.ts', `${PARSER}\nconst token = 'ghp_aB3dE5gH7jK9mN1pQ3sT5vW7yZ9bC1dE3fG5';\n`);
    assert.ok(!(await workspace.find('parse numbers')).includes('src/parser.ts'));
    assert.doesNotMatch(storedIn(workspace.storage), /parser\.ts/);
  });

  it('forgets a folder that is deleted', async () => {
    workspace.write('other/a.ts', PARSER.replaceAll('Numbers', 'Apples'));
    await workspace.build();
    workspace.delete('src');
    workspace.search.deleted([workspace.at('src')]);
    assert.deepEqual(await workspace.find('parse numbers'), ['other/a.ts']);
  });

  it('takes in a folder that comes into being', async () => {
    await workspace.build();
    workspace.write('more/deep/apples.ts', PARSER.replaceAll('Numbers', 'Apples'));
    workspace.search.changed([workspace.at('more')]);
    await workspace.complete();
    assert.equal((await workspace.find('print apples'))[0], 'more/deep/apples.ts');
  });

  it('finds by words what is not embedded yet, and after a start too', async () => {
    const isBegun = new Promise<void>((begin) => {
      workspace.embedder.before = (signal) =>
        new Promise((resolve) => {
          begin();
          signal.addEventListener('abort', () => {
            resolve();
          });
        });
    });
    await workspace.search.setRoots([{ path: workspace.root }]);
    await isBegun;
    workspace.embedder.before = () => Promise.resolve();
    const { hits, progress } = await workspace.search.code('parse numbers');
    assert.deepEqual([hits[0]!.name, hits[0]!.meaning, progress.chunks], ['parseNumbers', undefined, 0]);

    await workspace.search.dispose();
    workspace = open(workspace.storage, {}, workspace.root);
    workspace.search.setCompleting(true); // so that nothing is embedded
    await workspace.search.setRoots([{ path: workspace.root }]);
    assert.equal((await workspace.search.code('parse numbers')).hits[0]!.name, 'parseNumbers');
    workspace.search.setCompleting(false);
    await workspace.complete();
    assert.ok((await workspace.search.code('parse numbers')).hits[0]!.meaning !== undefined);
  });

  it('is searched by words as soon as all files are read, however long it takes to embed them', async () => {
    workspace.embedder.before = (signal) =>
      new Promise((_, reject) => {
        signal.addEventListener('abort', () => {
          reject(signal.reason as Error);
        });
      });
    await workspace.search.setRoots([{ path: workspace.root }]);
    await workspace.search.whenRead();
    workspace.embedder.before = () => Promise.resolve();
    assert.equal(workspace.search.embedded, 0);
    assert.equal((await workspace.find('parse numbers'))[0], 'src/parser.ts');
    await assert.rejects(workspace.search.whenRead(AbortSignal.abort(new Error('no more'))), /no more/);
  });

  it('reads all files before it embeds any', async () => {
    for (let i = 0; i < 20; i++) workspace.write(`deep/${i}/f.ts`, PARSER.replaceAll('Numbers', `Numbers${i}`));
    let first: SearchProgress | undefined;
    workspace.embedder.before = () => {
      first ??= workspace.search.progress;
      return Promise.resolve();
    };
    await workspace.build();
    const { isWalked, filesRead, filesDone, filesFound } = first!;
    assert.deepEqual({ isWalked, filesRead, filesFound }, { isWalked: true, filesRead: 22, filesFound: 22 });
    assert.ok(filesDone < 22, String(filesDone));
    assert.equal(percentDone(workspace.search.progress), 100);
  });

  it('finds a chunk by the words of its file’s path', async () => {
    workspace.write(
      'billing/invoice.ts',
      'export function total(a: number, b: number): number {\n  return a + b;\n}\n',
    );
    await workspace.build();
    assert.equal((await workspace.find('invoices'))[0], 'billing/invoice.ts');
  });

  it('finds the beginning of a word if it is said to go on', async () => {
    await workspace.build();
    const first = async (isUnfinished: boolean) =>
      (await workspace.search.code('number pri', { isUnfinished })).hits.find(({ name }) => name === 'printNumbers')!
        .words!;
    assert.ok((await first(true)) > (await first(false)));
  });

  it('finds what is in a workspace folder that the repository around it ignores', async () => {
    const outer = temporaryFolder();
    mkdirSync(join(outer, '.git'));
    writeFileSync(join(outer, '.gitignore'), 'build/\n');
    mkdirSync(join(outer, 'build/x'), { recursive: true });
    const inner = open(temporaryFolder(), {}, join(outer, 'build/x'));
    inner.write('parser.ts', PARSER);
    inner.write('build/parser.ts', PARSER);
    await inner.build();
    assert.deepEqual(await inner.find('parse numbers'), ['parser.ts']);
  });

  it('is empty for an empty workspace', async () => {
    const empty = open();
    await empty.build();
    assert.deepEqual(await empty.find('anything'), []);
    assert.equal(empty.search.progress.now.state, 'ready');
  });

  it('has no answer to an empty query', async () => {
    await workspace.build();
    assert.deepEqual((await workspace.search.code('  ')).hits, []);
  });

  it('leaves out binary files, huge ones and links, and does not walk in circles', async () => {
    workspace.write('binary.ts', new Uint8Array([101, 0, 120]));
    workspace.write('huge.ts', '');
    truncateSync(join(workspace.root, 'huge.ts'), 100e6);
    mkdirSync(join(workspace.root, 'a/b'), { recursive: true });
    symlinkSync(workspace.root, join(workspace.root, 'a/b/loop'));
    symlinkSync(join(workspace.root, 'src/parser.ts'), join(workspace.root, 'a/linked.ts'));
    await workspace.build();
    assert.deepEqual(new Set(await workspace.find('numbers')), new Set(['src/parser.ts', 'src/cache.ts']));
  });

  it('goes on if a file is deleted while it is read', async () => {
    for (let i = 0; i < 20; i++) workspace.write(`many/f${i}.ts`, PARSER.replaceAll('Numbers', `Numbers${i}`));
    let batches = 0;
    workspace.embedder.before = () => {
      if (++batches === 1) workspace.delete('many');
      return Promise.resolve();
    };
    await workspace.build();
    assert.deepEqual(new Set(await workspace.find('numbers')), new Set(['src/parser.ts', 'src/cache.ts']));
    assert.equal(workspace.search.progress.now.state, 'ready');
  });

  it('is built again if it is of another encoder', async () => {
    await workspace.build();
    await reopen({ embedder: new WordEmbedder('words 2') });
    assert.ok(workspace.embedder.take().length > 3);
    assert.equal((await workspace.find('parse numbers'))[0], 'src/parser.ts');
    assert.match(workspace.said.join('\n'), /built again: what is stored is of another encoder or version/);
  });

  it('is built again if any part of its file is damaged', async () => {
    await workspace.build();
    await workspace.search.dispose();
    const name = readdirSync(workspace.storage, { recursive: true, encoding: 'utf8' }).find((one) =>
      one.endsWith('code.index'),
    )!;
    const file = join(workspace.storage, name);
    const whole = readFileSync(file);
    const older = Buffer.from(whole);
    older.write('matcoder index 1\n');
    const broken: Record<string, Buffer> = {
      'without its end': whole.subarray(0, whole.length - 1),
      'half of it': whole.subarray(0, whole.length / 2),
      empty: Buffer.alloc(0),
      'of zeros': Buffer.alloc(whole.length),
      'with another byte in the middle': Buffer.from(whole).fill(1, whole.length >> 1, (whole.length >> 1) + 1),
      'another format': Buffer.from('{"chunks": []}'),
    };
    for (const [how, bytes] of Object.entries(broken)) {
      writeFileSync(file, bytes);
      workspace = open(workspace.storage, {}, workspace.root);
      await workspace.build();
      assert.ok(workspace.embedder.take().length > 3, how);
      assert.equal((await workspace.find('parse numbers'))[0], 'src/parser.ts', how);
      assert.match(workspace.said.join('\n'), /built again: what is stored is damaged/, how);
      await workspace.search.dispose();
    }
    writeFileSync(file, older);
    workspace = open(workspace.storage, {}, workspace.root);
    await workspace.build();
    assert.match(workspace.said.join('\n'), /built again: what is stored is of another encoder or version/);
  });

  it('is searched although it cannot be stored, which is said once', async () => {
    // Not a folder, so that nothing can be written below it.
    const storage = join(temporaryFolder(), 'file');
    writeFileSync(storage, '');
    const other = open(storage, {}, workspace.root);
    await other.build();
    assert.equal((await other.find('parse numbers'))[0], 'src/parser.ts');
    assert.equal(other.said.filter((line) => line.includes('the search goes on')).length, 1);
    assert.match(other.search.progress.notice ?? '', /code\.index.*the search goes on/);
  });

  it('is removed by the next start of any search if its folder went long ago', async () => {
    await workspace.build();
    await workspace.search.dispose();
    const [store] = readdirSync(workspace.storage).map((name) => join(workspace.storage, name));
    workspace.delete('.');
    for (const name of readdirSync(store!)) utimesSync(join(store!, name), 1, 1);
    const other = open(workspace.storage);
    await other.build();
    while (existsSync(store!)) await setImmediate();
    assert.equal(readdirSync(workspace.storage).length, 1);
  });

  it('is built by one of two programs, and found by both', async () => {
    await workspace.build();
    const second = open(workspace.storage, {}, workspace.root);
    await second.build();
    assert.deepEqual(second.search.progress.now, { state: 'waiting', for: 'another window' });
    assert.equal((await second.find('parse numbers'))[0], 'src/parser.ts');
    assert.deepEqual(second.embedder.take(), []);
  });

  it('finds what is in two folders of a window, the best first', async () => {
    const other = temporaryFolder();
    mkdirSync(join(other, 'lib'));
    writeFileSync(join(other, 'lib/apples.ts'), PARSER.replaceAll('Numbers', 'Apples'));
    await workspace.search.setRoots([{ path: workspace.root }, { path: other }]);
    await workspace.complete();
    const { hits } = await workspace.search.code('print apples', { limit: 2 });
    assert.deepEqual([hits[0]!.root, hits[0]!.path], [other, 'lib/apples.ts']);
    await workspace.search.setRoots([{ path: workspace.root }]);
    assert.ok(!(await workspace.find('print apples')).includes('lib/apples.ts'));
  });

  it('leaves out what embedding fails for, and goes on', async () => {
    let batches = 0;
    workspace.embedder.before = () => (++batches === 1 ? Promise.reject(new Error('no memory')) : Promise.resolve());
    for (let i = 0; i < 20; i++) workspace.write(`many/f${i}.ts`, PARSER.replaceAll('Numbers', `Numbers${i}`));
    await workspace.build();
    assert.match(workspace.said.join('\n'), /are left out: Error: no memory/);
    assert.ok((await workspace.find('numbers')).length > 5);
  });
});
