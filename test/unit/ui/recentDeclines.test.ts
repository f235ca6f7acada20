import assert from 'node:assert/strict';
import { WINDOW_MS } from '../../../src/governor/dutyCycle';
import { RecentDeclines } from '../../../src/ui/recentDeclines';

const [A, B] = ['file:///a.ts', 'file:///b.ts'];

describe('recent declines', () => {
  let declines: RecentDeclines;
  beforeEach(() => {
    declines = new RecentDeclines();
  });

  it('are counted by document until the governor decides otherwise there', () => {
    assert.equal(declines.count(A, 0), 0);
    for (const timeMs of [0, 1, 2]) declines.add(A, timeMs);
    declines.add(B, 3);
    assert.deepEqual([declines.count(A, 3), declines.count(B, 3)], [3, 1]);
    declines.end(A);
    assert.deepEqual([declines.count(A, 3), declines.count(B, 3)], [0, 1]);
    declines.clear();
    assert.equal(declines.count(B, 3), 0);
  });

  it('do not count once the window of the duty cycle has passed', () => {
    for (const timeMs of [0, 1000]) declines.add(A, timeMs);
    assert.deepEqual(
      [WINDOW_MS - 1, WINDOW_MS, WINDOW_MS + 1000].map((nowMs) => declines.count(A, nowMs)),
      [2, 1, 0],
    );
    declines.add(A, WINDOW_MS);
    assert.equal(declines.count(A, WINDOW_MS), 2);
  });

  it('tell when the first document falls below a count', () => {
    for (const timeMs of [0, 10, 20, 30]) declines.add(A, timeMs);
    assert.equal(declines.fallsBelowAtMs(5, 30), undefined);
    assert.equal(declines.fallsBelowAtMs(3, 30), WINDOW_MS + 10);
    for (const timeMs of [5, 6, 7]) declines.add(B, timeMs);
    assert.equal(declines.fallsBelowAtMs(3, 30), WINDOW_MS + 5);
  });
});
