import assert from 'node:assert/strict';
import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import yaml from 'js-yaml';
import { targets, thisTarget } from '../../scripts/lib/native.mjs';
import { releaseOf } from '../../scripts/lib/release.mjs';
import { must, root, run } from '../../scripts/lib/run.mjs';
import { TARGETS, thisTarget as targetOfExtension } from '../../src/engine/target.ts';

const read = (...path) => readFileSync(join(root, ...path), 'utf8');
const changelog =
  '# Changelog\n\n## [Unreleased]\n\n## [0.2.0] - 2027-01-02\n\n### Added\n\n- A thing.\n\n[0.2.0]: https://x\n';

describe('A release', () => {
  it('has the version of its tag and the notes of the changelog', () => {
    const notes = '### Added\n\n- A thing.';
    assert.deepEqual(releaseOf('v0.2.0', '0.2.0', changelog), { version: '0.2.0', preRelease: false, notes });
  });

  it('is a pre-release if the minor version is odd', () => {
    const odd = changelog.replaceAll('0.2.0', '1.3.7');
    assert.equal(releaseOf('v1.3.7', '1.3.7', odd).preRelease, true);
  });

  it('is refused if the tag, the version and the changelog do not fit', () => {
    assert.throws(() => releaseOf('v0.2.1', '0.2.0', changelog), /The tag v0\.2\.1 does not fit/);
    assert.throws(() => releaseOf('v0.4.0', '0.4.0', changelog), /no section "## \[0\.4\.0\]"/);
    assert.throws(() => releaseOf('v0.2.0', '0.2.0', changelog.replace(/### Added[^]*thing\.\n/, '')), /is empty/);
  });

  it('of an unknown target is refused with the names of the targets', async () => {
    const { code, output } = await run(process.execPath, ['scripts/package.mjs', '--target', 'plan9-x64'], {
      quiet: true,
    });
    assert.equal(code, 1);
    assert.match(output, /There is no target plan9-x64[^]*linux-x64.*win32-arm64/);
  });
});

describe('The targets', () => {
  it('are the same for the build and for the extension', () => {
    assert.deepEqual(targets, [...TARGETS]);
    assert.equal(thisTarget(), targetOfExtension());
  });
});

describe('The manifest', () => {
  const manifest = JSON.parse(read('package.json'));

  it('has what a page in the marketplace shows', () => {
    for (const name of ['displayName', 'description', 'publisher', 'license', 'icon', 'homepage', 'qna', 'pricing']) {
      assert.equal(typeof manifest[name], 'string', name);
    }
    assert.ok(!('private' in manifest));
    assert.match(manifest.bugs.url, /^https:/);
    assert.match(manifest.galleryBanner.color, /^#[0-9a-f]{6}$/);
    assert.ok(existsSync(join(root, manifest.icon)));
    assert.ok(manifest.keywords.length <= 30, 'the marketplace takes 30 keywords');
  });
});

describe('The changelog', () => {
  it('has the form of Keep a Changelog', () => {
    const headings = read('CHANGELOG.md').match(/^##? .*$/gm);
    assert.equal(headings[0], '# Changelog');
    for (const heading of headings.slice(1)) {
      assert.match(heading, /^## \[(Unreleased|\d+\.\d+\.\d+)\]( - \d{4}-\d\d-\d\d)?$/);
    }
    const kinds = read('CHANGELOG.md').match(/^### .*$/gm);
    for (const kind of kinds) assert.match(kind, /^### (Added|Changed|Deprecated|Removed|Fixed|Security)$/);
  });
});

describe('The workflows', () => {
  const folder = join(root, '.github', 'workflows');
  const workflows = readdirSync(folder).map((name) => [name, yaml.load(read('.github', 'workflows', name))]);
  const steps = workflows.flatMap(([name, { jobs }]) =>
    Object.values(jobs).flatMap((job) => (job.steps ?? []).map((step) => ({ name, ...step }))),
  );
  const { scripts } = JSON.parse(read('package.json'));

  it('run scripts and files that exist', () => {
    const commands = steps.flatMap(({ run: command = '' }) => command.split('\n'));
    const named = commands.flatMap((command) => /npm run ([\w:-]+)/.exec(command)?.[1] ?? []);
    assert.ok(named.length >= 3);
    for (const script of named) assert.ok(script in scripts, `npm run ${script}`);
    const files = commands.flatMap((command) => /^(?:node )?((?:\.ci|scripts|test)\/[\w./]+)/.exec(command)?.[1] ?? []);
    for (const file of files) assert.ok(existsSync(join(root, file.replace(/\/node_modules.*/, ''))), file);
  });

  it('hash files that exist', async () => {
    const patterns = JSON.stringify(workflows)
      .match(/hashFiles\(([^)]*)\)/g)
      .flatMap((call) => call.match(/(?<=')[^']+(?=')/g));
    for (const pattern of patterns.filter((text) => !/^, *$/.test(text))) {
      const found = await must('git', ['ls-files', `:(glob)${pattern}`]);
      assert.notEqual(found, '', pattern);
    }
  });

  it('pin each action by its commit', () => {
    for (const { name, uses } of steps.filter(({ uses }) => uses))
      assert.match(uses, /^[\w-]+\/[\w-]+@[0-9a-f]{40}$/, name);
  });

  it('may only read, except for the job that makes the release', () => {
    for (const [name, { permissions, jobs }] of workflows) {
      assert.deepEqual(permissions, { contents: 'read' }, name);
      const writing = Object.entries(jobs).filter(([, job]) => job.permissions);
      assert.deepEqual(
        writing.map(([job, { permissions: own }]) => [job, own]),
        name === 'release.yml' ? [['github', { contents: 'write' }]] : [],
      );
    }
  });

  it('give the secrets to the steps that publish only', () => {
    const withSecrets = steps.filter((step) => JSON.stringify(step).includes('secrets.'));
    assert.deepEqual(
      withSecrets.map(({ run: command }) => /bin\/(\w+) publish/.exec(command)?.[1]),
      ['vsce', 'ovsx'],
    );
    for (const [, workflow] of workflows) assert.ok(!JSON.stringify(workflow.env ?? {}).includes('secrets.'));
  });
});

describe('The forms for issues', () => {
  const folder = join(root, '.github', 'ISSUE_TEMPLATE');
  const forms = readdirSync(folder)
    .filter((name) => name !== 'config.yml')
    .map((name) => [name, yaml.load(read('.github', 'ISSUE_TEMPLATE', name))]);

  it('have what GitHub needs', () => {
    assert.ok(forms.length >= 3);
    for (const [name, { name: title, description, body }] of forms) {
      assert.ok(title && description, name);
      const ids = body.filter(({ type }) => type !== 'markdown').map(({ id }) => id);
      assert.equal(new Set(ids).size, ids.length, name);
      for (const { type, attributes } of body) {
        assert.ok(['markdown', 'textarea', 'input', 'dropdown'].includes(type), name);
        assert.ok(type === 'markdown' ? attributes.value : attributes.label, name);
      }
    }
  });

  it('ask for the diagnostics by the name of their command', () => {
    const titles = Object.values(JSON.parse(read('package.nls.json')));
    assert.ok(titles.includes('Copy Diagnostics'));
    const bug = forms.find(([name]) => name === 'bug.yml')[1];
    const diagnostics = bug.body.find(({ id }) => id === 'diagnostics');
    assert.match(diagnostics.attributes.description, /MatCoder: Copy Diagnostics/);
    assert.equal(diagnostics.validations.required, true);
  });
});
