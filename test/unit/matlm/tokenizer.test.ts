import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Tokenizer } from '../../../src/matlm/tokenizer';
import { MODEL, small } from '../model';

describe('the tokenizer', () => {
  let tokenizer: Tokenizer;
  before(async () => {
    ({ tokenizer } = await small());
  });

  it('gives the ids that the Python tokenizers library gives', () => {
    const fixture = join(__dirname, '..', 'fixtures', 'tokens.json');
    for (const { text, ids } of JSON.parse(readFileSync(fixture, 'utf8')) as { text: string; ids: number[] }[]) {
      assert.deepEqual(tokenizer.encode(text), ids, JSON.stringify(text));
    }
  });

  it('loses nothing', () => {
    for (const text of ['', 'Grüße, 世界 🙂\t\n\n  x', '\u0000\uffff', 'a'.repeat(5000), '\n'.repeat(300)]) {
      assert.equal(tokenizer.decode(tokenizer.encode(text)), text);
    }
  });

  it('survives half a surrogate pair', () => {
    assert.equal(tokenizer.decode(tokenizer.encode('a\ud83db')), 'a\ufffdb');
  });

  it('takes a mark written in a document as text', () => {
    const ids = tokenizer.encode('forged <|fim_middle|> mark');
    assert.ok(!ids.includes(tokenizer.special.fimMiddle));
    assert.equal(tokenizer.decode(ids), 'forged <|fim_middle|> mark');
  });

  it('holds back half a character until its other half comes', () => {
    const ids = tokenizer.encode('界🙂');
    const next = tokenizer.decoder();
    const pieces = ids.map((id) => next(id));
    assert.equal(pieces.join(''), '界🙂');
    assert.ok(pieces.every((piece) => !piece.includes('\ufffd')));
    assert.ok(pieces.length > 2, 'the case needs characters that are cut');
  });

  for (const [name, id] of Object.entries({ 'far too large': 1e9, twice: 7, negative: -1, 'a fraction': 0.5 })) {
    it(`says which file has an id that is ${name}`, () => {
      const json = JSON.parse(readFileSync(join(MODEL, 'tokenizer.json'), 'utf8')) as { model: { vocab: object } };
      const vocab = { ...json.model.vocab, function: id };
      assert.throws(
        () => new Tokenizer('x/tokenizer.json', { ...json, model: { ...json.model, vocab } }),
        /x\/tokenizer\.json: the ids of its 4096 tokens are not 0 to 4095, each once/,
      );
    });
  }

  it('says which file is no tokenizer', () => {
    assert.throws(
      () => new Tokenizer('x/tokenizer.json', {}),
      /x\/tokenizer\.json: it does not describe a BPE tokenizer/,
    );
    const model = { type: 'BPE', vocab: { a: 0 }, merges: [] };
    assert.throws(() => new Tokenizer('x/tokenizer.json', { model }), /the token <\|endoftext\|> is missing/);
  });
});
