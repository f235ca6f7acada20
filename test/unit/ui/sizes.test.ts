import assert from 'node:assert/strict';
import type { CheckpointConfig } from '../../../src/matlm/config';
import { labelOf, tiersOf } from '../../../src/ui/sizes';
import { exampleConfig } from '../model';

const config = exampleConfig();

describe('a submodel is called', () => {
  const cases: [name: string, shortName: string, level: number][] = [
    ['XS', 'XS', 0],
    ['M', 'M', 2],
    ['XL', 'XL', 4],
    ['mix 4-0-4-4-4-4', 'XS+', 0.5],
    ['mix 4-4-4-4-4-8', 'S+', 1.5],
    ['mix 32-32-16-16-32-32', 'L+', 3.5],
  ];
  for (const [name, shortName, level] of cases) {
    it(`${shortName} if it is ${name}`, () => {
      assert.deepEqual(labelOf(config, name), { shortName, level });
    });
  }

  it('by its own name, after all sizes, if it is of an imported model', () => {
    assert.deepEqual(labelOf(config, 'Other'), { shortName: 'Other', level: 5 });
  });
});

describe('the tiers', () => {
  const names = (of: CheckpointConfig) => tiersOf(of).map(({ name }) => name);

  it('are the named sizes if they rise by about the same factor', () => {
    assert.deepEqual(names(config), ['XS', 'S', 'M', 'L', 'XL']);
  });

  it('are mixes if no named size is near', () => {
    const { XS, XL } = config.granularities;
    const sparse = { ...config, granularities: { XS: XS!, XL: XL! } };
    const tiers = tiersOf(sparse);
    assert.equal(tiers.length, 5);
    assert.deepEqual([tiers[0]?.name, tiers[4]?.name], ['XS', 'XL']);
    const factors = tiers.slice(1).map((tier, i) => tier.bytesPerToken / tiers[i]!.bytesPerToken);
    for (const factor of factors) assert.ok(factor > 1.25 && factor < 1.5, `${factors.join(', ')} are alike`);
  });

  it('are the named sizes if nothing was measured', () => {
    assert.deepEqual(names({ ...config, frontier: [] }), ['XS', 'S', 'M', 'L', 'XL']);
  });
});
