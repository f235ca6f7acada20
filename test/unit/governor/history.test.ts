import assert from 'node:assert/strict';
import { History } from '../../../src/governor/history';
import { PLACES, type Spot, spotAt } from '../../../src/governor/place';

describe('what suggestions have come to', () => {
  it('is learned by place', () => {
    const history = new History();
    for (let i = 0; i < 200; i++) {
      history.answered(spotAt('line start'), 10);
      if (i % 2 === 0) history.agreed(spotAt('line start'), 30, 1);
      history.answered(spotAt('comment'), 3);
    }
    const [start, comment] = [history.expect(spotAt('line start')), history.expect(spotAt('comment'))];
    assert.ok(Math.abs(start.rightShare - 0.5) < 0.05 && Math.abs(start.characters - 30) < 2);
    assert.ok(Math.abs(start.passes - 10) < 1 && Math.abs(comment.passes - 3) < 0.5);
    assert.ok(comment.rightShare < 0.01);
  });

  it('is more where the text before the cursor stands somewhere else, and less where the model strayed', () => {
    const expected = (spot: Spot) => {
      const { rightShare, characters } = new History().expect(spot);
      return rightShare * characters;
    };
    for (const place of PLACES) {
      const plain = expected(spotAt(place));
      assert.ok(expected({ ...spotAt(place), seen: true }) >= plain, place);
      assert.ok(expected({ ...spotAt(place), strayed: true }) < plain, place);
    }
  });

  it('is learned apart where the model strayed, and all of it counts in a line', () => {
    const history = new History();
    const strayed = { ...spotAt('comment'), strayed: true };
    const before = [history.expect(spotAt('comment')), history.expectInLine()] as const;
    for (let i = 0; i < 200; i++) history.answered(strayed, 5);
    assert.deepEqual(history.expect(spotAt('comment')), before[0]);
    assert.ok(history.expect(strayed).rightShare < 0.01);
    assert.ok(history.expectInLine().rightShare < before[1].rightShare);
  });

  it('follows what has changed', () => {
    const history = new History();
    for (let i = 0; i < 2000; i++) history.answered(spotAt('after a dot'), 5);
    for (let i = 0; i < 2000; i++) {
      history.answered(spotAt('after a dot'), 5);
      history.agreed(spotAt('after a dot'), 8, 1);
    }
    assert.ok(history.expect(spotAt('after a dot')).rightShare > 0.9);
  });

  it('counts what a small submodel got right for more', () => {
    const [small, large] = [new History(), new History()];
    small.agreed(spotAt('word start'), 10, 0.8);
    large.agreed(spotAt('word start'), 10, 1);
    assert.ok(small.expect(spotAt('word start')).rightShare > large.expect(spotAt('word start')).rightShare);
  });

  it('counts the requests declined until one is answered', () => {
    const history = new History();
    history.declined(spotAt('comment'));
    history.declined(spotAt('comment'));
    assert.deepEqual([history.declinedInARow(spotAt('comment')), history.declinedInARow(spotAt('line start'))], [2, 0]);
    history.answered(spotAt('comment'), 1);
    assert.equal(history.declinedInARow(spotAt('comment')), 0);
  });
});
