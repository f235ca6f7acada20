import assert from 'node:assert/strict';
import { EditedLines, type LineChange } from '../../../../src/workspace/memory/editedLines';

/** Lines `first` to `last` become `lines` lines. */
const change = (first: number, last: number, lines: number): LineChange => ({ first, last, lines });

/** What was changed since the text was remembered, and by line of the cursor the remembered lines that it is in. */
const CASES: readonly {
  name: string;
  changes: readonly LineChange[];
  lines: Readonly<Record<number, [number, number]>>;
}[] = [
  { name: 'nothing', changes: [], lines: { 0: [0, 0], 7: [7, 7] } },
  { name: 'a key in a line', changes: [change(4, 4, 1)], lines: { 3: [3, 3], 4: [4, 4], 5: [5, 5] } },
  { name: 'a line break', changes: [change(4, 4, 2)], lines: { 3: [3, 3], 4: [4, 4], 5: [4, 4], 6: [5, 5] } },
  {
    name: 'line breaks, one after the other',
    changes: [change(4, 4, 2), change(5, 5, 2), change(6, 6, 2)],
    lines: { 3: [3, 3], 4: [4, 4], 7: [4, 4], 8: [5, 5] },
  },
  { name: 'three lines joined', changes: [change(4, 6, 1)], lines: { 3: [3, 3], 4: [4, 6], 5: [7, 7] } },
  { name: 'ten pasted lines', changes: [change(0, 0, 11)], lines: { 0: [0, 0], 10: [0, 0], 11: [1, 1] } },
  {
    name: 'keys in two places: they count as one',
    changes: [change(2, 2, 1), change(8, 8, 1)],
    lines: { 1: [1, 1], 2: [2, 8], 5: [2, 8], 8: [2, 8], 9: [9, 9] },
  },
  {
    name: 'a line break above earlier ones',
    changes: [change(8, 8, 3), change(2, 2, 2)],
    lines: { 1: [1, 1], 2: [2, 8], 11: [2, 8], 12: [9, 9] },
  },
  {
    name: 'a line break below earlier ones',
    changes: [change(2, 2, 3), change(10, 10, 2)],
    lines: { 1: [1, 1], 2: [2, 8], 11: [2, 8], 12: [9, 9] },
  },
  {
    name: 'the lines around what was edited removed',
    changes: [change(4, 4, 2), change(3, 6, 1)],
    lines: { 2: [2, 2], 3: [3, 5], 4: [6, 6] },
  },
  {
    name: 'all lines replaced',
    changes: [change(0, 99, 50)],
    lines: { 0: [0, 99], 49: [0, 99] },
  },
];

describe('lines that were edited since a text was remembered', () => {
  for (const { name, changes, lines } of CASES) {
    it(`are known after ${name}`, () => {
      const edits = new EditedLines();
      for (const one of changes) edits.add(one);
      for (const [line, expected] of Object.entries(lines)) {
        assert.deepEqual(edits.remembered(Number(line)), expected, `line ${line}`);
      }
    });
  }

  it('are none once the text is remembered again', () => {
    const edits = new EditedLines();
    edits.add(change(2, 3, 9));
    edits.clear();
    assert.deepEqual(edits.remembered(7), [7, 7]);
  });

  it('agree with a text whose lines are numbered, after any changes', () => {
    let seed = 1;
    const random = (below: number) => (seed = (seed * 48_271) % 2_147_483_647) % below;
    for (let round = 0; round < 200; round++) {
      const edits = new EditedLines();
      // Each line is its number in the remembered text, or -1 if it was written since.
      let now = Array.from({ length: 30 }, (_, i) => i);
      for (let i = 0; i < 6; i++) {
        const first = random(now.length);
        const last = Math.min(now.length - 1, first + random(4));
        const lines = 1 + random(4);
        now = [...now.slice(0, first), ...Array.from({ length: lines }, () => -1), ...now.slice(last + 1)];
        edits.add(change(first, last, lines));
        for (const [line, number] of now.entries()) {
          const [from, to] = edits.remembered(line);
          assert.ok(from <= to && from >= 0 && to < 30);
          // A line that was not edited is in the interval, or is exactly the one that is named.
          if (number >= 0) assert.ok(from <= number && number <= to, `${number} is not in ${from} to ${to}`);
          if (from === to && number >= 0) assert.equal(from, number);
        }
      }
    }
  });
});
