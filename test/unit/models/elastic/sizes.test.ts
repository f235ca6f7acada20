import assert from 'node:assert/strict';
import { frontierOf, type MeasuredWidths, saves, sizesOf } from '../../../../src/models/elastic/sizes';
import { shape as model } from './shape';

describe('the sizes of a searched model', () => {
  const { layers, ffnSize } = model;
  const row = (share: number, loss: number): MeasuredWidths => ({
    widths: Array<number>(layers).fill(share * ffnSize),
    loss,
    agreement: 1 - loss,
  });

  it('are the narrowest submodels within the limits', () => {
    const rows = [row(0.875, 0.01), row(0.75, 0.019), row(0.625, 0.021), row(0.5, 0.05), row(0.375, 0.11), row(0.25, 0.2)];
    assert.deepEqual(sizesOf(model, rows), { L: rows[1]!.widths, M: rows[3]!.widths, S: rows[4]!.widths });
    assert.deepEqual(sizesOf(model, rows.toReversed()), sizesOf(model, rows), 'in any order');
  });

  it('are dropped if they save little over the next larger one, or lose too much', () => {
    assert.deepEqual(Object.keys(sizesOf(model, [row(0.75, 0.019), row(0.25, 0.2)])), ['L']);
    assert.deepEqual(sizesOf(model, [row(0.5, 0.3)]), {});
    assert.deepEqual(sizesOf(model, [row(1 - 1 / 64, 0.001)]), {}, 'XL is the next larger one');
    assert.deepEqual(Object.keys(sizesOf(model, [row(0.5, 0.04), row(0.5 - 1 / 64, 0.1)])), ['M']);
  });

  it('are rows of the frontier, which ends with XL and has no row that a cheaper one equals', () => {
    const rows = [row(0.75, 0.019), row(0.625, 0.06), row(0.5, 0.05), row(0.375, 0.09), row(0.25, 0.3), row(1, 0)];
    const frontier = frontierOf(model, sizesOf(model, rows), rows, 0.8);
    assert.deepEqual(
      frontier.map(({ name }) => name),
      ['S', 'M', 'L', 'XL'],
    );
    assert.deepEqual(
      frontier.map(({ bitsPerByte }) => bitsPerByte),
      [0.872, 0.84, 0.8152, 0.8],
    );
    const [small] = frontierOf(model, {}, rows, 0.8);
    assert.equal(small?.name, 'mix 38');
    assert.equal(small.agreementWithXL, 0.91);
    const lucky = frontierOf(model, {}, [row(0.5, -0.01), row(1, 0)], 0.8);
    assert.equal(lucky.at(-1)?.name, 'XL', 'XL stays though a submodel seems better');
  });

  it('are worth weights that have grown only if the narrowest saves more than that', () => {
    assert.ok(saves(100, 100, 99), 'weights of 8 bits do not grow');
    assert.ok(saves(100, 100.5, Infinity), 'a drafter alone pays if nothing has grown');
    assert.ok(saves(100, 112, 87));
    assert.ok(!saves(100, 112, 89));
    assert.ok(!saves(100, 112, Infinity));
  });
});
