import assert from 'node:assert/strict';
import { mistakeAt } from '../../../src/replay/mistakes';

const TEXT = 'const value = compute(first, second);\n'.repeat(200);
const HAND = { seed: 1, file: 'a.ts', share: 0.04 };

describe('the mistakes of a typist', () => {
  const made = Array.from(TEXT, (_, offset) => ({ offset, mistake: mistakeAt(TEXT, offset, HAND) }));

  it('have the requested share of the letters', () => {
    const letters = TEXT.replace(/[^a-z]/g, '').length;
    const mistakes = made.filter(({ mistake }) => mistake);
    assert.ok(Math.abs(mistakes.length / letters - 0.04) < 0.01, String(mistakes.length / letters));
    assert.ok(mistakes.every(({ offset }) => /[a-z]/.test(TEXT[offset]!)));
  });

  it('are a wrong letter and up to two right ones of the same word', () => {
    for (const { offset, mistake } of made) {
      if (!mistake) continue;
      const { keys } = mistake;
      assert.ok(keys.length >= 1 && keys.length <= 3 && /^[a-z]+$/.test(keys), keys);
      assert.notEqual(keys[0], TEXT[offset]);
      assert.ok(TEXT.startsWith(keys.slice(1), offset + 1));
    }
    assert.deepEqual([...new Set(made.flatMap(({ mistake }) => mistake?.keys.length ?? []))].sort(), [1, 2, 3]);
  });

  it('are none if the share is 0', () => {
    assert.ok(Array.from(TEXT).every((_, offset) => !mistakeAt(TEXT, offset, { ...HAND, share: 0 })));
  });
});
