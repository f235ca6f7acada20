// Package the extension with the addon of this platform: matcoder.vsix.
import { cpSync, mkdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { createVSIX } from '@vscode/vsce';
import { build } from './build.mjs';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
await build();
const platform = `${process.platform}-${process.arch}`;
const prebuilds = join(root, 'prebuilds', platform);
mkdirSync(prebuilds, { recursive: true });
cpSync(join(root, 'native', 'build', 'Release', 'matcoder_engine.node'), join(prebuilds, 'matcoder_engine.node'));
await createVSIX({ cwd: root, target: platform, packagePath: join(root, 'matcoder.vsix'), dependencies: false });
