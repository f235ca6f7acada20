// Format the C++ sources, or with --check say which are not formatted.
import { spawnSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const files = ['src', 'test'].flatMap((folder) =>
  readdirSync(join(root, 'native', folder), { recursive: true })
    .filter((name) => /\.(cc|h|inl|mm)$/.test(name))
    .map((name) => join('native', folder, name)),
);
const mode = process.argv.includes('--check') ? ['--dry-run', '--Werror'] : ['-i'];
const { status, error } = spawnSync(
  process.execPath,
  [join(root, 'node_modules', 'clang-format', 'index.js'), ...mode, ...files],
  {
    cwd: root,
    stdio: 'inherit',
  },
);
if (error) console.error(`clang-format does not run: ${error.message}`);
process.exit(status ?? 1);
