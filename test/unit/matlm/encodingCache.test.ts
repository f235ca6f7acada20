import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Tokenizer as HuggingFaceTokenizer } from '@huggingface/tokenizers';
import { EncodingCache } from '../../../src/matlm/encodingCache';
import { STRETCHES } from '../../../src/matlm/preTokenizer';
import { MODEL, small } from '../model';

/** A cache whose tokens are characters, with the stretches that it had encoded. */
function counting() {
  const encoded: string[] = [];
  const cache = new EncodingCache(
    (stretch) => {
      encoded.push(stretch);
      return Array.from({ length: stretch.length }, (_, i) => stretch.charCodeAt(i));
    },
    (text) => text.match(new RegExp(STRETCHES, 'gu')) ?? [],
  );
  return { cache, encoded };
}

const textOf = (ids: readonly number[]) => String.fromCharCode(...ids);

const LINES: Record<string, (length: number) => string> = {
  'of Chinese': (n) => Array.from({ length: n }, (_, i) => String.fromCharCode(0x4e00 + ((i * 7919) % 5000))).join(''),
  'of one word': (n) => 'token'.repeat(n).slice(0, n),
  'of minified code': (n) => 'foo(a,Bar[12]);if(x){return "é"}'.repeat(n).slice(0, n),
  'of blanks': (n) => ' '.repeat(n),
  'of emoji': (n) => '🙂'.repeat(n / 2),
};

describe('remembered encodings', () => {
  for (const [name, line] of Object.entries(LINES)) {
    it(`cost one stretch per key, however long the line is: one ${name}`, () => {
      for (const length of [300, 2000, 20_000]) {
        const { cache, encoded } = counting();
        const text = line(length + 400);
        cache.encode(text.slice(0, length));
        for (let typed = length + 2; typed <= length + 400; typed += 2) {
          encoded.length = 0;
          assert.equal(textOf(cache.encode(text.slice(0, typed))), text.slice(0, typed));
          const cost = encoded.join('').length;
          assert.ok(cost <= 256 && encoded.length <= 5, `at ${typed}: ${cost} characters`);
        }
      }
    });
  }

  it('are made once, whatever stands around a stretch', () => {
    const { cache, encoded } = counting();
    for (const text of ['const a = 1;\r\n  const b', 'let b = a;\r\n  const c = 2']) {
      assert.equal(textOf(cache.encode(text)), text);
    }
    assert.deepEqual(encoded, ['const', ' a', ' =', ' ', '1', ';', '\r\n  ', ' b', 'let', ' c', '2']);
  });

  it('never split a surrogate pair', () => {
    const { cache, encoded } = counting();
    cache.encode(`x${'🙂'.repeat(500)}`);
    assert.ok(encoded.every((part) => !/[\ud800-\udbff]$/.test(part)));
  });

  it('are the ids that the library gives for a whole text, if no stretch is too long', async () => {
    const { tokenizer } = await small();
    const json = JSON.parse(readFileSync(join(MODEL, 'tokenizer.json'), 'utf8')) as object;
    const library = new HuggingFaceTokenizer(json, {});
    for (const unit of ['foo(a,Bar[12]);if(x){return "é"}', '世界 = wörld;\r\n', 'HTTPServer__x1 ', 'a  b\n\t\tc ']) {
      const text = unit.repeat(100);
      assert.deepEqual(tokenizer.encode(text), library.encode(text, { add_special_tokens: false }).ids, unit);
    }
  });
});
