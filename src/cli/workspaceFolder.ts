import { readdir } from 'node:fs/promises';
import * as paths from 'node:path';
import { join, resolve } from 'node:path';
import { type Switch, SWITCHES, type WorkspaceFile } from '../replay/workspace';
import { diskFolder } from '../workspace/disk';
import { FilePolicy, type ProjectFile, type Unquotable } from '../workspace/filePolicy';
import { unfitName, unfitText } from '../workspace/memory/fitness';
import { SKIPPED_FOLDERS } from '../workspace/memory/walk';
import { isSecretFile } from '../workspace/secretFiles';
import { checkFolder, UsageError } from './place';

/** Why a file or folder of a workspace is not read. */
export type LeftOut =
  Unquotable | 'minified' | 'generated' | 'secret name' | 'ignored folder' | 'unreadable folder' | 'link';

export interface ReadingOptions {
  /** For rules that cannot be followed. */
  readonly warn?: (message: string) => void;
  /** That names the folder, for messages. */
  readonly option?: string;
  readonly signal?: AbortSignal;
  /** Called for each file that is left out, and for each folder or link that is not entered. */
  readonly onLeftOut?: (why: LeftOut) => void;
}

/**
 * The files of a folder that the editor would remember if there were no limits: those that may be quoted and that a person
 * wrote. Links are not followed, so the walk ends.
 * @throws {UsageError} if there is no such folder @throws the signal's reason if it is aborted
 */
export async function readWorkspace(
  root: string,
  { warn = say, option = '--workspace', signal, onLeftOut = () => undefined }: ReadingOptions = {},
): Promise<WorkspaceFile[]> {
  await checkFolder(root, option);
  const policy = new FilePolicy(warn);
  const folder = diskFolder(resolve(root));
  const files: WorkspaceFile[] = [];
  const isClosed = (inside: string) => policy.ignoresFolder(folder, inside);
  for await (const path of pathsBelow(resolve(root), isClosed, onLeftOut)) {
    signal?.throwIfAborted();
    const read = await readOne(policy, { folder, path });
    if (typeof read === 'string') onLeftOut(read);
    else files.push({ path, text: read.text });
  }
  signal?.throwIfAborted();
  return files;
}

function say(message: string): void {
  process.stderr.write(`matcoder: ${message}\n`);
}

/** The text of a file, or why it is left out. */
async function readOne(policy: FilePolicy, file: ProjectFile): Promise<{ readonly text: string } | LeftOut> {
  const unfit = unfitName(file.path);
  if (unfit !== undefined) return unfit;
  const quotable = await policy.quotable(file);
  if ('text' in quotable) return unfitText(quotable.text) ?? quotable;
  return quotable.reason === 'ignored' && isSecretFile(`${file.folder.path}/${file.path}`)
    ? 'secret name'
    : quotable.reason;
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
  onLeftOut: (why: LeftOut) => void,
  inside = '',
): AsyncGenerator<string> {
  const entries = await readdir(join(root, inside), { withFileTypes: true }).catch(() => undefined);
  if (!entries) onLeftOut('unreadable folder');
  for (const entry of (entries ?? []).sort((a, b) => (a.name < b.name ? -1 : 1))) {
    const path = inside === '' ? entry.name : `${inside}/${entry.name}`;
    if (entry.isDirectory()) {
      if (SKIPPED_FOLDERS.has(entry.name) || (await isClosed(path))) onLeftOut('ignored folder');
      else yield* pathsBelow(root, isClosed, onLeftOut, path);
    } else if (entry.isFile()) yield path;
    else if (entry.isSymbolicLink()) onLeftOut('link');
  }
}
