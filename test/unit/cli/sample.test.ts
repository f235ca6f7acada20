import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { readSample } from '../../../src/cli/sample';
import { temporaryFolder } from '../../temporary';
import { ROOT } from '../model';

describe('the sample of matcoder elastic', () => {
  const signal = new AbortController().signal;
  const code = (seed: number, chars: number) => `const n${seed} = ${seed};\n`.repeat(chars).slice(0, chars);

  it('says before what is read, and then what was found, how much of it is used, and what was left out', async () => {
    const folder = temporaryFolder();
    for (const [name, text] of Object.entries({
      a: code(1, 21_434),
      b: code(2, 9000),
      c: code(3, 9000),
      d: code(3, 9000),
    }))
      writeFileSync(join(folder, `${name}.ts`), text);
    writeFileSync(join(folder, 'long.ts'), 'a'.repeat(6000));
    const said: string[] = [];
    const { files, kind, from } = await readSample(ROOT, folder, { signal, say: (line) => said.push(line) });
    assert.deepEqual([files.length, kind, from], [4, 'user', folder]);
    assert.deepEqual(said, [
      `reading the sample in ${folder}`,
      `sample: 4 files, 48,434 characters, from ${folder}`,
      'of it at most 16,000 characters of a file and 400,000 in all are used',
      'left out: 1 file with lines that are too long, 1 copy of another file',
    ]);
  });

  it('is refused with its folder if it is too short', async () => {
    const folder = temporaryFolder();
    writeFileSync(join(folder, 'a.ts'), code(1, 21_434));
    const said: string[] = [];
    const reading = readSample(ROOT, folder, { signal, say: (line) => said.push(line) });
    await assert.rejects(reading, (error: Error) =>
      error.message.startsWith(`${folder}: the sample text is too short`),
    );
    assert.equal(said[1], `sample: 1 file, 21,434 characters, from ${folder}`);
  });
});
