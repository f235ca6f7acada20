import assert from 'node:assert/strict';
import { bytesPerToken } from '../../../../src/matlm/submodel';
import { draftersOf, fastest } from '../../../../src/models/elastic/drafter';
import { shape as model } from './shape';

describe('the choice of a drafter', () => {
  it('is the fastest by the median of the rounds, each next to copying alone in the same round', () => {
    assert.equal(fastest([[10, 8, 9]], 1.03), 1);
    // The machine was slow in the second round, which every way felt.
    const rounds = [
      [10, 9, 9.5],
      [30, 27, 29],
      [10, 12, 9.4],
    ];
    assert.equal(fastest(rounds, 1.03), 1);
  });

  it('is none if the gain is small', () => {
    assert.equal(fastest([[10, 9.8, 10.4]], 1.03), undefined);
    assert.equal(fastest([[10, 9.8, 10.4]], 1.01), 1);
    assert.equal(fastest([[10]], 1.03), undefined);
  });

  it('is among submodels that skip the layers that are missed least, and that are cheap enough to draft', () => {
    const order = Array.from({ length: model.layers }, (_, layer) => layer).toReversed();
    const found = draftersOf(model, order);
    assert.ok(found.length >= 4 && new Set(found.map(String)).size === found.length);
    const full = bytesPerToken(model, Array<number>(model.layers).fill(model.ffnSize));
    for (const widths of found) {
      assert.ok(widths.every((width) => width % 32 === 0 && width < model.ffnSize));
      assert.ok(bytesPerToken(model, widths) <= 0.8 * full);
      const skipped = widths.filter((width) => width === 0).length;
      assert.ok(widths.slice(model.layers - skipped).every((width) => width === 0));
    }
    const mostlyHead = { ...model, vocabularySize: 1_000_000 };
    assert.deepEqual(draftersOf(mostlyHead, order), [], 'every submodel reads the whole head');
    assert.ok(found.some((widths) => widths.includes(0)) && found.some((widths) => !widths.includes(0)));
  });
});
