import assert from 'node:assert/strict';
import { freeName, idOf, isId, nameFault } from '../../../src/models/modelIds';

describe('the id of an imported model', () => {
  const cases: [string, string][] = [
    ['Qwen2.5-Coder-0.5B', 'qwen2.5-coder-0.5b'],
    ['  SmolLM2 135M (Instruct) ', 'smollm2-135m-instruct'],
    ['../../etc/passwd', 'etc-passwd'],
    ['..', 'model'],
    ['日本語', 'model'],
    ['Modèle français', 'mode-le-franc-ais'],
    ['con', 'model-con'],
    ['NUL.txt', 'model-nul.txt'],
    ['a.partial', 'a-partial'],
    ['a.LOCK', 'a-lock'],
    ['a....b', 'a.b'],
    [`${'x'.repeat(39)}.y`, 'x'.repeat(39)],
  ];
  for (const [name, id] of cases) {
    it(`is ${id} for ${JSON.stringify(name)}`, () => {
      assert.equal(idOf(name), id);
      assert.ok(isId(id));
    });
  }

  it('is refused if it leads elsewhere, or means something else', () => {
    for (const text of ['', '.', '..', '../x', 'a/b', 'a\\b', 'A', 'a.', 'nul', 'a.partial', 'b.lock', 'c.deleted', 'ä'])
      assert.equal(isId(text), false, text);
    assert.equal(isId('x'.repeat(60)), false, 'too long');
  });
});

describe('the name of an imported model', () => {
  it('is neither empty nor long, and has no characters that are not seen', () => {
    assert.equal(nameFault('My model', []), undefined);
    assert.equal(nameFault('  ', []), 'empty');
    assert.equal(nameFault('x'.repeat(61), []), 'too long');
    assert.equal(nameFault('a\u202Eb', []), 'invisible characters');
    assert.equal(nameFault('a\nb', []), 'invisible characters');
  });

  it('is that of one model, in whatever spelling', () => {
    assert.equal(nameFault(' SMOL ', ['Smol']), 'taken');
    assert.equal(nameFault('ﬁne', ['fine']), 'taken');
  });

  it('is not that of a size of another model, and the other way round', () => {
    assert.equal(nameFault('smol l', ['Smol']), 'taken');
    assert.equal(nameFault('Smol', ['Smol L']), 'taken');
    assert.equal(nameFault('Smol XS', ['Smol']), undefined);
    assert.equal(freeName('Smol', ['Smol L']), 'Smol 2');
  });

  it('is no size and no value of a setting', () => {
    for (const name of ['auto', 'Imported', 'imported L', 'XL', 's', 'M+', 'mix 8-8-16'])
      assert.equal(nameFault(name, []), 'reserved', name);
    assert.equal(freeName('XL', []), 'XL 2');
    assert.equal(nameFault('Automatic XL', []), undefined);
  });

  it('is made from what a file says', () => {
    assert.equal(freeName('Smol\u0000LM2\n 135M', []), 'Smol LM2 135M');
    assert.equal(freeName('', []), 'model');
    assert.equal(freeName('smol', ['Smol', 'smol 2']), 'smol 3');
    assert.equal(nameFault(freeName('y'.repeat(500), ['y'.repeat(56)]), []), undefined);
  });
});
