import assert from 'node:assert/strict';
import { IconSet } from '../../../src/pictures/iconSet';
import { PictureFault } from '../../../src/pictures/picture';

const SET = {
  prefix: 'mdi',
  width: 24,
  height: 24,
  icons: {
    home: { body: '<path d="M1 1"/>' },
    wide: { body: '<path d="M2 2"/>', width: 48, left: -4 },
    old: { body: '<path d="M3 3"/>', hidden: true },
  },
  aliases: {
    house: { parent: 'home' },
    'home-turned': { parent: 'house', rotate: 1, hFlip: true },
    'home-turned-back': { parent: 'home-turned', rotate: 3, hFlip: true },
    lost: { parent: 'nothing' },
    round: { parent: 'about' },
    about: { parent: 'round' },
  },
};

describe('a set of icons', () => {
  const set = IconSet.parse(JSON.stringify(SET));

  it('names its icons and the aliases that are drawn differently', () => {
    assert.equal(set.prefix, 'mdi');
    assert.deepEqual(set.names, ['home', 'wide', 'home-turned', 'home-turned-back']);
  });

  it('draws an icon in its view box, and an alias as its icon', () => {
    const home = set.svg('home') ?? '';
    assert.match(home, /width="24" height="24" viewBox="0 0 24 24"><path d="M1 1"\/><\/svg>$/);
    assert.equal(set.svg('house'), home);
    assert.match(set.svg('wide') ?? '', /width="48" height="24" viewBox="-4 0 48 24"/);
  });

  it('turns and flips an alias about the middle, and adds to what its parent does', () => {
    assert.match(
      set.svg('home-turned') ?? '',
      /<g transform="translate\(12 12\) rotate\(90\) scale\(-1 1\) translate\(-12 -12\)">/,
    );
    assert.equal(set.svg('home-turned-back'), set.svg('home'));
  });

  it('has no drawing for names that are not there, that lead nowhere, or in circles', () => {
    for (const name of ['missing', 'lost', 'round', 'constructor', '__proto__'])
      assert.equal(set.svg(name), undefined, name);
  });

  it('leaves out what has the wrong type, and drawings that are too long', () => {
    const odd = IconSet.parse(
      JSON.stringify({
        prefix: 'odd',
        width: 'wide',
        icons: {
          a: 5,
          b: { body: 7 },
          c: { body: '<g/>', height: null, rotate: 0.5 },
          d: { body: 'x'.repeat(300_000) },
        },
        aliases: [],
      }),
    );
    assert.deepEqual([odd.svg('a'), odd.svg('b'), odd.svg('d')], [undefined, undefined, undefined]);
    assert.match(odd.svg('c') ?? '', /viewBox="0 0 16 16"><g\/>/);
  });

  for (const text of ['', '[]', 'null', '{"prefix": "a"}', '{"icons": {}}', '{"prefix": 1, "icons": {}}'])
    it(`is not ${JSON.stringify(text)}`, () => {
      assert.throws(() => IconSet.parse(text), PictureFault);
    });

  it('is bounded', () => {
    const icons = Object.fromEntries(Array.from({ length: 20_010 }, (_, i) => [`i${i}`, { body: '<g/>' }]));
    assert.equal(IconSet.parse(JSON.stringify({ prefix: 'many', icons })).names.length, 20_000);
  });
});
