import assert from 'node:assert/strict';
import { PLACES } from '../../../src/governor/place';
import { TypingRhythm } from '../../../src/governor/typing';

describe('the typing rhythm', () => {
  const typed = (...timesMs: number[]) => {
    const rhythm = new TypingRhythm();
    timesMs.forEach((timeMs) => {
      rhythm.key(timeMs);
    });
    return rhythm;
  };

  it('is the median gap between keys', () => {
    assert.equal(typed(0, 100, 210, 300, 390).gapMs(400), 100);
  });

  it('leaves out pauses', () => {
    assert.equal(typed(0, 100, 200, 900, 1000, 1100).gapMs(1150), 100);
  });

  it('counts the changes of one key once: pasted lines, closed brackets', () => {
    assert.equal(typed(0, 100, 101, 102, 103, 200, 201).gapMs(210), 100);
  });

  it('ends with a pause', () => {
    assert.equal(typed(0, 100, 200).gapMs(601), undefined);
  });

  it('is not known from one gap', () => {
    assert.equal(typed(0, 100).gapMs(110), undefined);
  });

  it('restarts after a long pause', () => {
    assert.equal(typed(0, 300, 600, 10_000, 10_050, 10_100).gapMs(10_110), 50);
  });

  it('follows a user who gets faster', () => {
    const slow = Array.from({ length: 12 }, (_, i) => i * 300);
    const fast = Array.from({ length: 12 }, (_, i) => 3300 + (i + 1) * 60);
    assert.equal(typed(...slow, ...fast).gapMs(4030), 60);
  });

  describe('and the pauses in it', () => {
    /** Twenty lines of five keys, and a pause after each. */
    const lines = new TypingRhythm();
    for (let key = 0, timeMs = 0; key < 100; key++) {
      const isLineEnd = key % 5 === 4;
      lines.key(timeMs, isLineEnd ? 'statement end' : 'inside a word');
      timeMs += isLineEnd ? 1500 : 120;
    }

    it('are learned by the place of the cursor after the last key', () => {
      const [atLineEnd, inWord] = [lines.pauseChance('statement end'), lines.pauseChance('inside a word')];
      assert.ok(atLineEnd > 0.5, String(atLineEnd));
      assert.ok(inWord < 0.02, String(inWord));
    });

    it('are most likely at the start of a block before any typing', () => {
      const fresh = new TypingRhythm();
      const chances = PLACES.map((place) => fresh.pauseChance(place));
      assert.ok(chances.every((chance) => chance > 0 && chance <= fresh.pauseChance('block start')));
    });

    it('follow a user who changes', () => {
      const hand = new TypingRhythm();
      let timeMs = 0;
      const type = (gapMs: number, keys: number) => {
        for (let i = 0; i < keys; i++) hand.key((timeMs += gapMs), 'after a dot');
      };
      type(600, 2000);
      assert.ok(hand.pauseChance('after a dot') > 0.9);
      type(100, 2000);
      assert.ok(hand.pauseChance('after a dot') < 0.1);
    });
  });
});
