import assert from 'node:assert/strict';
import { SCORE_COLUMNS } from '../../../src/engine/addon';
import type { MemoryGate } from '../../../src/matlm/config';
import { bitsWith, fitGate } from '../../../src/models/fitGate';
import { Random } from '../../../src/replay/random';
import { shipped } from '../model';

/** A token that the model gives `own`, and the matches of the memory `share` if there are any. */
interface Row {
  readonly own: number;
  readonly share?: number;
  readonly length?: number;
}

function rowsOf(rows: readonly Row[]): Float32Array {
  return Float32Array.from(
    rows.flatMap(({ own, share = -1, length = 4 }) => {
      const match = share < 0 ? [0, 0, 0, 0, 0, 0, 0] : [length / 8, 0.2, 0.3, 1, 1, -1, 0];
      const none = [0, 0, 0, 0, 0, 0, 0];
      return [Math.log(own), share, -1, -1, -1, ...match, ...none, ...none, ...none, Math.log(0.5)];
    }),
  );
}

describe('the gate of the memory', () => {
  let general: MemoryGate;
  before(async () => {
    general = (await shipped()).config.gate!;
    assert.equal(SCORE_COLUMNS, 5 + 29);
  });

  /** Matches are right as often as this. */
  const sample = (count: number, right: number, seed = 1): Float32Array => {
    const random = new Random(seed);
    return rowsOf(
      Array.from({ length: count }, () => ({ own: 0.1 + 0.3 * random.next(), share: Number(random.next() < right) })),
    );
  };

  it('leaves the model alone where nothing matches', () => {
    const rows = rowsOf([{ own: 0.25 }, { own: 0.5 }]);
    assert.ok(Math.abs(bitsWith(rows, general) - 3) < 1e-5);
    assert.ok(Math.abs(bitsWith(rows, undefined) - 3) < 1e-5);
  });

  it('is finite for a token that nothing foresaw', () => {
    assert.ok(bitsWith(rowsOf([{ own: 0, share: 0 }]), general) < 100);
  });

  it('is fitted to how often matches are right, and helps on other text', async () => {
    for (const right of [0.05, 0.95]) {
      const fitted = await fitGate(sample(6000, right), general);
      const other = sample(2000, right, 2);
      const [before, after] = [bitsWith(other, general), bitsWith(other, fitted)];
      assert.ok(after < 0.97 * before, `${right}: from ${before} to ${after} bits`);
    }
  });

  it('moves less for few rows than for many', async () => {
    const other = sample(2000, 0, 2);
    const bitsAfter = async (count: number) => bitsWith(other, await fitGate(sample(count, 0), general));
    const before = bitsWith(other, general);
    const [few, many] = [before - (await bitsAfter(100)), before - (await bitsAfter(6000))];
    assert.ok(many > 0.03 * before, `many save ${many} of ${before} bits`);
    assert.ok(few < 0.7 * many, `few save ${few}, and many ${many} bits`);
  });

  it('is as it was without rows', async () => {
    assert.deepEqual(await fitGate(new Float32Array(), general), general);
  });

  it('has the shape that config.json needs', async () => {
    const { hidden, output } = await fitGate(sample(100, 1), general);
    assert.deepEqual([hidden.length, output.length], [general.hidden.length, general.output.length]);
    assert.ok([...hidden, ...output].every((row, i) => row.length === [...general.hidden, ...general.output][i]!.length));
    assert.ok([...hidden, ...output].flat().every(Number.isFinite));
  });

  it('can be stopped between two passes', async () => {
    let passes = 0;
    const fit = fitGate(sample(100, 1), general, () => {
      if (++passes === 3) throw new Error('enough');
    });
    await assert.rejects(fit, /enough/);
    assert.equal(passes, 3);
  });
});
