import { chmod, mkdir, readFile, writeFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';
import { renameOnceFree } from '../machine/replaceFile';

export interface Launched {
  /** The program that runs JavaScript: Node.js, or the editor's own, which is told to be Node.js. */
  readonly program: string;
  /** The command line of this installation. */
  readonly cli: string;
}

/** Where the launcher is: it stays there, while the folder of the extension has another name after each update. */
export function launcherFile(storage: string, platform: NodeJS.Platform = process.platform): string {
  return join(storage, 'bin', platform === 'win32' ? 'matcoder.cmd' : 'matcoder');
}

/** Said if the extension was removed, or the editor moved. */
const GONE =
  'matcoder: MatCoder or the editor that it ran in has moved. Run the command Copy Command for Other Editors there again.';

/** A script that runs the command line with the editor's own program, so that Node.js need not be installed. */
export function launcherText(
  { program, cli }: Launched,
  platform: NodeJS.Platform = process.platform,
  home = homedir(),
): string {
  if (platform === 'win32') {
    // A batch file is read in the code page of the console, in which the name of a user may be spelled otherwise.
    const fromHome = (path: string) =>
      path.startsWith(`${home}\\`)
        ? `%USERPROFILE%${path.slice(home.length).replaceAll('%', '%%')}`
        : path.replaceAll('%', '%%');
    const [node, script] = [program, cli].map((path) => `"${fromHome(path)}"`);
    const isAscii = /^[\0-\x7f]*$/.test(`${node}${script}`);
    return [
      '@echo off',
      'setlocal',
      ...(isAscii ? [] : ['chcp 65001 >nul']),
      ...[node, script].map((file) => `if not exist ${file} (echo ${GONE} 1>&2 & exit /b 1)`),
      'set ELECTRON_RUN_AS_NODE=1',
      // In one line, because the file may be replaced while the program runs.
      `${node} ${script} %* & exit /b`,
      '',
    ].join('\r\n');
  }
  const [node, script] = [program, cli].map((path) => `'${path.replaceAll("'", String.raw`'\''`)}'`);
  return [
    '#!/bin/sh',
    `[ -x ${node} ] && [ -f ${script} ] || { echo '${GONE}' >&2; exit 1; }`,
    `ELECTRON_RUN_AS_NODE=1 exec ${node} ${script} "$@"`,
    '',
  ].join('\n');
}

/** Write the launcher in one step, because an editor may start it at the same time, and return its path. @throws the error of the system */
export async function writeLauncher(storage: string, launched: Launched): Promise<string> {
  const file = launcherFile(storage);
  await mkdir(dirname(file), { recursive: true, mode: 0o700 });
  const partial = `${file}.${process.pid}.partial`;
  await writeFile(partial, launcherText(launched));
  await chmod(partial, 0o755);
  await renameOnceFree(partial, file);
  return file;
}

/** Have a launcher that was written by an earlier version run this one. Without one, nothing is written. */
export async function refreshLauncher(storage: string, launched: Launched): Promise<void> {
  const written = await readFile(launcherFile(storage), 'utf8').catch(() => undefined);
  if (written !== undefined && written !== launcherText(launched)) await writeLauncher(storage, launched);
}
