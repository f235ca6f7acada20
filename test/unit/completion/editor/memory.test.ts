import assert from 'node:assert/strict';
import { mock } from 'node:test';
import { editor, FakeWatcher, newEditor } from './fakeEditor';
import { EditorFiles } from '../../../../src/completion/editor/files';
import { EditorMemory } from '../../../../src/completion/editor/memory';
import { MemoryFeeder } from '../../../../src/workspace/memory/feeder';

describe("the editor's memory of the workspace", () => {
  it('keeps its order while the user looks at an output, at a file from elsewhere or at nothing', () => {
    newEditor();
    const files = new EditorFiles(() => undefined);
    const { mock: surroundings } = mock.method(MemoryFeeder.prototype, 'setSurroundings');
    const nothing = () => undefined;
    const log = { info: nothing, warn: nothing };
    const watcher = new FakeWatcher();
    const memory = new EditorMemory({
      files,
      watcher,
      isOn: true,
      isStrained: () => false,
      log,
      onChange: nothing,
      onForbidden: nothing,
    });
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
    surroundings.restore();
    memory.dispose();
    files.dispose();
  });
});
