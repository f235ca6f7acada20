// Check that a tag can be released, and make its packages: `npm run release -- v0.2.0`.
import { createHash } from 'node:crypto';
import { appendFileSync, readFileSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { targets } from './lib/native.mjs';
import { releaseOf } from './lib/release.mjs';
import { Fault, main, must, root } from './lib/run.mjs';
import { packageOf } from './lib/vsix.mjs';

const usage = `npm run release -- TAG [--check]

  TAG       v and the version of package.json; an odd minor version is a pre-release
  --check   only see that the tag fits the version and the changelog

It writes the eight packages, SHA256SUMS and RELEASE_NOTES.md to the root of the repository.`;

const read = (name) => readFileSync(join(root, name), 'utf8');

function check(tag) {
  try {
    return releaseOf(tag, JSON.parse(read('package.json')).version, read('CHANGELOG.md'));
  } catch (error) {
    throw new Fault(error.message);
  }
}

await main(async () => {
  const [tag, ...flags] = process.argv.slice(2);
  if (!tag || tag === '--help' || flags.some((flag) => flag !== '--check')) throw new Fault(usage);
  const { version, preRelease, notes } = check(tag);
  console.log(`${tag} is ${preRelease ? 'a pre-release' : 'a release'}.`);
  // In a workflow of GitHub, this is the step's output.
  if (process.env.GITHUB_OUTPUT) appendFileSync(process.env.GITHUB_OUTPUT, `pre-release=${preRelease}\n`);
  if (flags.length > 0) return;

  const args = ['scripts/package.mjs', '--target', 'all', ...(preRelease ? ['--pre-release'] : [])];
  await must(process.execPath, args, { quiet: false });
  const sums = targets.map(packageOf).map((vsix) => {
    return `${createHash('sha256').update(readFileSync(vsix)).digest('hex')}  ${basename(vsix)}\n`;
  });
  writeFileSync(join(root, 'SHA256SUMS'), sums.join(''));
  writeFileSync(join(root, 'RELEASE_NOTES.md'), `${notes}\n`);
  console.log(`${version}: ${sums.length} packages, SHA256SUMS and RELEASE_NOTES.md`);
});
