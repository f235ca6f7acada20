import assert from 'node:assert/strict';
import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import { mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { readConfig } from '../../../src/matlm/checkpoint';
import { readTensorEntries } from '../../../src/matlm/safetensors';
import { systemMessage, writeFault } from '../../../src/matlm/systemFault';
import { openSource } from '../../../src/models/open';
import { temporaryFolder } from '../../temporary';
import { asOrdinaryUser } from '../../unprivileged';

describe('an error of the file system', () => {
  const fault = (code: string, syscall: string, path?: string) =>
    Object.assign(new Error(`${code}: words of the system, ${syscall}`), { code, syscall, ...(path && { path }) });

  it('tells what may not be read, and that the permission is the remedy', async function () {
    if (process.platform === 'win32') this.skip(); // where modes keep nobody out
    const folder = temporaryFolder();
    chmodSync(folder, 0o755);
    const closed = join(folder, 'closed');
    mkdirSync(closed);
    for (const name of ['model.gguf', 'model.safetensors', 'config.json']) {
      writeFileSync(join(folder, name), '{}');
      chmodSync(join(folder, name), 0);
    }
    chmodSync(closed, 0);
    const allow = /it cannot be read \(EACCES\)\. Allow this user to read it, and to open the folders that it is in\.$/;
    await asOrdinaryUser(async () => {
      await assert.rejects(openSource(join(folder, 'model.gguf')), allow);
      await assert.rejects(openSource(folder), allow);
      await assert.rejects(openSource(closed), allow);
      await assert.rejects(openSource(join(closed, 'model.gguf')), allow);
      await assert.rejects(readTensorEntries(join(folder, 'model.safetensors')), allow);
      await assert.rejects(readConfig(folder), allow);
      await assert.rejects(readConfig(join(closed, 'model')), allow);
    });
  });

  it('keeps the remedy of its file if the system has none', async () => {
    await assert.rejects(openSource('/nowhere/model.gguf'), /it does not exist\. Choose a GGUF file, or a folder/);
    await assert.rejects(readTensorEntries('/nowhere'), /it does not exist\. Restore the file/);
  });

  it('tells what cannot be written', () => {
    const codes = ['ENOSPC', 'EDQUOT', 'EFBIG', 'EROFS', 'EACCES', 'ENOTDIR', 'EIO'];
    const texts = codes.map((code) => writeFault(fault(code, 'write')).fault);
    assert.deepEqual(texts, [
      'the disk is full',
      'the disk is full',
      'the system allows no file of this size',
      'it cannot be written (EROFS)',
      'it cannot be written (EACCES)',
      'a part of its path is a file, not a folder',
      'it cannot be written (EIO)',
    ]);
  });

  it('is a line of its own if nothing else has named its file', async () => {
    const here = temporaryFolder();
    writeFileSync(join(here, 'file'), '');
    const made = await mkdir(join(here, 'file', 'x')).catch((error: unknown) => error);
    assert.match(systemMessage(made) ?? '', /file.x: (a part of its path is a file, not|its folder cannot be made)/);
    const read = await readFile(join(here, 'none')).catch((error: unknown) => error);
    assert.match(systemMessage(read) ?? '', /none: it does not exist$/);
    assert.match(systemMessage(fault('ENOSPC', 'open', '/x')) ?? '', /^\/x: the disk is full\. Free some space\.$/);
    assert.match(
      systemMessage(fault('EFBIG', 'ftruncate')) ?? '',
      /^a file: the system allows no file of this size\. /,
    );
    assert.equal(systemMessage(fault('ECONNREFUSED', 'connect')), undefined);
    assert.equal(systemMessage(new Error('other')), undefined);
  });
});
