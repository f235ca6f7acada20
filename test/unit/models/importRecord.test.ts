import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import files from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { pageOf, readJson, recordOf, writeJson } from '../../../src/models/importRecord';
import { temporaryFolder } from '../../temporary';

describe('the record of an import', () => {
  it('is read as far as its members are of the right kind', () => {
    const record = recordOf({
      name: ' Smol ',
      family: 7,
      bits: 4,
      parameters: '135M',
      createdAt: '2026-11-28T10:00:00Z',
      licence: 'x'.repeat(5000),
      url: 'javascript:alert(1)',
    });
    assert.equal(record.name, 'Smol');
    assert.equal(record.family, undefined);
    assert.equal(record.bits, 4);
    assert.equal(record.parameters, undefined);
    assert.equal(record.createdMs, Date.UTC(2026, 10, 28, 10));
    assert.equal(record.licence?.length, 200);
    assert.equal(record.page, undefined);
  });

  it('is empty if it is no object', () => {
    for (const json of [undefined, null, 'text', 5, []]) assert.equal(recordOf(json).name, undefined);
  });
});

describe('the page of a model', () => {
  it('is opened if its address is plain and https', () => {
    assert.equal(pageOf('https://huggingface.co/a/b'), 'https://huggingface.co/a/b');
    assert.equal(pageOf('https://HuggingFace.co/a/b'), 'https://huggingface.co/a/b');
  });

  const refused = [
    undefined,
    7,
    '',
    'huggingface.co/a/b',
    'http://huggingface.co/a',
    'file:///etc/passwd',
    'vscode://open?x',
    'command:workbench.action.quit',
    'https://user:password@huggingface.co/a',
    'https://huggingface.co:8443/a',
    'https://huggingface.co/a?next=evil',
    'https://huggingface.co/a#x',
    'https://localhost/a',
    'https://127.0.0.1/a',
    'https://[::1]/a',
    `https://huggingface.co/${'a'.repeat(300)}`,
  ];
  for (const address of refused) {
    it(`is not opened at ${String(address).slice(0, 60) || 'nothing'}`, () => {
      assert.equal(pageOf(address), undefined);
    });
  }
});

describe('a file of a record', () => {
  const { rename } = files;
  afterEach(() => {
    files.rename = rename;
  });

  it('is replaced once the program that reads it has ended, as on Windows', async () => {
    const file = join(temporaryFolder(), 'measured.json');
    await writeJson(file, { version: 1 });
    let tries = 0;
    files.rename = (from, to) =>
      ++tries === 1 ? Promise.reject(Object.assign(new Error('held'), { code: 'EPERM' })) : rename(from, to);
    await writeJson(file, { version: 2 });
    assert.deepEqual(await readJson(file), { version: 2 });
    assert.deepEqual(readdirSync(dirname(file)), ['measured.json']);
  });
});
