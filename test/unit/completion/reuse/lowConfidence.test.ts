import assert from 'node:assert/strict';
import type { Generation } from '../../../../src/completion/reuse/generation';
import { isKnownUnsure } from '../../../../src/completion/reuse/lowConfidence';
import { planAt, sinceAt, unsureAt } from './earlier';

describe('a prediction that was rejected for low confidence', () => {
  /** Without calibration, the score is the product of the probabilities. It has to be a half at least. */
  const PIECES = [
    ['fun', 0.9],
    ['(x', 0.2],
  ] as const;
  const known = (
    drawn: string,
    change: Partial<Generation> = {},
    plan: Parameters<typeof planAt>[1] = {},
    then = 'a = █',
  ) => isKnownUnsure(unsureAt(then, PIECES, change), sinceAt(drawn), planAt(drawn, plan), undefined);

  const cases: [string, boolean, boolean][] = [
    ['is known at the same place', known('a = █'), true],
    ['is known while its text is typed', known('a = f█'), true],
    ['is known after a whole piece', known('a = fun█'), true],
    ['is not known if other text is typed', known('a = g█'), false],
    ['is not known within the last piece, which may be certain from there', known('a = fun(█'), false],
    ['is not known after all of its text', known('a = fun(x█'), false],
    ['is not known if other text follows', known('a = f█;'), false],
    ['is known if the editor closed a bracket after the cursor', known('a = f█)', {}, {}, 'a = █'), true],
    ['is not known to another submodel', known('a = f█', {}, { submodel: 'XL' }), false],
    ['is not known to a request that shows everything', known('a = f█', {}, { minScore: 0 }), false],
    ['is not known for a block', known('a = f█', {}, { multiline: true }), false],
    ['is not known if a part was shown', known('a = f█', { isUnsure: false }), false],
    ['is not known elsewhere', known('b = █'), false],
  ];
  for (const [name, actual, expected] of cases) {
    it(name, () => {
      assert.equal(actual, expected);
    });
  }

  it('is not known if the rest would be shown', () => {
    const pieces = [
      ['a', 0.4],
      [' + compute(', 0.9],
      ['x', 0.1],
    ] as const;
    assert.equal(isKnownUnsure(unsureAt('a = █', pieces), sinceAt('a = a█'), planAt('a = a█'), undefined), false);
  });

  it('is not known if the rest may reach the score with more text behind it', () => {
    const pieces = [
      ['fun', 0.4],
      ['(x', 0.9],
    ] as const;
    const isKnown = (drawn: string) =>
      isKnownUnsure(unsureAt('a = █', pieces), sinceAt(drawn), planAt(drawn), undefined);
    assert.equal(isKnown('a = █'), true);
    assert.equal(isKnown('a = fun█'), false);
  });
});
