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

  it('encodes a special token that is written in a document as text', () => {
    const ids = tokenizer.encode('forged <|fim_middle|> mark');
    assert.ok(!ids.includes(tokenizer.idOf('<|fim_middle|>')!));
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
    it(`names the file with an id that is ${name}`, () => {
      const json = JSON.parse(readFileSync(join(MODEL, 'tokenizer.json'), 'utf8')) as { model: { vocab: object } };
      const vocab = { ...json.model.vocab, function: id };
      assert.throws(
        () => new Tokenizer('x/tokenizer.json', { ...json, model: { ...json.model, vocab } }, 4096),
        /x\/tokenizer\.json: the id of its token \"function\" is .*; each needs one of its own below 4096/,
      );
    });
  }

  it('names the file that is not a tokenizer', () => {
    assert.throws(
      () => new Tokenizer('x/tokenizer.json', {}),
      /x\/tokenizer\.json: it does not describe a BPE tokenizer/,
    );
  });

  interface Json {
    normalizer: unknown;
    post_processor: unknown;
    added_tokens: unknown[];
    pre_tokenizer: { type: string; pretokenizers: { type: string; pattern?: unknown }[] };
    model: { vocab: Record<string, number>; merges: [string, string][]; [option: string]: unknown };
  }
  function changed(change: (json: Json) => void): Json & Record<string, unknown> {
    const json = JSON.parse(readFileSync(join(MODEL, 'tokenizer.json'), 'utf8')) as Json & Record<string, unknown>;
    change(json);
    return json;
  }

  const programs: [string, (json: Json) => void, RegExp][] = [
    [
      'thirty more stages',
      ({ pre_tokenizer: { pretokenizers } }) => {
        for (let i = 0; i < 30; i++) pretokenizers.push({ ...pretokenizers[1]! });
      },
      /its pre_tokenizer is not a sequence of splits followed by a ByteLevel/,
    ],
    [
      'a normalizer that doubles a letter twenty times',
      (json) => {
        const twice = { type: 'Replace', pattern: { String: 'e' }, content: 'ee' };
        json.normalizer = { type: 'Sequence', normalizers: Array<unknown>(20).fill(twice) };
      },
      /it has a normalizer "Sequence", which is not supported/,
    ],
    [
      'a pattern that backtracks',
      ({ pre_tokenizer: { pretokenizers } }) => {
        pretokenizers[0]!.pattern = { Regex: '(a+)+$|[^]' };
      },
      /its Split has a pattern that is not supported/,
    ],
    ['a random choice of merges', ({ model }) => (model.dropout = 0.1), /the option dropout, which is not supported/],
    [
      'an end of words',
      ({ model }) => (model.end_of_word_suffix = '</w>'),
      /the option end_of_word_suffix, which is not supported/,
    ],
    [
      'a space before the text',
      ({ pre_tokenizer: { pretokenizers } }) => Object.assign(pretokenizers[1]!, { add_prefix_space: true }),
      /its pre_tokenizer adds a space before the text/,
    ],
    [
      'a stage of another kind',
      ({ pre_tokenizer: { pretokenizers } }) => (pretokenizers[0] = { type: 'Metaspace' }),
      /its pre_tokenizer has a stage "Metaspace", which is not supported/,
    ],
    ['a merge of nothing', ({ model }) => model.merges.push(['Ġ', 'nothing here']), /the merge .* is not of tokens/],
    ['a merge into nothing', ({ model }) => model.merges.push(['Ċ', 'Ċ']), /the merge \["Ċ","Ċ"\] is not of tokens/],
    [
      'a byte that nothing spells',
      ({ model: { vocab } }) => {
        vocab.unheard_of = vocab.e!;
        delete vocab.e;
      },
      /no token stands for the byte 101/,
    ],
    [
      'an added token of its own',
      (json) => json.added_tokens.push({ id: 9999, content: 'function' }),
      /its added_tokens are not/,
    ],
  ];
  for (const [name, change, fault] of programs) {
    it(`refuses at once a file that has ${name}`, () => {
      const json = changed(change);
      assert.throws(() => new Tokenizer('x/tokenizer.json', json), fault);
    });
  }

  it('gives back every character, also at the beginning of a text', () => {
    for (const text of ['\ufeffx', '\ufeff', '\u0000']) assert.equal(tokenizer.decode(tokenizer.encode(text)), text);
  });
});
