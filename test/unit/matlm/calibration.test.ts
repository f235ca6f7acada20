import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { FEATURES } from '../../../src/completion/decode/confidence';
import { readCalibration } from '../../../src/matlm/calibration';
import { temporaryFolder } from '../../temporary';
import { shipped } from '../model';

describe('the calibration of a checkpoint', () => {
  const file = join(temporaryFolder(), 'confidence.json');

  it('is read if it is complete', async () => {
    writeFileSync(file, '{ "features": ["constant"], "weights": [0.5] }');
    assert.deepEqual(await readCalibration(file), { features: ['constant'], weights: [0.5] });
  });

  it('may be missing', async () => {
    assert.equal(await readCalibration(join(file, '..', 'none.json')), undefined);
  });

  const faults: [string, string, RegExp][] = [
    ['half a file', '{ "features": [', /confidence\.json: it is not JSON\. Recreate it/],
    ['another JSON', '[]', /it does not give a number for every feature/],
    ['a weight too few', '{ "features": ["a", "b"], "weights": [1] }', /every feature/],
    ['a weight that is not a number', '{ "features": ["a"], "weights": ["1"] }', /every feature/],
  ];
  for (const [name, text, message] of faults) {
    it(`is an error if it is ${name}`, async () => {
      writeFileSync(file, text);
      await assert.rejects(readCalibration(file), message);
    });
  }

  it('of the shipped model has the features that are computed', async () => {
    const { calibration } = await shipped();
    assert.ok(calibration, 'it has none');
    assert.deepEqual(calibration.features, FEATURES);
    assert.equal(calibration.weights.length, FEATURES.length);
  });
});
