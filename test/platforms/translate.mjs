/** TypeScript translated on this machine, for a Node.js that has no esbuild of its own (translated.cjs). */
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { root } from '../../scripts/lib/run.mjs';

/** Translates every file of src/ and test/, each by itself, to build/platforms/translated. About a second. */
export async function translate() {
  const { build } = await import('esbuild'); // which a clean clone gets from its first build
  const outdir = join(root, 'build', 'platforms', 'translated');
  const entryPoints = ['src', 'test'].flatMap((folder) =>
    readdirSync(join(root, folder), { recursive: true })
      .filter((file) => file.endsWith('.ts') && !file.includes('node_modules'))
      .map((file) => join(root, folder, file)),
  );
  await build({
    entryPoints,
    outbase: root,
    outdir,
    format: 'cjs',
    platform: 'node',
    target: 'node20',
    sourcemap: 'inline',
    sourcesContent: false,
    logLevel: 'warning',
  });
}
