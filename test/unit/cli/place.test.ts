import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { writeText } from '../../../src/cli/place';
import { temporaryFolder } from '../../temporary';

describe('a file that a command writes', () => {
  it('is written, or the message is about writing: a missing folder, a folder in its place, a file as a part of its path', async () => {
    const folder = temporaryFolder();
    const file = join(folder, 'a.json');
    await writeText(file, '{}');
    assert.equal(readFileSync(file, 'utf8'), '{}');
    const other = / Choose another file\.$/;
    await assert.rejects(writeText(join(folder, 'none', 'a.json'), ''), /its folder cannot be made|cannot be written/);
    await assert.rejects(writeText(folder, ''), /it cannot be written/);
    writeFileSync(join(folder, 'b'), '');
    await assert.rejects(writeText(join(folder, 'b', 'a.json'), ''), other);
  });
});
