import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import {
  copyFileSync,
  cpSync,
  existsSync,
  linkSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  symlinkSync,
  readlinkSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { thisTarget } from '../../scripts/lib/native.mjs';
import { preparePython } from '../../scripts/lib/python.mjs';
import { must, root } from '../../scripts/lib/run.mjs';
import { packageOf, sourceDate } from '../../scripts/lib/vsix.mjs';
import { readPackage } from './vsix.mjs';

/** Copies a folder without copying its files, if both are on one disk. */
function linkAll(from, to) {
  mkdirSync(to, { recursive: true });
  for (const entry of readdirSync(from, { withFileTypes: true })) {
    const [source, copy] = [join(from, entry.name), join(to, entry.name)];
    if (entry.isDirectory()) linkAll(source, copy);
    else if (entry.isSymbolicLink()) symlinkSync(readlinkSync(source), copy);
    else {
      try {
        linkSync(source, copy);
      } catch {
        copyFileSync(source, copy);
      }
    }
  }
}

const digestOf = (file) => createHash('sha256').update(readFileSync(file)).digest('hex');

describe('A package', function () {
  this.timeout(1_800_000); // it compiles the addon once more
  let elsewhere;
  before(() => (elsewhere = mkdtempSync(join(tmpdir(), 'matcoder-another-folder-of-another-length-'))));
  after(() => rmSync(elsewhere, { recursive: true, force: true }));

  it('has the same bytes if it is made in another folder, time zone and language', async () => {
    const target = thisTarget();
    const published = packageOf(target);
    assert.ok(existsSync(published), `${published} is missing: npm run package`);
    const list = await must('git', ['ls-files', '--cached', '--others', '--exclude-standard', '-z']);
    for (const file of list.split('\0').filter(Boolean)) cpSync(join(root, file), join(elsewhere, file));
    linkAll(join(root, 'node_modules'), join(elsewhere, 'node_modules'));

    const { python } = await preparePython('native');
    const env = {
      ...process.env,
      ...{ TZ: 'Asia/Kathmandu', LANG: 'da_DK.UTF-8', LC_ALL: 'da_DK.UTF-8' },
      PYTHON: python,
      // The copy is no repository.
      SOURCE_DATE_EPOCH: sourceDate(),
      // Otherwise Zig would take what it compiled for the package that is compared.
      ZIG_LOCAL_CACHE_DIR: join(elsewhere, 'zig'),
    };
    const args = [
      'scripts/package.mjs',
      '--target',
      target,
      ...((await isPreRelease(published)) ? ['--pre-release'] : []),
    ];
    await must(process.execPath, args, { env, cwd: elsewhere });
    const copy = published.replace(root, elsewhere);
    assert.equal(digestOf(copy), digestOf(published), `${published} does not come from the sources as they are now`);
  });
});

async function isPreRelease(vsix) {
  const manifest = (await readPackage(vsix)).get('extension.vsixmanifest').contents.toString('utf8');
  return manifest.includes('Id="Microsoft.VisualStudio.Code.PreRelease" Value="true"');
}
