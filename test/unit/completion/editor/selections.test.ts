import assert from 'node:assert/strict';
import { english } from '../../../../src/localisation/phrase';
import { gate } from '../../../../src/completion/gate';
import { selectionsIn } from '../../../../src/completion/editor/selections';
import { requestAt } from '../hand';

describe('the cursors of a document', () => {
  const [cursor, selection] = [{ isEmpty: true }, { isEmpty: false }];
  const editor = (document: string, ...selections: { isEmpty: boolean }[]) => ({ document, selections });
  const one = editor('a', cursor);

  const cases: [string, ReturnType<typeof selectionsIn>, RegExp | undefined][] = [
    ['are one if there is one', selectionsIn('a', one, [one]), undefined],
    ['are many', selectionsIn('a', editor('a', cursor, cursor), []), /more than one cursor/],
    ['may select', selectionsIn('a', editor('a', selection), []), /text is selected/],
    ['are those of the editor in use', selectionsIn('a', editor('a', cursor, cursor), [one]), /more than one cursor/],
    ['are not those of another view', selectionsIn('a', one, [editor('a', cursor, cursor), one]), undefined],
    ['are found if another document is in use', selectionsIn('a', editor('b'), [editor('a', selection)]), /select/],
    ['are one if no editor shows it', selectionsIn('a', undefined, []), undefined],
  ];
  for (const [name, found, reason] of cases) {
    it(`${name}, and the gate is ${reason ? 'closed' : 'open'}`, () => {
      const gated = gate({ ...requestAt('a.█'), ...found });
      if (reason) assert.match(gated ? english(gated.reason) : '', reason);
      else assert.equal(gated, undefined);
    });
  }
});
