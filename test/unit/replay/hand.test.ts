import assert from 'node:assert/strict';
import { Hand, SPEEDS } from '../../../src/replay/hand';

describe('a simulated typist', () => {
  const hand = new Hand(1, 'a.ts', 'average');

  const takes: [string, string, string, string][] = [
    ['a suggestion that is right', 'return a;', 'return a;\n}', 'return a;'],
    ['the head of a line that is right so far', 'return', 'return a;\n}', 'return'],
    ['the lines that are right of several', 'f(x);\ng(y);\nh();', 'f(x);\ng(y);\ni();', 'f(x);\ng(y);'],
    ['nothing of a line that goes wrong', 'return b;', 'return a;', ''],
    ['nothing if the first line ends too early', 'return\n}', 'return a;\n}', ''],
    ['nothing that is typed as quickly', ');', ');', ''],
  ];
  for (const [name, suggestion, rest, taken] of takes) {
    it(`accepts ${name}`, () => {
      assert.equal(hand.takes(suggestion, rest), taken);
    });
  }

  it('types in a rhythm with a long tail, faster or slower', () => {
    const text = 'abcdefghij'.repeat(100);
    for (const speed of ['slow', 'average', 'fast'] as const) {
      const gaps = Array.from({ length: 999 }, (_, i) => new Hand(1, 'a.ts', speed).gapMs(text, i + 1));
      const sorted = gaps.toSorted((a, b) => a - b);
      const median = sorted[499]!;
      assert.ok(Math.abs(median / SPEEDS[speed] - 1) < 0.1, `${speed}: ${median}`);
      assert.ok(sorted[990]! > 2 * median);
    }
  });

  it('does the same at the same place, whatever happened before', () => {
    const again = new Hand(1, 'a.ts', 'average');
    hand.gapMs('abc', 1);
    assert.equal(hand.gapMs('abc', 2), again.gapMs('abc', 2));
    assert.notEqual(hand.gapMs('abc', 2), new Hand(2, 'a.ts', 'average').gapMs('abc', 2));
  });

  it('takes longer to read longer texts, up to a limit', () => {
    assert.deepEqual(
      ['', 'ten chars.', 'x'.repeat(500)].map((text) => hand.readingMs(text)),
      [250, 330, 600],
    );
  });
});
