import assert from 'node:assert/strict';
import { folded, termsOf } from '../../../src/search/words/terms';
import { WordIndex, type Wording } from '../../../src/search/words/wordIndex';

function words(text: string): string[] {
  return Array.from(termsOf(text), ({ word }) => word);
}

/** @param files with one piece each, by their paths */
function indexOf(files: Readonly<Record<string, string | Wording>>): WordIndex {
  const index = new WordIndex();
  for (const [path, piece] of Object.entries(files))
    index.set(path, [typeof piece === 'string' ? { text: piece } : piece]);
  return index;
}

function found(index: WordIndex, query: string, isUnfinished = false): string[] {
  return index.search(query, 10, isUnfinished).map(({ path }) => path);
}

describe('the terms of a text', () => {
  const cases: [string, string, string[]][] = [
    ['are the parts of an identifier and the whole of it', 'lookUp', ['look', 'up', 'lookup']],
    ['split at underscores', 'max_row_count', ['max', 'row', 'count', 'maxrowcount']],
    ['split behind an abbreviation', 'HTTPServer', ['http', 'server', 'httpserver']],
    ['split at digits', 'sha256', ['sha', '256', 'sha256']],
    ['are none of the words that say nothing', 'the sum of it', ['sum']],
    ['are letters of other scripts too', 'größeÄndern файл', ['größe', 'ändern', 'größeändern', 'файл']],
    ['are pairs of letters in scripts without blanks', '文字列', ['文字', '字列']],
    ['are none for signs alone', '=> {}; !==', []],
  ];
  for (const [name, text, expected] of cases) {
    it(name, () => {
      assert.deepEqual(words(text), expected);
    });
  }

  it('are the same for a word with another ending', () => {
    for (const [one, ...others] of [
      ['parse', 'parses', 'parsed', 'parsing'],
      ['query', 'queries'],
      ['cache', 'caches', 'cached', 'caching'],
      ['stop', 'stops', 'stopped', 'stopping'],
      ['icon', 'icons'],
      ['class', 'classes'],
    ])
      assert.deepEqual(
        others.map(folded),
        others.map(() => folded(one!)),
        one,
      );
  });

  it('are others for short words and for words that only seem to have an ending', () => {
    for (const word of ['bus', 'css', 'is', 'ring', 'status', 'process']) assert.equal(folded(word), word);
  });

  it('are the same after many other words', () => {
    const before = words('parseNumbers');
    for (let i = 0; i < 30_000; i++) words(`filler${i}`);
    assert.deepEqual(words('parseNumbers'), before);
    for (let i = 0; i < 30_000; i++) words(`filling${i}`);
    assert.deepEqual([words('parseNumbers'), words('filler7')], [before, ['filler', '7', 'filler7']]);
  });

  it('leave out data', () => {
    assert.deepEqual(words(`x${'ab12'.repeat(100)}`), []);
  });
});

describe('the search by words', () => {
  it('finds pieces with the words of the query, the rarest first', () => {
    const index = indexOf({
      a: 'read a file and count lines',
      b: 'read a socket',
      c: 'read a file',
      d: 'write numbers',
    });
    assert.deepEqual(found(index, 'count the lines of a file'), ['a', 'c']);
    assert.deepEqual(found(index, 'sockets read'), ['b', 'c', 'a']);
    assert.deepEqual(found(index, 'nothing of that'), []);
    assert.deepEqual(found(index, '  '), []);
  });

  it('ranks a name over the text, and knows the path', () => {
    const index = indexOf({
      'src/one.ts': { text: 'calls trash, then empties the bin' },
      'src/two.ts': { name: 'trash', text: 'calls one, then empties the bin' },
      'trash/three.ts': { text: 'calls one, then empties the bin' },
    });
    const paths = found(index, 'trash');
    assert.equal(paths[0], 'src/two.ts');
    assert.deepEqual(paths.slice(1).sort(), ['src/one.ts', 'trash/three.ts']);
  });

  it('leaves out the words of a question, unless there are no others', () => {
    const index = indexOf({ a: 'tokens of a prompt', b: 'how many have', c: 'which does what' });
    assert.deepEqual(found(index, 'How many tokens does the prompt have?'), ['a']);
    assert.deepEqual(found(index, 'how many'), ['b']);
    const [best] = index.search('how many tokens does the prompt have', 1);
    assert.equal(best!.score, index.search('tokens prompt', 1)[0]!.score);
    // The same words ask for something elsewhere.
    const things = indexOf({ a: 'page', b: 'man page', c: 'opener', d: 'can opener' });
    assert.deepEqual([found(things, 'man page')[0], found(things, 'can opener')[0]], ['b', 'd']);
  });

  it('gives an identifier that is typed as one word', () => {
    const index = indexOf({ a: 'useMemo(() => 1)', b: 'use(memory)' });
    assert.deepEqual(found(index, 'usememo'), ['a']);
    assert.equal(found(index, 'useMemo')[0], 'a');
  });

  it('scores the share of the query, from 0 to 1', () => {
    const index = indexOf({ a: { name: 'parse numbers' }, b: { name: 'parse' }, c: { name: 'other' } });
    const [best, second] = index.search('parse numbers', 10);
    assert.ok(best!.score > 0.7 && best!.score <= 1, String(best!.score));
    assert.ok(second!.score > 0 && second!.score < 0.5 * best!.score, String(second!.score));
    const [unknown] = index.search('parse numbers zyzzyva', 10);
    assert.ok(unknown!.score < best!.score);
  });

  it('takes the last word as a beginning if it may go on, but no word before it', () => {
    const index = indexOf({ a: 'connection pool', b: 'pool of threads', x: 'other' });
    assert.deepEqual(found(index, 'conn'), []);
    assert.deepEqual(found(index, 'conn', true), ['a']);
    assert.deepEqual(found(index, 'pool conn', true), ['a', 'b']);
    assert.deepEqual(found(index, 'conn pool', true).length, 2);
    assert.deepEqual(found(index, 'conn thread', true), ['b']);
    assert.deepEqual(found(index, 'c', true), []); // a letter says nothing
  });

  it('takes the beginning of a part and of a whole identifier, whatever ending has been folded', () => {
    const index = indexOf({ a: 'parseNumbers(text)', b: 'queries' });
    for (const query of ['parseNum', 'parsenum', 'num', 'numbers', 'pars', 'parsi'])
      assert.deepEqual(found(index, query, true), ['a'], query);
    for (const query of ['que', 'querie', 'queries', 'query'])
      assert.deepEqual(found(index, query, true), ['b'], query);
  });

  it('ranks the word itself over those that only begin like it', () => {
    const index = indexOf({ a: 'reader of things', b: 'read of things', c: 'readable things' });
    assert.equal(found(index, 'read', true)[0], 'b');
    assert.equal(found(index, 'read', true).length, 3);
  });

  it('knows the pieces of a file by their numbers, and those of now alone', () => {
    const index = new WordIndex();
    index.set('a', [{ text: 'first' }, {}, { text: 'third first' }]);
    assert.deepEqual(
      index.search('third', 10).map(({ path, index }) => [path, index]),
      [['a', 2]],
    );
    index.set('a', [{ text: 'second' }]);
    assert.deepEqual([found(index, 'first'), found(index, 'second')], [[], ['a']]);
    index.remove('a');
    assert.deepEqual(found(index, 'second'), []);
  });

  it('frees the memory of what has gone', () => {
    const index = new WordIndex();
    const text = Array.from({ length: 100 }, (_, i) => `word${i}`).join(' ');
    for (let i = 0; i < 1000; i++) index.set(`f${i}`, [{ text }]);
    index.search('word1', 1);
    const full = index.bytes;
    for (let i = 0; i < 1000; i++) index.remove(`f${i}`);
    assert.ok(index.bytes < full / 10, `${index.bytes} of ${full} bytes are left`);
  });

  it('gives so many as are asked for, the best', () => {
    const index = new WordIndex();
    for (let i = 0; i < 500; i++) index.set(`f${i}`, [{ text: `word ${'filler '.repeat((i * 7) % 500)}` }]);
    const hits = index.search('word', 5);
    const all = index.search('word', 1000);
    assert.equal(all.length, 500);
    assert.deepEqual(hits, all.slice(0, 5));
  });

  it('is the same after it was stored, with no word that no piece has', () => {
    const index = indexOf({ x: { name: 'old', text: 'gone words' }, y: 'kept words' });
    index.set('x', [{ text: 'new words' }, { text: 'more' }]);
    const image = index.image();
    assert.deepEqual([...image.vocabulary].sort(), ['kept', 'mor', 'new', 'word', 'x', 'y']);
    const other = new WordIndex();
    other.set('z', [{ text: 'words before, which have other numbers' }]);
    other.remove('z');
    other.restore(image);
    for (const query of ['kept words', 'new', 'more', 'gone'])
      assert.deepEqual(other.search(query, 10), index.search(query, 10), query);
  });

  it('refuses what was not stored by it', () => {
    const restore = (vocabulary: string[], file: number[]) => () => {
      new WordIndex().restore({ vocabulary, files: new Map([['a', Uint32Array.from(file)]]) });
    };
    restore(['word'], [65_537, 1])();
    assert.throws(restore([], [65_537, 1]), RangeError);
    assert.throws(restore(['word'], [65_538, 1]), RangeError);
  });
});
