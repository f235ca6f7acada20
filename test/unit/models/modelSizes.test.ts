import assert from 'node:assert/strict';
import { elasticRecordOf } from '../../../src/models/elastic/record';
import { modelSizesOf, moreBitsOf } from '../../../src/models/modelSizes';

const row = (name: string, ffnWidths: number[], bytesPerToken: number, bitsPerByte: number) => ({
  name,
  ffnWidths,
  bytesPerToken,
  bitsPerByte,
});
const CONFIG = {
  matformer: {
    granularities: { XL: [64, 64], S: [32, 32], M: [32, 64], XS: [0, 32] },
    frontier: [row('XS', [0, 32], 1, 3), row('S', [32, 32], 2, 1.12), row('M', [32, 64], 3, 1.05), row('XL', [64, 64], 4, 1)],
    elastic: { sample: 'bundled', createdAt: '2026-02-01T00:00:00Z', heldOutBytes: 90_000, newer: 1 },
  },
};

describe('the sizes of a model in the library', () => {
  it('are those that answer, smallest first, with what was measured', () => {
    const sizes = modelSizesOf(CONFIG);
    assert.deepEqual(sizes, [
      { name: 'S', ffnShare: 0.5, bytesPerToken: 2, bitsPerByte: 1.12 },
      { name: 'M', ffnShare: 0.75, bytesPerToken: 3, bitsPerByte: 1.05 },
      { name: 'XL', ffnShare: 1, bytesPerToken: 4, bitsPerByte: 1 },
    ]);
    assert.deepEqual(
      sizes.map((size) => Math.round(100 * moreBitsOf(size, sizes)!)),
      [12, 5, 0],
    );
  });

  it('are none if it has one, or if the file says nothing of use', () => {
    for (const matformer of [
      undefined,
      3,
      {},
      { granularities: { XL: [64] } },
      { granularities: { S: [32] } },
      { granularities: { S: [0, 32], XL: [64, 64] } },
      { granularities: { S: 'narrow', XL: [64] }, frontier: 'x' },
    ])
      assert.deepEqual(modelSizesOf({ matformer }), [], JSON.stringify(matformer));
    assert.deepEqual(modelSizesOf('no config'), []);
  });

  it('are there without figures too, as those of a model that was trained nested and not measured', () => {
    const sizes = modelSizesOf({ matformer: { granularities: { S: [32], XL: [64] }, frontier: [{ name: 'S', bitsPerByte: -1 }] } });
    assert.deepEqual(sizes[0], { name: 'S', ffnShare: 0.5, bytesPerToken: undefined, bitsPerByte: undefined });
    assert.equal(moreBitsOf(sizes[0], sizes), undefined);
  });

  it('say on whose text they were found, if they were not trained', () => {
    assert.deepEqual(elasticRecordOf(CONFIG), {
      sample: 'bundled',
      createdAt: '2026-02-01T00:00:00Z',
      heldOutBytes: 90_000,
    });
    assert.deepEqual(elasticRecordOf({ matformer: { elastic: { createdAt: 'soon', heldOutBytes: -1 } } }), {});
    assert.equal(elasticRecordOf({ matformer: {} }), undefined);
    assert.equal(elasticRecordOf(undefined), undefined);
  });
});
