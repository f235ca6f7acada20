import assert from 'node:assert/strict';
import { cursorOf } from '../../../../src/completion/cursor';
import { secrets } from '../../../../src/completion/filters/secrets';

const CODE = 'for (const key of keys) map.set(key, values[key]);\n';
const SECRET = "const password = 'hunter2';";

function filterAt(prefix: string) {
  const filter = secrets(cursorOf({ prefix, suffix: '\n' }, true));
  return (text: string, open: boolean) => filter({ text, replaces: 0, open }).text;
}

describe('the filter of secrets', () => {
  it('keeps the lines before a secret', () => {
    assert.equal(filterAt('')(`${CODE}${SECRET}\n${CODE}`, false), CODE.trimEnd());
  });

  it('finds a secret wherever a token ends', () => {
    const filter = filterAt('');
    const text = `${CODE.repeat(20)}${SECRET}`;
    const lengths = Array.from({ length: text.length }, (_, i) => i + 1);
    const cutAt = lengths.find((length) => filter(text.slice(0, length), true).length < length);
    assert.equal(cutAt, text.length - 1); // with the closing quote
  });

  it('examines another text from its beginning', () => {
    const filter = filterAt('');
    assert.equal(filter(`${SECRET}\n`, true), '');
    assert.equal(filter(CODE, true), CODE);
    assert.equal(filter(`${SECRET}\n`, true), '');
  });

  it('searches only the new end of a text that grows', () => {
    const filter = filterAt('');
    const whole = CODE.repeat(20_000);
    // 3,000 searches of a million characters would take longer than a test may.
    for (let length = whole.length - 3000; length < whole.length; length++) {
      assert.equal(filter(whole.slice(0, length), true).length, length);
    }
  });
});
