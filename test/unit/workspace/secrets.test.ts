import assert from 'node:assert/strict';
import { holdsSecret, isSecretFile, withoutPrivateKeys } from '../../../src/workspace/secrets';

describe('secrets', () => {
  for (const path of [
    '.env',
    'app/.env.production',
    'certs/server.pem',
    'server.KEY',
    '.ssh/config',
    'id_ed25519',
    '.npmrc',
    'config/credentials.json',
    'secrets.yaml',
    'infra/prod.tfvars',
  ]) {
    it(`lie in ${path}`, () => {
      assert.ok(isSecretFile(path));
    });
  }
  for (const path of ['.env.example', 'src/env.ts', 'src/secrets.ts', 'keyboard.ts', 'monkey.md', 'tokens.css']) {
    it(`do not lie in ${path}`, () => {
      assert.ok(!isSecretFile(path));
    });
  }

  it('leave nothing of a private key in a text', () => {
    const [begin, end] = ['BEGIN', 'END'].map((word) => `-----${word} RSA PRIVATE KEY-----`);
    const text = `const a = 1;\n${begin}\n${'MIIEpAIBAAKCAQEA\n'.repeat(30)}`;
    assert.equal(
      withoutPrivateKeys(`${text}${end}\nconst b = 2;`),
      'const a = 1;\n-----BEGIN PRIVATE KEY-----\nconst b = 2;',
    );
    assert.equal(withoutPrivateKeys(text), 'const a = 1;\n-----BEGIN PRIVATE KEY-----');
  });

  // Made up, and put together here, so that no scanner takes this file for a leak.
  const texts: [string, string, boolean][] = [
    ['a private key', `-----BEGIN RSA PRIVATE KEY-----`, true],
    ['a key of Amazon', `id = AKIAQ3EXAMPLE7ABCDEF`, true],
    ['a token of GitHub', `ghp_${'a1B2c3D4e5'.repeat(4)}`, true],
    ['a password in an address', `postgres://app:hunter2hunter2@db/x`, true],
    ['a literal that is called a secret', `const apiKey = "x7Kp29qLmZ41"`, true],
    ['a name alone', 'const password = readPassword();', false],
    ['words in quotes', 'token: "please-enter-token"', false],
    ['a template', 'const url = `http://${user}:${password}@host`;', false],
    ['plain code', 'for (const key of keys) map.set(key, values[key]);', false],
  ];
  for (const [name, text, expected] of texts) {
    it(`${expected ? 'show in' : 'do not show in'} ${name}`, () => {
      assert.equal(holdsSecret(text), expected);
    });
  }
});
