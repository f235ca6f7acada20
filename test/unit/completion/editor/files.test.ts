import assert from 'node:assert/strict';
import { editor, newEditor } from './fakeEditor';
import { EditorFiles } from '../../../../src/completion/editor/files';
import { settle } from '../hand';

describe("the editor's side of the file policy", () => {
  let files: EditorFiles;
  let changes: number;
  beforeEach(() => {
    newEditor();
    files = new EditorFiles(() => undefined);
    changes = 0;
    files.onDidChangeRules(() => changes++);
  });
  afterEach(() => {
    files.dispose();
  });

  it('reports rules that change together once, and follows them at once', async () => {
    const product = editor.uri('/work/lib/product.ts');
    assert.equal(await files.mayQuote(product), true);
    const { changed } = [...editor.watchers.values()][0]!;
    editor.disk.set('/work/lib/.gitignore', 'product.ts\n');
    for (const folder of ['', 'lib/', 'src/']) changed.fire(editor.uri(`/work/${folder}.gitignore`));
    assert.equal(await files.mayQuote(product), false);
    await settle();
    assert.equal(changes, 1);
    changed.fire(editor.uri('/work/.gitignore'));
    await settle();
    assert.equal(changes, 2);
  });
});
