import assert from 'node:assert/strict';
import { SnippetIndex, StableSnippets } from '../../../../src/completion/prompt/snippets';

const filler = (word: string, lines: number) =>
  Array.from({ length: lines }, (_, i) => `const ${word}${i} = make${word}(${word}${i + 1});`).join('\n');
const never = () => 0;

describe('snippets of other documents', () => {
  const order = 'export interface Order {\n  readonly customer: string;\n  readonly total: number;\n}';
  const before = 'function describeOrder(order: Order) {\n  const customer = order.customer;\n  const total = order.';

  it('share the most words with the text before the cursor', () => {
    const index = new SnippetIndex(8);
    index.set('file:///fruit.ts', 'fruit.ts', filler('Apple', 40));
    index.set('file:///order.ts', 'order.ts', order);
    assert.deepEqual(index.find('file:///a.ts', before, 1, never, 1), [{ path: 'order.ts', text: order }]);
  });

  it('never come from the document itself, nor from dissimilar text', () => {
    const index = new SnippetIndex(8);
    index.set('file:///order.ts', 'order.ts', order);
    index.set('file:///fruit.ts', 'fruit.ts', filler('Apple', 40));
    assert.deepEqual(index.find('file:///order.ts', before, 3, never, 1), []);
  });

  it('do not overlap', () => {
    const index = new SnippetIndex(8);
    index.set('file:///order.ts', 'order.ts', `${filler('Pear', 12)}\n${order}\n${filler('Plum', 12)}`);
    const found = index.find('file:///a.ts', order, 5, never, 1);
    assert.equal(found.filter(({ text }) => text.includes('interface Order')).length, 1);
  });

  describe('stay the same', () => {
    const other = order.replace('interface Order', 'interface OtherOrder');
    const long = filler('Apple', 40);
    const place = { document: 'a.ts', start: 0, prefix: before, suffix: `\n${long.slice(0, 999)}` };
    const cases: [string, boolean, Partial<typeof place>][] = [
      ['while the user types', true, { prefix: `${before}total` }],
      ['while the editor closes a bracket', true, { prefix: `${before}f(`, suffix: `)\n${long.slice(0, 998)}` }],
      ['unless the prompt’s window moves', false, { start: 1000 }],
      ['unless other text follows the cursor', false, { suffix: '\n}' }],
      ['unless another document is completed', false, { document: 'b.ts' }],
    ];
    for (const [name, stay, change] of cases) {
      it(name, () => {
        const index = new SnippetIndex(8);
        index.set('other.ts', 'other.ts', filler('Pear', 4));
        index.set('order.ts', 'order.ts', order);
        const stable = new StableSnippets(index, 1);
        const at = ({ document, start, ...excerpt }: typeof place) =>
          stable.at(document, start, excerpt, never, 1).map(({ path }) => path);
        assert.deepEqual(at(place), ['order.ts']);
        index.set('order.ts', 'order.ts', 'nothing();');
        index.set('other.ts', 'other.ts', other);
        assert.deepEqual(at({ ...place, ...change }), [stay ? 'order.ts' : 'other.ts']);
      });
    }
  });

  for (const [name, forget] of [
    [
      'it',
      (index: SnippetIndex) => {
        index.delete('src/order.ts');
      },
    ],
    [
      'its folder',
      (index: SnippetIndex) => {
        index.delete('src');
      },
    ],
    [
      'everything',
      (index: SnippetIndex) => {
        index.clear();
      },
    ],
  ] as const) {
    it(`are removed when ${name} is forgotten, even at the same place`, () => {
      const index = new SnippetIndex(8);
      const stable = new StableSnippets(index, 1);
      const at = () => stable.at('a.ts', 0, { prefix: before, suffix: '\n' }, never, 1).map(({ path }) => path);
      index.set('src/order.ts', 'src/order.ts', order);
      assert.deepEqual(at(), ['src/order.ts']);
      forget(index);
      assert.deepEqual(at(), []);
    });
  }

  it('stay if their file was read again and is the same, and go at once if it is another', () => {
    const index = new SnippetIndex(8);
    index.set('order.ts', 'order.ts', order);
    const { revision } = index;
    index.replace('order.ts', 'order.ts', order);
    assert.equal(index.revision, revision);
    const { forgotten } = index;
    index.replace('order.ts', 'order.ts', `${order}\n`);
    assert.ok(index.forgotten > forgotten);
  });

  it('appear later at a place if other files are read late', () => {
    const index = new SnippetIndex(8);
    const stable = new StableSnippets(index, 1);
    const at = () => stable.at('a.ts', 0, { prefix: before, suffix: '\n' }, never, 1).map(({ path }) => path);
    assert.deepEqual(at(), []);
    index.set('fruit.ts', 'fruit.ts', filler('Apple', 40));
    assert.deepEqual(at(), []);
    index.set('order.ts', 'order.ts', order);
    assert.deepEqual(at(), ['order.ts']);
  });

  it('are replaced by those of a more similar file that is read later', () => {
    const index = new SnippetIndex(8);
    const stable = new StableSnippets(index, 1);
    const at = () => stable.at('a.ts', 0, { prefix: before, suffix: '\n' }, never, 1).map(({ path }) => path);
    index.set('half.ts', 'half.ts', order.split('\n').slice(0, 4).join('\n') + filler('Apple', 4));
    assert.deepEqual(at(), ['half.ts']);
    index.set('order.ts', 'order.ts', order);
    assert.deepEqual(at(), ['order.ts']);
    index.set('order.ts', 'order.ts', 'nothing();');
    assert.deepEqual(at(), ['order.ts'], 'a saved file does not change the prompt');
  });

  it('come from the most recently used documents in their current version', () => {
    const index = new SnippetIndex(2);
    for (const name of ['a.ts', 'b.ts', 'c.ts']) index.set(name, name, order);
    index.set('b.ts', 'b.ts', 'nothing();');
    const paths = index.find('x.ts', before, 9, never, 1).map(({ path }) => path);
    assert.deepEqual(paths, ['c.ts']);
  });

  it('are in the language of the document or a dialect of it', () => {
    const index = new SnippetIndex(9);
    for (const name of ['a.ts', 'b.py', 'c.jsx', 'd.abc']) index.set(name, name, order);
    const quotedIn = (document: string) =>
      index
        .find(document, before, 9, never, 1)
        .map(({ path }) => path)
        .sort();
    assert.deepEqual(quotedIn('file:///x.mjs'), ['a.ts', 'c.jsx']);
    assert.deepEqual(quotedIn('file:///x.py'), ['b.py']);
    assert.deepEqual(quotedIn('file:///x.abc'), ['d.abc']);
    assert.deepEqual(quotedIn('file:///x.xyz'), []);
  });

  it('are those found before the deadline', () => {
    const index = new SnippetIndex(8);
    index.set('late', 'late.ts', order);
    index.set('first', 'first.ts', filler('Apple', 300));
    const isOver = () => 1;
    assert.deepEqual(index.find('x', before, 1, isOver, 0), []);
    index.delete('first');
    assert.equal(index.find('x', before, 1, isOver, 0)[0]?.path, 'late.ts', 'one is always searched');
  });
});
