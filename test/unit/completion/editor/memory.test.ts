import assert from 'node:assert/strict';
import { mock } from 'node:test';
import { editor, FakeWatcher, newEditor } from './fakeEditor';
import { EditorFiles } from '../../../../src/completion/editor/files';
import { EditorMemory } from '../../../../src/completion/editor/memory';
import { FileIds } from '../../../../src/workspace/memory/fileIds';
import { MemoryFeeder } from '../../../../src/workspace/memory/feeder';

describe("the editor's memory of the workspace", () => {
  let files: EditorFiles;
  let memory: EditorMemory;
  let watcher: FakeWatcher;
  beforeEach(() => {
    newEditor();
    files = new EditorFiles(() => undefined);
    watcher = new FakeWatcher();
    const nothing = () => undefined;
    const log = { info: nothing, warn: nothing };
    const parts = { files, watcher, isOn: true, isStrained: () => false, log, onChange: nothing, onForbidden: nothing };
    memory = new EditorMemory(parts);
  });
  afterEach(() => {
    mock.restoreAll();
    memory.dispose();
    files.dispose();
  });

  it('keeps its order while the user looks at an output, at a file from elsewhere or at nothing', () => {
    const { mock: surroundings } = mock.method(MemoryFeeder.prototype, 'setSurroundings');
    const last = () => surroundings.calls.at(-1)?.arguments[0];
    editor.look(editor.open(editor.uri('/work/lib/a.ts'), "import { b } from './b';\n"));
    const before = last();
    assert.equal(before?.active, 'file:///work/lib/a.ts');
    assert.ok(before.imported.size > 0);
    for (const elsewhere of [editor.uri('log', 'output'), editor.uri('/tmp/a.ts')]) {
      editor.look(editor.open(elsewhere));
      assert.deepEqual(last(), before);
    }
    editor.look(undefined);
    assert.deepEqual(last(), before);
  });

  it('keeps no spelling of files that it skips, nor of those that are deleted', () => {
    const { mock: ids } = mock.method(FileIds.prototype, 'idOf');
    const stats = () => Promise.resolve({ documents: 0, tokens: 0, bytes: 0 });
    memory.attach({ remember: stats, forget: stats } as never);
    watcher.created.fire(editor.uri('/work/node_modules/a/index.ts'));
    watcher.deleted.fire(editor.uri('/work/node_modules/a/index.ts'));
    watcher.deleted.fire(editor.uri('/work/lib/made.tmp'));
    watcher.created.fire(editor.uri('/work/lib/a.ts'));
    const met = ids.calls.map(({ arguments: [uri] }) => uri).filter((uri) => !uri.endsWith('/work'));
    assert.deepEqual(met, ['file:///work/lib/a.ts']);
  });
});

describe('the id of a file that may never be met', () => {
  it('is that of its other spellings, and is not kept', () => {
    const ids = new FileIds(true);
    assert.equal(ids.find('file:///A.ts'), 'file:///A.ts');
    assert.equal(ids.idOf('file:///a.ts'), 'file:///a.ts');
    assert.equal(ids.find('file:///A.ts'), 'file:///a.ts');
  });
});
