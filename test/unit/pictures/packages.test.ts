import assert from 'node:assert/strict';
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { isSetPath, packageFiles, packageOf } from '../../../src/pictures/packages';
import { needLinks } from '../../links';
import { temporaryFolder } from '../../temporary';

function workspace(manifest: unknown, files: readonly string[]): string {
  const root = temporaryFolder();
  writeFileSync(join(root, 'package.json'), typeof manifest === 'string' ? manifest : JSON.stringify(manifest));
  for (const file of files) {
    mkdirSync(dirname(join(root, file)), { recursive: true });
    writeFileSync(join(root, file), '');
  }
  return root;
}

const MODULES = 'node_modules';

describe('the pictures of installed packages', () => {
  it('are those of packages of icons that the folder depends on', async () => {
    const root = workspace(
      {
        dependencies: { 'lucide-static': '1', react: '19' },
        devDependencies: { '@iconify-json/mdi': '1', heroicons: '2' },
      },
      [
        `${MODULES}/lucide-static/icons/trash.svg`,
        `${MODULES}/lucide-static/icons/trash.json`,
        `${MODULES}/lucide-static/sprite.svg`,
        `${MODULES}/@iconify-json/mdi/icons.json`,
        `${MODULES}/@iconify-json/tabler/icons.json`,
        `${MODULES}/heroicons/24/outline/trash.svg`,
        `${MODULES}/react/logo.svg`,
      ],
    );
    assert.deepEqual(await packageFiles(root), {
      paths: [
        `${MODULES}/@iconify-json/mdi/icons.json`,
        `${MODULES}/heroicons/24/outline/trash.svg`,
        `${MODULES}/lucide-static/icons/trash.svg`,
      ],
      isTruncated: false,
    });
  });

  it('are all sets of @iconify/json', async () => {
    const files = ['json/mdi.json', 'json/tabler.json', 'collections.json'].map(
      (file) => `${MODULES}/@iconify/json/${file}`,
    );
    const root = workspace({ dependencies: { '@iconify/json': '2' } }, files);
    assert.deepEqual((await packageFiles(root)).paths, files.slice(0, 2));
  });

  it('are found through the links of a package manager', async function () {
    needLinks(this);
    const root = workspace({ dependencies: { 'lucide-static': '1' } }, [
      `${MODULES}/.pnpm/lucide-static/icons/trash.svg`,
    ]);
    symlinkSync(join('.pnpm', 'lucide-static'), join(root, MODULES, 'lucide-static'));
    assert.deepEqual((await packageFiles(root)).paths, [`${MODULES}/lucide-static/icons/trash.svg`]);
  });

  it('are none if a package is not installed, or if there is no package.json that can be read', async () => {
    for (const manifest of [{ dependencies: { 'lucide-static': '1' } }, '{', '[]', '{"dependencies": 5}', ''])
      assert.deepEqual((await packageFiles(workspace(manifest, []))).paths, []);
    assert.deepEqual((await packageFiles(join(temporaryFolder(), 'missing'))).paths, []);
  });

  it('are never outside of node_modules', async () => {
    const root = workspace(
      { dependencies: { '../icons': '1', '@iconify-json/..': '1', '@iconify-json/../../x': '1' } },
      ['icons.json', 'x/icons.json', `${MODULES}/icons.json`],
    );
    assert.deepEqual((await packageFiles(root)).paths, []);
  });

  it('are not looked for any more once the signal says so', async () => {
    const root = workspace({ dependencies: { 'lucide-static': '1' } }, []);
    await assert.rejects(packageFiles(root, AbortSignal.abort(new Error('enough'))), /enough/);
  });

  it('are known by their paths', () => {
    const paths = {
      [`${MODULES}/@iconify-json/mdi/icons.json`]: '@iconify-json/mdi',
      [`${MODULES}/@iconify/json/json/mdi.json`]: '@iconify/json',
      [`${MODULES}/lucide-static/icons/trash.svg`]: 'lucide-static',
      [`${MODULES}/react/logo.svg`]: undefined,
      [`${MODULES}/@iconify-json/mdi/info.json`]: undefined,
      'lucide-static/icons/trash.svg': undefined,
    };
    for (const [path, name] of Object.entries(paths)) assert.equal(packageOf(path), name, path);
    assert.deepEqual(Object.keys(paths).filter(isSetPath), Object.keys(paths).slice(0, 2));
  });
});
