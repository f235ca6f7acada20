import assert from 'node:assert/strict';
import { folded, mayBecome, termsOf, unfinishedIn } from '../../../src/search/words/terms';
import { type WordHit, WordIndex, type Wording } from '../../../src/search/words/wordIndex';
import { randomOf } from '../engine/shared/random';

type Files = Map<string, readonly Wording[]>;

const [K1, B, NAME, START_SHARE] = [1.5, 0.75, 5, 0.7];
/** Scores are sums of integers, which are shares of 2^30. */
const CLOSE = 1e-7;

/** BM25 as the book has it: every piece is read for every query. */
function fullScan(files: Files, query: string, isUnfinished: boolean): WordHit[] {
  const pieces = [...files].flatMap(([path, all]) =>
    all.map((piece, index) => ({ path, index, ...counted(path, piece) })),
  );
  const average = Math.max(1, pieces.reduce((sum, { length }) => sum + length, 0) / pieces.length);
  const rarity = (having: number) => Math.log(1 + (pieces.length - having + 0.5) / (having + 0.5));
  const having = (word: string) => pieces.filter(({ counts }) => counts.has(word)).length;
  const starts = isUnfinished ? unfinishedIn(query) : [];
  const unfinished = folded(starts[0] ?? '');

  const asked = new Map<string, { count: number; isCompound: boolean }>();
  for (const { word, isCompound } of termsOf(query))
    asked.set(word, {
      count: (asked.get(word)?.count ?? 0) + 1,
      isCompound: asked.get(word)?.isCompound ?? isCompound,
    });
  const weights = new Map<string, number>();
  let sum = 0;
  for (const [word, { count, isCompound }] of asked) {
    const known = having(word);
    if (known === 0 && (isCompound || word === unfinished)) continue;
    weights.set(word, count * rarity(known));
    sum += weights.get(word)!;
  }
  const exact = weights.get(unfinished) ?? 0;
  const words = new Set(pieces.flatMap(({ counts }) => [...counts.keys()]));
  const others = [...words].filter((word) => !weights.has(word) && starts.some((start) => mayBecome(word, start)));
  const rare = rarity(
    Math.min(
      pieces.length,
      others.reduce((total, word) => total + having(word), 0),
    ),
  );
  if (starts.length > 0 && exact === 0) sum += rare;

  const share = (weight: number, { counts, length }: (typeof pieces)[number], word: string) => {
    const frequency = counts.get(word) ?? 0;
    return (weight * frequency) / (frequency + K1 * (1 - B + (B * length) / average));
  };
  return pieces
    .map((piece) => {
      const finished = [...weights].filter(([word]) => starts.length === 0 || word !== unfinished);
      const start = exact > 0 ? START_SHARE * Math.min(exact, rare) : rare;
      const last =
        starts.length === 0
          ? []
          : [share(exact, piece, unfinished), ...others.map((word) => share(start, piece, word))];
      const score = finished.reduce(
        (total, [word, weight]) => total + share(weight, piece, word),
        Math.max(0, ...last),
      );
      return { path: piece.path, index: piece.index, score: score / sum };
    })
    .filter(({ score }) => score > 0)
    .sort((a, b) => b.score - a.score);
}

const known = new WeakMap<Wording, ReturnType<typeof count>>();

function counted(path: string, piece: Wording) {
  const result = known.get(piece) ?? count(path, piece);
  known.set(piece, result);
  return result;
}

function count(path: string, { name = '', text = '' }: Wording) {
  const counts = new Map<string, number>();
  let length = 0;
  for (const [from, weight, isPath] of [
    [text, 1, false],
    [name, NAME, false],
    [path, 1, true],
  ] as const) {
    for (const { word, isCompound } of termsOf(from)) {
      counts.set(word, Math.min(255, (counts.get(word) ?? 0) + weight));
      if (!isCompound && !isPath) length++;
    }
  }
  return { counts, length };
}

describe('the inverted index of words', function () {
  this.timeout(120_000);
  const random = randomOf(7);
  const pick = (count: number) => Math.floor(count * random() ** 2);
  const syllables = [
    'con',
    'nec',
    'tion',
    'par',
    'ser',
    'read',
    'er',
    'wri',
    'ting',
    'buf',
    'fer',
    'val',
    'ue',
    'in',
    'dex',
  ];
  const vocabulary = Array.from({ length: 700 }, () =>
    Array.from({ length: 1 + pick(3) }, () => syllables[pick(syllables.length)]).join(''),
  );
  const word = () => vocabulary[pick(vocabulary.length)]!;
  const identifier = () => (random() < 0.2 ? word() + word().replace(/^./, (first) => first.toUpperCase()) : word());
  const piece = (): Wording => ({
    ...(random() < 0.5 ? { name: identifier() } : {}),
    text: Array.from({ length: 5 + pick(120) }, identifier).join(' '),
  });
  const queries = () => Array.from({ length: 6 }, () => Array.from({ length: 1 + pick(4) }, identifier).join(' '));

  /** Every piece is found, with the same score. */
  function assertSame(index: WordIndex, files: Files, query: string, isUnfinished: boolean): void {
    const what = `${query}${isUnfinished ? '…' : ''}`;
    const expected = fullScan(files, query, isUnfinished);
    const hits = index.search(query, Infinity, isUnfinished);
    assert.equal(hits.length, expected.length, what);
    const scores = new Map(expected.map(({ path, index: at, score }) => [`${path} ${at}`, score]));
    for (const [rank, { path, index: at, score }] of hits.entries()) {
      assert.ok(Math.abs(score - expected[rank]!.score) < CLOSE, `${what}: rank ${rank}`);
      assert.ok(Math.abs(score - scores.get(`${path} ${at}`)!) < CLOSE, `${what}: ${path} ${at}`);
    }
    assert.deepEqual(index.search(query, 20, isUnfinished), hits.slice(0, 20), what);
  }

  it('finds what a scan of all pieces finds, while files come, change and go', () => {
    const index = new WordIndex();
    const files: Files = new Map();
    const set = (path: string) => {
      const pieces = Array.from({ length: 1 + pick(8) }, piece);
      index.set(path, pieces);
      files.delete(path); // a map keeps the place of a key
      files.set(path, pieces);
    };
    for (let i = 0; i < 600; i++) set(`src/${word()}/${word()}${i}.ts`);
    assert.ok(index.bytes > 4 * 2 ** 16, 'enough that files of late are told from the others');
    for (let round = 0; round < 5; round++) {
      for (const query of queries())
        for (const isUnfinished of [false, true]) assertSame(index, files, query, isUnfinished);
      for (const path of [...files.keys()]) {
        const chance = random();
        if (chance < 0.05) set(path);
        else if (chance < 0.1) {
          index.remove(path);
          files.delete(path);
        }
      }
      set(`src/new/${round}.ts`);
    }
    // The way in which an index came to hold its files does not count, to the last bit.
    const other = new WordIndex();
    for (const [path, pieces] of files) other.set(path, pieces);
    const stored = new WordIndex();
    stored.restore(index.image());
    for (const query of queries()) {
      const hits = index.search(query, 50, true);
      assert.deepEqual(other.search(query, 50, true), hits);
      assert.deepEqual(stored.search(query, 50, true), hits);
    }
  });

  it('forgets a word whose number another word has now', () => {
    const index = new WordIndex();
    index.set('a', [{ text: 'shared alpha' }]);
    index.set('b', [{ text: 'shared beta' }]);
    const stored = new WordIndex();
    stored.restore(index.image());
    stored.remove('a');
    stored.set('c', [{ text: 'shared gamma' }]);
    const found = (query: string) => stored.search(query, 10).map(({ path }) => path);
    assert.deepEqual([found('alpha'), found('gamma'), found('shared')], [[], ['c'], ['b', 'c']]);
  });
});
