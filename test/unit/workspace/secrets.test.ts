import assert from 'node:assert/strict';
import { endsInPrivateKey } from '../../../src/workspace/secretFormats';
import { findSecret } from '../../../src/workspace/secrets';
import { textKindOf } from '../../../src/workspace/textKinds';
import { HARMLESS, SECRETS } from './secretTexts';

describe('secrets in texts', () => {
  for (const [name, path, text] of SECRETS) {
    it(`are found in ${name}`, () => {
      assert.notEqual(findSecret(text, { kind: textKindOf(path) }), undefined, text);
    });
  }

  for (const [name, path, text] of HARMLESS) {
    it(`are not found in ${name}`, () => {
      assert.equal(findSecret(text, { kind: textKindOf(path) }), undefined, text);
    });
  }

  it('are found anywhere in a long file', () => {
    const filler = 'for (const key of keys) map.set(key, values[key]);\n'.repeat(500);
    const secret = "const password = 'hunter2';\n";
    assert.equal(findSecret(`${filler}${secret}${filler}`), filler.length + secret.indexOf('hunter2'));
  });

  it('are not judged before they end, if more text may follow', () => {
    const text = 'const apiKey = "x7Kp29qLmZ41';
    assert.deepEqual([findSecret(text, { open: true }), findSecret(text)], [undefined, text.indexOf('x7K')]);
  });

  it('are any literals on request, but no references', () => {
    const found = (text: string) => findSecret(text, { kind: 'shell', anyLiteral: true }) !== undefined;
    const texts = ['DB_PASSWORD=changeme', 'DB_PASSWORD=x', 'DB_PASSWORD=$1', 'DB_PASSWORD="$OTHER"', 'DB_PASSWORD='];
    assert.deepEqual(texts.map(found), [true, true, false, false, false]);
  });

  // In quadratic time or worse, each of these would take minutes to hours.
  for (const [name, unit] of [
    ['a repeated word', 'token'],
    ['a repeated assignment', 'password: aaaa aaaa '],
    ['a quote that never ends', 'password="'],
    ['an address that never ends', '://a:bbbb'],
    ['a web token that never ends', 'eyJaaaaaaaaa-'],
    ['a repeated command', 'curl x '],
    ['names within braces', 'token ={'],
    ['blanks', ' '],
    ['a key that begins repeatedly', '-----BEGIN A '],
  ] as const) {
    it(`are searched in linear time in ${name}`, () => {
      assert.equal(findSecret(unit.repeat(400_000 / unit.length)), undefined);
    });
  }

  it('include all text that follows within a private key', () => {
    const [begin, end] = ['BEGIN', 'END'].map((word) => `-----${word} RSA PRIVATE KEY-----\n`);
    const body = 'MIIEpAIBAAKCAQEA\n'.repeat(30);
    assert.deepEqual([endsInPrivateKey(`${begin}${body}`), endsInPrivateKey(`${begin}${body}${end}`)], [true, false]);
  });
});
