import assert from 'node:assert/strict';
import { pictureAt } from '../../../../src/ui/pictures/pictureAt';

/** @param marked the text, with the cursor as █ */
function at(marked: string) {
  return pictureAt(marked.replace('█', ''), marked.indexOf('█'));
}

describe('the picture at the cursor', () => {
  for (const [marked, path] of [
    ["import a from './img/b█in.svg';", './img/bin.svg'],
    ['<img src="/logo.PNG█">', '/logo.PNG'],
    ['a { background: url(../a.jpg█) }', '../a.jpg'],
    ['![x](█a.gif)', 'a.gif'],
    ['"a.svg?raw#x█"', 'a.svg'],
  ] as const)
    it(`is a path in ${marked}`, () => {
      assert.deepEqual(at(marked), { kind: 'path', path });
    });

  for (const marked of ['"a.ts█"', '"https://example.org/a█.svg"', '"data:image/svg+xml,a█.svg"', 'a.svg█', ''])
    it(`is none in ${marked}`, () => {
      assert.equal(at(marked), undefined);
    });

  it('is the SVG element around it', () => {
    const svg = '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 9 9"><path d="M1 █1"/></svg>';
    assert.deepEqual(at(`<svg/><p>${svg}</p><svg></svg>`), { kind: 'svg', svg: svg.replace('█', '') });
  });

  it('is the outermost of SVG elements in each other', () => {
    assert.deepEqual(at('<svg xmlns="x"><svg>█</svg></svg>'), { kind: 'svg', svg: '<svg xmlns="x"><svg></svg></svg>' });
  });

  it('has the namespace and the names of attributes that HTML and JSX leave out', () => {
    assert.deepEqual(at('<svg viewBox="0 0 9 9"><path strokeWidth={2} fillRule="evenodd" █/></svg>'), {
      kind: 'svg',
      svg: '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 9 9"><path stroke-width="2" fill-rule="evenodd" /></svg>',
    });
  });

  for (const marked of ['█<svg>', '<svg>█', '</svg>█', '<svg></svg> █ <svg></svg>'])
    it(`is no element in ${marked}`, () => {
      assert.equal(at(marked), undefined);
    });

  it('is looked for in a line of any length, and among tags that do not end', () => {
    const long = 'url(`'.repeat(200_000);
    assert.deepEqual(at(`${long} src="a.svg█" ${long}`), { kind: 'path', path: 'a.svg' });
    assert.equal(at(`${'<svg '.repeat(40_000)}█${'<svg '.repeat(40_000)}`), undefined);
  });
});
