import assert from 'node:assert/strict';
import { AskingAgain } from '../../../../src/completion/editor/askingAgain';

describe('asking the editor to ask again', () => {
  const place = { document: 'file:///a.ts', version: 3, offset: 10 };
  let again: AskingAgain;
  beforeEach(() => {
    again = new AskingAgain();
    again.answered(place);
  });

  it('counts one request as automatic, and the next at the same place as by hand', () => {
    assert.equal(again.begin(place), true);
    assert.deepEqual([again.take(place), again.take(place)], [true, false]);
  });

  it('counts a request at another place as by hand', () => {
    again.begin(place);
    for (const change of [{ document: 'file:///b.ts' }, { version: 4 }, { offset: 11 }]) {
      assert.equal(again.take({ ...place, ...change }), false);
    }
    assert.equal(again.take(place), true);
  });

  it('expects no request once the editor has done what it was told', () => {
    again.begin(place);
    again.end();
    assert.equal(again.take(place), false);
  });

  it('is for the place that was declined, and for no other', () => {
    assert.equal(again.begin({ ...place, version: 4 }), false);
    assert.equal(again.take({ ...place, version: 4 }), false);
    again.answered(undefined);
    assert.equal(again.begin(place), false);
  });
});
