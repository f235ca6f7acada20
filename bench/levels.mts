/** Instruction sets that both engines can be held to, so that the rows of an older processor are measured on a newer one. */
import { cpSync, existsSync, mkdirSync, readdirSync, rmSync, symlinkSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import type { Isa } from '../src/engine/addon';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const installed = join(root, 'bench', 'node_modules');

/** `native` is the best that this processor has, which each engine finds itself. */
export type Level = 'native' | 'avx2';

/** Builds of llama.cpp's kernels that need more than AVX2. */
const BEYOND_AVX2 = /-cpu-(alderlake|skylakex|cannonlake|cascadelake|cooperlake|icelake|sapphirerapids|zen4)\b/;

export const isaOf = (level: Level): Isa | undefined => (level === 'native' ? undefined : level);

/**
 * The module of node-llama-cpp that runs at a level. llama.cpp has a library for each kind of processor and loads the best that
 * runs here: for AVX2 it gets a copy without those that need more.
 */
export function peerOf(level: Level): string {
  if (level === 'native') return 'node-llama-cpp';
  const folder = join(root, 'build', 'bench', `llama-${level}`, 'node_modules');
  const own = `${{ win32: 'win', darwin: 'mac' }[process.platform as string] ?? process.platform}-${process.arch}`;
  if (process.arch !== 'x64') throw new Error(`the level ${level} needs an x64 processor`);
  const entry = join(folder, 'node-llama-cpp', 'dist', 'index.js');
  if (!existsSync(entry)) {
    rmSync(folder, { recursive: true, force: true });
    mkdirSync(join(folder, '@node-llama-cpp'), { recursive: true });
    cpSync(join(installed, '@node-llama-cpp', own), join(folder, '@node-llama-cpp', own), {
      recursive: true,
      filter: (file) => !BEYOND_AVX2.test(file),
    });
    for (const name of readdirSync(installed)) {
      if (name.startsWith('.') || name.includes('node-llama-cpp')) continue;
      symlinkSync(join(installed, name), join(folder, name), 'junction');
    }
    cpSync(join(installed, 'node-llama-cpp'), join(folder, 'node-llama-cpp'), { recursive: true });
  }
  return pathToFileURL(entry).href;
}
