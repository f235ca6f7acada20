import * as paths from 'node:path';
import { join, resolve } from 'node:path';
import { type Switch, SWITCHES, type WorkspaceFile } from '../replay/workspace';
import { diskFolder, entriesIn } from '../workspace/disk';
import { FilePolicy } from '../workspace/filePolicy';
import { unfitName, unfitText } from '../workspace/memory/fitness';
import { SKIPPED_FOLDERS } from '../workspace/memory/walk';
import { checkFolder, UsageError } from './place';

/**
 * The files of a folder that the editor would remember if there were no limits: those that may be quoted and that a person
 * wrote. Links are not followed, so the walk ends.
 * @param option that names the folder, for messages
 * @throws {UsageError} if there is no such folder
 */
export async function readWorkspace(
  root: string,
  warn: (message: string) => void = (message) => process.stderr.write(`matcoder: ${message}\n`),
  option = '--workspace',
): Promise<WorkspaceFile[]> {
  await checkFolder(root, option);
  const policy = new FilePolicy(warn);
  const folder = diskFolder(resolve(root));
  const files: WorkspaceFile[] = [];
  const isClosed = (inside: string) => policy.ignoresFolder(folder, inside);
  for await (const path of pathsBelow(resolve(root), isClosed)) {
    if (unfitName(path) !== undefined) continue;
    const quotable = await policy.quotable({ folder, path });
    if ('text' in quotable && unfitText(quotable.text) === undefined) files.push({ path, text: quotable.text });
  }
  return files;
}

/**
 * The path of a file as a prompt has it: from the workspace's root, or else from the working folder.
 * @param system whose paths they are
 * @throws {UsageError} if the file is outside of the workspace
 */
export function pathFrom(workspace: string | undefined, file: string, system = paths): string {
  const path = system
    .relative(system.resolve(workspace ?? '.'), system.resolve(file))
    .split(system.sep)
    .join('/');
  // On Windows, no relative path leads to another drive or to a share.
  const isOutside = path === '' || path === '..' || /^(?:\.\.)?\/|^[A-Za-z]:/.test(path);
  if (workspace !== undefined && isOutside) throw new UsageError(`${file}: it is not in the workspace ${workspace}`);
  return path;
}

/** @throws {UsageError} */
export function switchesOf(text: string): Switch[] {
  return text.split(',').map((name) => {
    const found = SWITCHES.find((one) => one === name.trim());
    if (!found) throw new UsageError(`--memory ${text}: expected off, on, or off,on`);
    return found;
  });
}

/**
 * Regular files, in the order of their names.
 * @param isClosed whether no file below a folder is wanted
 */
async function* pathsBelow(
  root: string,
  isClosed: (inside: string) => Promise<boolean>,
  inside = '',
): AsyncGenerator<string> {
  for (const entry of await entriesIn(join(root, inside))) {
    const path = inside === '' ? entry.name : `${inside}/${entry.name}`;
    if (entry.isDirectory()) {
      if (!SKIPPED_FOLDERS.has(entry.name) && !(await isClosed(path))) yield* pathsBelow(root, isClosed, path);
    } else yield path;
  }
}
