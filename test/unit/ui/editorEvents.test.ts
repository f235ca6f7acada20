import assert from 'node:assert/strict';
import { editor, newEditor } from '../completion/editor/fakeEditor';
import { followEditing } from '../../../src/ui/editorEvents';
import { codePlaceAt } from '../../../src/governor/place';

describe('the place in the code after an edit', () => {
  beforeEach(() => {
    newEditor();
  });

  /** The place that is reported, and the number of characters that were read for it. */
  function after(text: string) {
    const places: unknown[] = [];
    followEditing({ typed: (place: unknown) => places.push(place) } as never, { edited: () => undefined } as never);
    const document = editor.open(editor.uri('/work/a.ts'));
    editor.look(document);
    editor.edit(document, text);
    return { places, charsRead: document.charsRead };
  }

  it('is that of its line', () => {
    for (const text of ['const a = f(', '  // a', 'if (a) {\n', 'first();\n\n\n']) {
      assert.deepEqual(after(text).places, [codePlaceAt(text)]);
    }
  });

  it('is known from the end of a line that is as long as its file', () => {
    const text = `const all = [${'1, '.repeat(10_000)}f(`;
    const { places, charsRead } = after(text);
    assert.deepEqual(places, [codePlaceAt(text)]);
    assert.ok(charsRead <= 2000);
  });
});
