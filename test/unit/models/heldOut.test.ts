import assert from 'node:assert/strict';
import { heldOutOf, type SampleFile } from '../../../src/models/heldOut';

const code = (lines: number, name: string) =>
  Array.from({ length: lines }, (_, i) => `  const ${name}${i} = compute(${i}, other);\n`).join('');

describe('held-out middles', () => {
  const files: SampleFile[] = [
    { path: 'a.ts', text: code(100, 'first') },
    { path: 'b.ts', text: code(300, 'second') },
  ];

  it('are text of the files, with what is before and after it', () => {
    for (const { excerpt, middle } of heldOutOf(files, 50)) {
      const { text } = files.find(({ path }) => path === excerpt.path)!;
      const { prefix, prefixStart, suffix } = excerpt;
      assert.ok(middle.trim().length > 0);
      assert.ok(text.slice(prefixStart).startsWith(prefix + middle + suffix), JSON.stringify(middle));
    }
  });

  it('begin at the end of a word or a symbol within a line and end with a line, some with the next', () => {
    const middles = heldOutOf(files, 60);
    for (const { excerpt, middle } of middles) {
      assert.match(excerpt.prefix, /\S$/);
      assert.ok(excerpt.suffix === '' || excerpt.suffix.startsWith('\n'));
      assert.doesNotMatch(excerpt.prefix.slice(-1) + middle.charAt(0), /\w\w/);
    }
    const longer = middles.filter(({ middle }) => middle.includes('\n')).length;
    assert.ok(longer >= 15 && longer <= 25, `${longer} of 60`);
  });

  it('are spread over all files, also the first few of them', () => {
    const places = heldOutOf(files, 40);
    assert.equal(places.length, 40);
    const inFirst = places.slice(0, 8).filter(({ excerpt }) => excerpt.path === 'a.ts').length;
    assert.ok(inFirst >= 1 && inFirst <= 3, `${inFirst} of 8`);
  });

  it('are the same for the same files', () => {
    assert.deepEqual(heldOutOf(files, 30), heldOutOf(files, 30));
  });

  it('are as many as there are, if there are few', () => {
    assert.equal(heldOutOf([{ path: 'a.ts', text: code(8, 'x') }], 50).length, 5);
    assert.deepEqual(heldOutOf([], 50), []);
    assert.deepEqual(heldOutOf([{ path: 'a.ts', text: '' }], 50), []);
  });

  it('are in lines of a usual length', () => {
    const text = `${'\n'.repeat(9)}x\n${'y'.repeat(5000)}\n}\n${code(3, 'z')}`;
    assert.ok(heldOutOf([{ path: 'a.ts', text }], 50).every(({ middle }) => middle.includes('compute')));
  });
});
