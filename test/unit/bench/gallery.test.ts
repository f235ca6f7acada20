import assert from 'node:assert/strict';
import { fused, Gallery, type Ranking, type SourceFile, withinChars } from '../../../bench/gallery';
import { GRAMMARS } from '../search/workspace';

/** Its embeddings count some words, so that a synonym is as near as the word. */
const MEANINGS = [/\b(?:area|surface)\b/g, /\b(?:price|cost)\b/g, /\bopen\b/g];
const embedded: string[] = [];
const encoder = {
  embedTexts: (texts: readonly string[]) => {
    embedded.push(...texts);
    return Promise.resolve(
      texts.map((text) => {
        const counts = MEANINGS.map((word) => 0.01 + (text.match(word) ?? []).length);
        const length = Math.hypot(...counts);
        return Float32Array.from(counts, (count) => count / length);
      }),
    );
  },
  tokenizer: { encode: (text: string) => Array.from(text, () => 0) },
  config: { maxInput: 100 },
};

const shop: SourceFile = {
  path: 'src/shop.ts',
  text: `export function paid(item) {
  const cost = item.cost;
  const tax = cost / 5;
  return cost + tax;
}

export function walled(room) {
  const surface = room.wide * room.high;
  const door = room.door;
  return surface - door;
}
`,
};
const PREFIX = 'function painted(room) {\n  const area = ';
const gallery = (snippetChars = 900) => new Gallery(encoder, GRAMMARS, snippetChars);
const firstLine = async (ranking: Ranking, files: readonly SourceFile[] = [shop], prefix = PREFIX) =>
  (await gallery().find(files, 'src/paint.ts', prefix, ranking))[0]?.text.split('\n')[0];

describe('the pieces that a prompt may quote', () => {
  it('are found by their meaning if no word is the same', async () => {
    assert.equal(await firstLine({ submodel: 'S' }, [shop], 'let area = 1;'), 'export function walled(room) {');
    assert.equal(await firstLine({ byWords: true }, [shop], 'let area = 1;'), undefined);
  });

  it('are found by shared words', async () => {
    assert.equal(
      await firstLine({ byWords: true }, [shop], 'const tax = cost / 6;\nreturn cost + tax;'),
      'export function paid(item) {',
    );
  });

  it('are embedded once, however many cursors there are', async () => {
    const one = gallery();
    embedded.length = 0;
    await one.find([shop], 'src/a.ts', PREFIX, { submodel: 'S' });
    await one.find([shop], 'src/b.ts', PREFIX, { submodel: 'XL' });
    assert.equal(embedded.filter((text) => text.startsWith('export')).length, 2);
  });

  it('are of the same language as the file', async () => {
    assert.equal(await firstLine({ submodel: 'S' }, [{ ...shop, path: 'src/shop.py' }]), undefined);
  });

  it('are not looked for before anything is written', async () => {
    assert.equal(await firstLine({ submodel: 'S' }, [shop], '\n  \n'), undefined);
  });

  it('are asked for by the last lines if the encoder cannot read all of them', async () => {
    embedded.length = 0;
    await firstLine({ submodel: 'S' }, [shop], `${'x'.repeat(99)}\nopen\narea = `);
    assert.ok(embedded.includes('open\narea = '));
  });
});

describe('a fusion of orders', () => {
  it('prefers what is high in both', () => {
    assert.equal(
      fused([
        ['a', 'b', 'c'],
        ['d', 'b', 'e'],
      ])[0],
      'b',
    );
  });

  it('has what only one of them knows', () => {
    assert.deepEqual(fused([['a'], []]), ['a']);
  });
});

describe('a chunk that is cut to a number of characters', () => {
  it('keeps the first whole lines that fit', () => {
    assert.equal(withinChars('one\ntwo\nthree', 7), 'one\ntwo');
    assert.equal(withinChars('one\ntwo\nthree', 6), 'one');
  });

  it('leaves out very long lines', () => {
    assert.equal(withinChars(`one\n${'x'.repeat(201)}\ntwo`, 900), 'one\ntwo');
  });
});
