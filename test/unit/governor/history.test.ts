import assert from 'node:assert/strict';
import { History } from '../../../src/governor/history';
import { PLACES, type CursorContext, cursorContextAt } from '../../../src/governor/place';

describe('the history of suggestions', () => {
  it('is kept by place', () => {
    const history = new History();
    for (let i = 0; i < 200; i++) {
      history.answered(cursorContextAt('line start'), 10);
      if (i % 2 === 0) history.agreed(cursorContextAt('line start'), 30, 1);
      history.answered(cursorContextAt('comment'), 3);
    }
    const [start, comment] = [
      history.expect(cursorContextAt('line start')),
      history.expect(cursorContextAt('comment')),
    ];
    assert.ok(Math.abs(start.rightShare - 0.5) < 0.05 && Math.abs(start.characters - 30) < 2);
    assert.ok(Math.abs(start.passes - 10) < 1 && Math.abs(comment.passes - 3) < 0.5);
    assert.ok(comment.rightShare < 0.01);
  });

  it('expects more if the text before the cursor occurs elsewhere, and less if the typed text diverged', () => {
    const expected = (context: CursorContext) => {
      const { rightShare, characters } = new History().expect(context);
      return rightShare * characters;
    };
    for (const place of PLACES) {
      const plain = expected(cursorContextAt(place));
      assert.ok(expected({ ...cursorContextAt(place), seen: true }) >= plain, place);
      assert.ok(expected({ ...cursorContextAt(place), diverged: true }) < plain, place);
    }
  });

  it('is separate if the typed text diverged, and summed up within a line', () => {
    const history = new History();
    const diverged = { ...cursorContextAt('comment'), diverged: true };
    const before = [history.expect(cursorContextAt('comment')), history.expectInLine()] as const;
    for (let i = 0; i < 200; i++) history.answered(diverged, 5);
    assert.deepEqual(history.expect(cursorContextAt('comment')), before[0]);
    assert.ok(history.expect(diverged).rightShare < 0.01);
    assert.ok(history.expectInLine().rightShare < before[1].rightShare);
  });

  it('follows changes', () => {
    const history = new History();
    for (let i = 0; i < 2000; i++) history.answered(cursorContextAt('after a dot'), 5);
    for (let i = 0; i < 2000; i++) {
      history.answered(cursorContextAt('after a dot'), 5);
      history.agreed(cursorContextAt('after a dot'), 8, 1);
    }
    assert.ok(history.expect(cursorContextAt('after a dot')).rightShare > 0.9);
  });

  it('gives more weight to right text of a small submodel', () => {
    const [small, large] = [new History(), new History()];
    small.agreed(cursorContextAt('word start'), 10, 0.8);
    large.agreed(cursorContextAt('word start'), 10, 1);
    assert.ok(
      small.expect(cursorContextAt('word start')).rightShare > large.expect(cursorContextAt('word start')).rightShare,
    );
  });
});
