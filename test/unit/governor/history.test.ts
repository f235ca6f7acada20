import assert from 'node:assert/strict';
import { History } from '../../../src/governor/history';

describe('what suggestions have come to', () => {
  it('is learned by place', () => {
    const history = new History();
    for (let i = 0; i < 200; i++) {
      history.answered('line start', 10);
      if (i % 2 === 0) history.agreed('line start', 30, 1);
      history.answered('comment', 3);
    }
    const [start, comment] = [history.expect('line start'), history.expect('comment')];
    assert.ok(Math.abs(start.rightShare - 0.5) < 0.05 && Math.abs(start.characters - 30) < 2);
    assert.ok(Math.abs(start.passes - 10) < 1 && Math.abs(comment.passes - 3) < 0.5);
    assert.ok(comment.rightShare < 0.01);
  });

  it('follows what has changed', () => {
    const history = new History();
    for (let i = 0; i < 2000; i++) history.answered('after a dot', 5);
    for (let i = 0; i < 2000; i++) {
      history.answered('after a dot', 5);
      history.agreed('after a dot', 8, 1);
    }
    assert.ok(history.expect('after a dot').rightShare > 0.9);
  });

  it('counts what a small submodel got right for more', () => {
    const [small, large] = [new History(), new History()];
    small.agreed('word start', 10, 0.8);
    large.agreed('word start', 10, 1);
    assert.ok(small.expect('word start').rightShare > large.expect('word start').rightShare);
  });

  it('counts the requests declined until one is answered', () => {
    const history = new History();
    history.declined('comment');
    history.declined('comment');
    assert.deepEqual([history.declinedInARow('comment'), history.declinedInARow('line start')], [2, 0]);
    history.answered('comment', 1);
    assert.equal(history.declinedInARow('comment'), 0);
  });
});
