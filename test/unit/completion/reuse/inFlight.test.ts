import assert from 'node:assert/strict';
import type { Purpose } from '../../../../src/completion/plan';
import { mayBecome } from '../../../../src/completion/reuse/inFlight';
import { inFlightAt, planAt, sinceAt } from './earlier';

describe('a decode in flight', () => {
  const cases: [Purpose, string, string, boolean][] = [
    ['requested', 'f(', 'f', true],
    ['requested', 'f(', 'f(x', true],
    ['requested', '', 'f', true],
    ['requested', 'f(', 'g', false],
    ['speculative', '', 'f', true],
    ['refinement', 'f(', 'f', true],
    ['refinement', 'f(', 'f(x', false],
    ['refinement', '', 'f', false],
    ['refinement', '', '', true],
  ];
  for (const [purpose, written, typed, expected] of cases) {
    it(`that is ${purpose} and has written "${written}" may ${expected ? '' : 'not '}answer after "${typed}"`, () => {
      assert.equal(mayBecome({ written, purpose }, typed), expected);
    });
  }

  const { key } = planAt('█').settings;

  it('is joined by a request whose typed text agrees', () => {
    assert.equal(inFlightAt('a = █', 'f(').isJoinable(sinceAt('a = f█'), key), true);
  });

  it('is not joined after other text, in another document, or under other settings', () => {
    const inFlight = inFlightAt('a = █', 'f(');
    assert.equal(inFlight.isJoinable(sinceAt('a = g█'), key), false);
    assert.equal(inFlight.isJoinable(sinceAt('█'), key), false);
    assert.equal(inFlight.isJoinable(sinceAt('a = f█', 'file:///b.ts'), key), false);
    assert.equal(inFlight.isJoinable(sinceAt('a = f█'), 'other settings'), false);
  });

  describe('after an edit', () => {
    it('survives its own text, key by key', () => {
      const inFlight = inFlightAt('a = █', 'f(x)');
      assert.equal(inFlight.survives('f', 0), true);
      assert.equal(inFlight.survives('(', 0), true);
      assert.equal(inFlight.survives('y', 0), false);
    });

    it('survives brackets that the editor closes by itself', () => {
      const inFlight = inFlightAt('a = █', 'f(x)');
      assert.equal(inFlight.survives('f', 0), true);
      assert.equal(inFlight.survives('()', 0), true);
      assert.equal(inFlight.survives('x', 0), true);
    });

    it('survives a comment that the editor closes by itself', () => {
      const inFlight = inFlightAt('█', '/** Adds two numbers. */');
      assert.equal(inFlight.survives('/** */', 0), true);
      assert.equal(inFlight.survives(' A', 0), true);
    });

    it('does not survive a deletion, unless it is speculative', () => {
      assert.equal(inFlightAt('a = █', 'f(').survives('', 1), false);
      assert.equal(inFlightAt('a = █', 'f(', 'speculative').survives('', 1), true);
    });
  });

  it('stops with a reason', () => {
    const inFlight = inFlightAt('a = █', '');
    inFlight.stop();
    assert.equal(inFlight.signal.reason, 'its decode is no longer needed');
  });
});
