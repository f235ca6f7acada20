import assert from 'node:assert/strict';
import { EncodingCache } from '../../../src/matlm/encodingCache';
import { STRETCHES } from '../../../src/matlm/tokenizerFile';
import { small } from '../model';

/** A cache whose tokens are characters, with the pieces that it had encoded. */
function counting() {
  const pieces: string[] = [];
  const cache = new EncodingCache(
    (piece) => {
      pieces.push(piece);
      return Array.from({ length: piece.length }, (_, i) => piece.charCodeAt(i));
    },
    new RegExp(STRETCHES, 'gu'),
  );
  return { cache, pieces };
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
    it(`cost one piece per key, however long the line is: one ${name}`, () => {
      for (const length of [300, 2000, 20_000]) {
        const { cache, pieces } = counting();
        const text = line(length + 400);
        cache.encode(text.slice(0, length));
        for (let typed = length + 2; typed <= length + 400; typed += 2) {
          pieces.length = 0;
          assert.equal(textOf(cache.encode(text.slice(0, typed))), text.slice(0, typed));
          const encoded = pieces.join('').length;
          assert.ok(encoded <= 256 && pieces.length <= 5, `at ${typed}: ${encoded} characters`);
        }
      }
    });
  }

  it('cover whole lines if these are short, and are made once', () => {
    const { cache, pieces } = counting();
    const text = 'const a = 1;\n  const b = 2;\n';
    for (let time = 0; time < 3; time++) assert.equal(textOf(cache.encode(text)), text);
    assert.deepEqual(pieces, ['const a = 1;', '\n  const b = 2;', '\n']);
  });

  it('never split a surrogate pair', () => {
    const { cache, pieces } = counting();
    cache.encode(`x${'🙂'.repeat(500)}`);
    assert.ok(pieces.every((piece) => !/[\ud800-\udbff]$/.test(piece)));
  });

  it('are the ids that encoding a whole line gives, if no stretch is too long', async () => {
    const { tokenizer } = await small();
    for (const unit of ['foo(a,Bar[12]);if(x){return "é"}', '世界 = wörld; ', 'HTTPServer__x1 ', 'a  b\t\tc ']) {
      const line = unit.repeat(100);
      // Short lines are encoded whole.
      const words = line.match(new RegExp(STRETCHES, 'gu'))!;
      const apart = words.flatMap((word) => tokenizer.encode(word));
      assert.deepEqual(tokenizer.encode(line), apart, unit);
    }
  });
});
