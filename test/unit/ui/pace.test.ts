import assert from 'node:assert/strict';
import { type PaceFacts, paceOf } from '../../../src/ui/pace';
import type { Strain } from '../../../src/ui/strain';

const POWER: Strain = { cause: 'power', short: 'power', long: 'the machine runs on battery' };

/** Sizes XS to XL with these times. */
function facts(times: readonly (number | undefined)[], change: Partial<PaceFacts> = {}): PaceFacts {
  const sizes = ['XS', 'S', 'M', 'L', 'XL'].map((name, i) => ({ name, predictedMs: times[i] }));
  return { sizes, budgetMs: 200, strains: [], isDeclining: false, ...change };
}

describe('what is different on a slow machine', () => {
  const cases: readonly [what: string, facts: PaceFacts, text: RegExp | undefined, advice: RegExp | undefined][] = [
    ['nothing before the first measurement', facts([]), undefined, undefined],
    ['nothing if M answers in time', facts([20, 50, 200, 300, 600]), undefined, undefined],
    [
      'only XS and S answer in time',
      facts([90, 190, 201, 300, 600]),
      /only XS and S answer within 200 ms/,
      /matcoder\.threads/,
    ],
    ['only XS answers in time', facts([90, 290, 300, 400, 600]), /only XS answers within 200 ms/, /Re-detect/],
    ['no size answers in time', facts([1200, 2000, 3000, 4000, 6000]), /no size answers within 200 ms/, /threads/],
    [
      'the user’s own budget counts',
      facts([20, 50, 90, 120, 150], { budgetMs: 60 }),
      /only XS and S answer within 60 ms/,
      /threads/,
    ],
    [
      'a cause that passes is named',
      facts([90, 190, 201, 300, 600], { strains: [POWER] }),
      /only XS and S/,
      /On mains/,
    ],
    [
      'requests are skipped on a fast machine',
      facts([1, 2, 3, 4, 5], { isDeclining: true }),
      /has used its share of the processor, so some requests are skipped/,
      /return in a pause/,
    ],
    [
      'requests are skipped on battery',
      facts([1, 2, 3, 4, 5], { isDeclining: true, strains: [POWER] }),
      /some requests are skipped/,
      /On mains/,
    ],
    [
      'nothing of a model with two sizes',
      { ...facts([]), sizes: [{ name: 'S', predictedMs: 500 }] },
      undefined,
      undefined,
    ],
  ];
  for (const [what, input, text, advice] of cases) {
    it(what, () => {
      const pace = paceOf(input);
      if (text && advice) {
        assert.match(pace?.text ?? '', text);
        assert.match(pace?.advice ?? '', advice);
      } else assert.equal(pace, undefined);
    });
  }
});
