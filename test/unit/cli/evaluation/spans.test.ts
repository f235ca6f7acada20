import assert from 'node:assert/strict';
import { type Span, spansOf } from '../../../../src/cli/evaluation/spans';

const FILE = `import { open } from 'fs';

export class List {
  private items: string[] = [];

  add(item: string): void {
    if (this.items.includes(item)) return;
    this.items.push(item);
  }
}
`;

describe('spans of a file', () => {
  const spans = spansOf('list.ts', FILE, 4, 1);
  const of = (kind: Span['kind']) => spans.filter((span) => span.kind === kind);

  it('are the text between prefix and suffix', () => {
    for (const { kind, prefix, truth, suffix } of spans) {
      if (kind !== 'brackets') assert.equal(prefix + truth + suffix, FILE);
    }
  });

  it('are whole lines, after their indentation', () => {
    assert.equal(of('line').length, 4);
    for (const { prefix, suffix } of of('line')) {
      assert.match(prefix, /(^|\n)[ ]*$/);
      assert.match(suffix, /^\n/);
    }
  });

  it('are rests of lines that were begun', () => {
    for (const { prefix, truth } of of('rest')) {
      assert.match(prefix, /\S[ ]*$/);
      assert.ok(truth.length > 0 && !truth.includes('\n'));
    }
  });

  it('are followed, within brackets, by those that the editor closed', () => {
    assert.ok(of('brackets').length > 0);
    for (const { prefix, suffix } of of('brackets')) {
      assert.match(prefix, /[([{]$/);
      assert.match(suffix, /^[)\]}]+\n/);
    }
  });

  it('are bodies of blocks', () => {
    for (const { prefix, truth, suffix } of of('block')) {
      assert.match(prefix, /\{\n[ ]*$/);
      assert.match(suffix, /^\n[ ]*\}/);
      assert.ok(truth.split('\n').length >= 2);
    }
  });

  it('are the same for the same seed, and differ for another', () => {
    assert.deepEqual(spansOf('list.ts', FILE, 4, 1), spans);
    assert.notDeepEqual(spansOf('list.ts', FILE, 4, 2), spans);
  });
});
