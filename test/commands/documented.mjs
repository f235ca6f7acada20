/** The commands that the documentation tells a reader to type. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { root, run } from '../../scripts/lib/run.mjs';

/**
 * The lines of the fenced shell blocks of a Markdown text: continued lines are joined, comments are dropped, and commands
 * that `&&` joins are taken apart.
 *
 * @param {string} markdown
 * @returns {string[]}
 */
export function shellCommands(markdown) {
  const blocks = markdown.matchAll(/^```(?:sh|bash|shell|console)\n(.*?)^```/gms);
  return [...blocks].flatMap(([, block]) =>
    block
      .replaceAll(/\\\n\s*/g, '')
      .split('\n')
      .map((line) => line.replace(/(^|\s)#.*$/, ''))
      .flatMap((line) => line.split('&&'))
      .map((command) => command.replace(/^\$ /, '').replaceAll(/\s+/g, ' ').trim())
      .filter(Boolean),
  );
}

/**
 * Every command of the repository's Markdown files once, with the first file that names it.
 *
 * @returns {Promise<{command: string, file: string}[]>}
 */
export async function documentedCommands() {
  const { output } = await run('git', ['ls-files', '*.md'], { quiet: true });
  const found = new Map();
  for (const file of output.split('\n').filter((name) => name && name !== 'CHANGELOG.md')) {
    for (const command of shellCommands(readFileSync(join(root, file), 'utf8'))) {
      if (!found.has(command)) found.set(command, file);
    }
  }
  return [...found].map(([command, file]) => ({ command, file }));
}
