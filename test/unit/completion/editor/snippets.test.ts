import assert from 'node:assert/strict';
import { editor, FakeWatcher, newEditor } from './fakeEditor';
import { EditorFiles } from '../../../../src/completion/editor/files';
import { EditorSnippets } from '../../../../src/completion/editor/snippets';
import { settle } from '../hand';

/** A text that is similar to the place below, with a name that tells which text it is. */
const alike = (name: string) =>
  `export function order(menu, table) {\n  return ${name}(menu.total, table.waiter);\n}\n`;

describe('snippets of other files', () => {
  let files: EditorFiles;
  let snippets: EditorSnippets;
  let watcher: FakeWatcher;
  const other = '/work/order.ts';

  beforeEach(() => {
    newEditor();
    watcher = new FakeWatcher();
    files = new EditorFiles(() => undefined);
    const warn = (reason: string) => {
      throw new Error(reason);
    };
    snippets = new EditorSnippets({ files, watcher, isOn: () => true, warn });
  });
  afterEach(() => {
    snippets.dispose();
    files.dispose();
  });

  /** The name in the snippet for a place that does not change. */
  function quoted(): string | undefined {
    const document = editor.open(editor.uri('/work/here.ts'));
    const prefix = 'export function bill(menu, table) {\n  return menu.total + table.waiter';
    const excerpt = { path: 'here.ts', prefix, prefixStart: 0, suffix: '' };
    const [snippet] = snippets.around(document as never, excerpt);
    return /return (\w+)\(/.exec(snippet?.text ?? '')?.[1];
  }

  /** A document that was active before. */
  async function left(uri = editor.uri(other)) {
    const document = editor.open(uri, editor.disk.get(uri.path) ?? alike('unsaved'));
    editor.look(document);
    editor.look(undefined);
    await read();
    return document;
  }

  async function read(): Promise<void> {
    for (let turn = 0; turn < 5; turn++) await settle();
  }

  /** A file that was open before. */
  async function closed(): Promise<void> {
    editor.disk.set(other, alike('first'));
    editor.close(await left());
    await read();
    assert.equal(quoted(), 'first');
  }

  it('come from a file as it is after a change on the disk', async () => {
    await closed();
    editor.disk.set(other, alike('second'));
    watcher.changed.fire(editor.uri(other));
    await read();
    assert.equal(quoted(), 'second');
  });

  it('do not come from a file or a folder that was deleted', async () => {
    for (const gone of [other, '/work']) {
      await closed();
      editor.disk.clear();
      watcher.deleted.fire(editor.uri(gone));
      assert.equal(quoted(), undefined);
    }
  });

  it('come from an open document as it is after it was read again from the disk', async () => {
    editor.disk.set(other, alike('first'));
    const document = await left();
    assert.equal(quoted(), 'first');
    editor.disk.set(other, alike('second'));
    watcher.changed.fire(editor.uri(other));
    await read();
    assert.equal(quoted(), 'first', 'the editor has the old text still');
    editor.edit(document, alike('second'), false);
    await read();
    assert.equal(quoted(), 'second');
  });

  it('do not come from unsaved text that was discarded', async () => {
    editor.disk.set(other, alike('first'));
    const document = await left();
    editor.edit(document, alike('unsaved'));
    editor.look(document);
    await read();
    assert.equal(quoted(), 'unsaved');
    editor.close(document);
    await read();
    assert.equal(quoted(), 'first');
  });

  it('do not come from an untitled document that was closed', async () => {
    const document = await left(editor.uri('Untitled-1.ts', 'untitled'));
    assert.equal(quoted(), 'unsaved');
    editor.close(document);
    await read();
    assert.equal(quoted(), undefined);
  });

  it('come from an open document whose file is deleted and made again, as by a change of branch and back', async () => {
    editor.disk.set(other, alike('first'));
    await left();
    watcher.deleted.fire(editor.uri(other));
    await read();
    assert.equal(quoted(), 'first');
  });

  it('do not come from a file that is deleted while it is read again', async () => {
    for (let turns = 0; turns < 40; turns++) {
      await closed();
      editor.disk.set(other, alike('second'));
      watcher.changed.fire(editor.uri(other));
      for (let turn = 0; turn < turns; turn++) await Promise.resolve();
      editor.disk.clear();
      watcher.deleted.fire(editor.uri(other));
      await read();
      assert.equal(quoted(), undefined, `after ${turns} turns`);
    }
  });

  it('come from no further files because those change', async () => {
    editor.disk.set(other, alike('first'));
    watcher.changed.fire(editor.uri(other));
    await read();
    assert.equal(quoted(), undefined);
  });
});
