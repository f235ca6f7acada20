import assert from 'node:assert/strict';
import { currentGhostText, type GhostText, readyRefinement } from '../../../../src/completion/reuse/currentGhostText';
import { generationAt, planAt, sinceAt } from './earlier';

const { key: settingsKey } = planAt('█').settings;
const byS = generationAt('a = █', 'f(x);');
const ghostText: GhostText = { generation: byS, settingsKey, shownAt: 'a = ' };
const refinedTo = (text: string): GhostText => ({
  ...ghostText,
  refinement: generationAt('a = █', text, { submodel: 'XL', purpose: 'refinement' }),
});
const shown = (ghost: GhostText, drawn: string) => currentGhostText(ghost, sinceAt(drawn), settingsKey);

describe('the ghost text', () => {
  const cases: [string, GhostText, string, [string, string] | undefined][] = [
    ['stays while nothing is typed', ghostText, 'a = █', ['S', 'f(x);']],
    ['shrinks while it is typed', ghostText, 'a = f(█', ['S', 'x);']],
    ['disappears if other text is typed', ghostText, 'a = g█', undefined],
    ['is not replaced by a refinement before a key', refinedTo('f(x, y);'), 'a = █', ['S', 'f(x);']],
    ['is replaced by a refinement that agrees with the next key', refinedTo('f(x, y);'), 'a = f█', ['XL', '(x, y);']],
    ['is replaced if only the refinement agrees with the key', refinedTo('g(y);'), 'a = g█', ['XL', '(y);']],
    ['stays if only the refinement disagrees with the key', refinedTo('g(y);'), 'a = f█', ['S', '(x);']],
  ];
  for (const [name, ghost, drawn, expected] of cases) {
    it(name, () => {
      const now = shown(ghost, drawn);
      assert.deepEqual(now && [now.generation.submodel, now.suggestion.text], expected);
      assert.equal(now?.ghostText.generation, now?.generation);
    });
  }

  it('disappears if the settings changed', () => {
    assert.equal(currentGhostText(ghostText, sinceAt('a = █'), 'other settings'), undefined);
  });

  it('keeps a refinement that disagreed with a key that is deleted again', () => {
    const kept = shown(refinedTo('g(y);'), 'a = f█')!.ghostText;
    assert.equal(shown(kept, 'a = g█')?.generation.submodel, 'XL');
  });

  it('is replaced only after a key since it was last shown', () => {
    const { ghostText: at } = shown(ghostText, 'a = f█')!;
    const refined = { ...at, refinement: refinedTo('f(x, y);').refinement! };
    assert.equal(shown(refined, 'a = f█')?.generation.submodel, 'S');
    assert.equal(shown(refined, 'a = f(█')?.generation.submodel, 'XL');
  });
});

describe('a refinement that is ready', () => {
  const ready = (change: Parameters<typeof planAt>[1], ghost = refinedTo('g(y);'), drawn = 'a = █') =>
    readyRefinement(ghost, sinceAt(drawn), planAt(drawn, change))?.suggestion.text;

  it('serves a plan for the submodel that wrote it, also before a key', () => {
    assert.equal(ready({ submodel: 'XL' }), 'g(y);');
  });

  const unfit: [string, ReturnType<typeof ready>][] = [
    ['another submodel', ready({ submodel: 'L' })],
    ['a block, if it is the rest of a line', ready({ submodel: 'XL', multiline: true })],
    ['other settings', ready({ submodel: 'XL' }, { ...refinedTo('g(y);'), settingsKey: 'other settings' })],
    ['a text that diverged from it', ready({ submodel: 'XL' }, refinedTo('g(y);'), 'a = h█')],
    ['anything if there is none', ready({ submodel: 'S' }, ghostText)],
  ];
  for (const [name, text] of unfit) {
    it(`does not serve ${name}`, () => {
      assert.equal(text, undefined);
    });
  }
});
