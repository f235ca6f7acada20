import type { Stats } from 'node:fs';
import { readFile, stat, writeFile } from 'node:fs/promises';
import { isSystemError, readFault, sentence, writeFault } from '../matlm/systemFault';

/** A wrong call of a command. Its message names the fault, and no stack trace is shown. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}

/** A position in a file, 1-based, as compilers write it. */
export interface SourcePosition {
  readonly file: string;
  readonly line: number;
  readonly column: number;
}

/** Parse FILE:LINE:COL. The name of the file may contain colons. */
export function parsePlace(text: string): SourcePosition {
  const match = /^(.+):(\d+):(\d+)$/.exec(text);
  if (!match?.[1]) throw new UsageError(`${text}: expected FILE:LINE:COL, for example src/index.ts:12:5`);
  return { file: match[1], line: Number(match[2]), column: Number(match[3]) };
}

/** @throws {UsageError} if the system does not allow it */
export async function writeText(file: string, text: string): Promise<void> {
  try {
    await writeFile(file, text);
  } catch (error) {
    if (!isSystemError(error)) throw error;
    const { fault, remedy = 'choose another file' } = writeFault(error);
    throw new UsageError(`${file}: ${fault}. ${sentence(remedy)}`);
  }
}

const MAX_FILE_BYTES = 50_000_000;

/**
 * Call it before a file is opened, because opening a pipe waits for a writer, and reading a device may never end.
 * @throws {UsageError} if there is no regular file of that name
 */
export async function checkRegular(file: string, remedy = ''): Promise<Stats> {
  const advice = remedy === '' ? '' : `; ${remedy}`;
  const entry = await stat(file).catch((error: unknown) => {
    throw unreadableFile(file, error, remedy);
  });
  if (entry.isDirectory()) throw new UsageError(`${file}: it is a folder, not a file${advice}`);
  if (!entry.isFile()) throw new UsageError(`${file}: it is not a regular file${advice}`);
  return entry;
}

/** @param advice if the system's fault has none */
export function unreadableFile(file: string, error: unknown, advice = ''): UsageError {
  const isMissing = (error as NodeJS.ErrnoException).code === 'ENOENT';
  const { fault, remedy = advice } = readFault(error);
  const said = isMissing ? 'there is no such file' : fault;
  return new UsageError(`${file}: ${said}${remedy === '' ? '' : `; ${remedy}`}`);
}

/**
 * The folder that an option or an argument names.
 * @param option that names it, for the message
 * @throws {UsageError} if there is no folder of that name
 */
export async function checkFolder(folder: string, option = ''): Promise<void> {
  const named = option === '' ? folder : `${option} ${folder}`;
  const entry = await stat(folder).catch((error: unknown) => {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') throw new UsageError(`${named}: there is no such folder`);
    throw unreadableFile(named, error);
  });
  if (!entry.isDirectory()) throw new UsageError(`${named}: it is a file, not a folder`);
}

/** The text of a source file, with line ends as \n. */
export async function readSource(file: string): Promise<string> {
  const entry = await checkRegular(file);
  if (entry.size > MAX_FILE_BYTES) throw new UsageError(`${file}: it is larger than ${MAX_FILE_BYTES / 1e6} MB`);
  const bytes = await readFile(file).catch((error: unknown) => {
    throw unreadableFile(file, error);
  });
  if (bytes.includes(0)) throw new UsageError(`${file}: it is a binary file`);
  try {
    // As the editor reads it: without a byte order mark.
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes).replaceAll('\r\n', '\n');
  } catch {
    throw new UsageError(`${file}: it is not UTF-8 text`);
  }
}

/** Read a source file and split it at a position. */
export async function splitAt({ file, line, column }: SourcePosition): Promise<{ prefix: string; suffix: string }> {
  if (line < 1 || column < 1) throw new UsageError(`${file}:${line}:${column}: lines and columns count from 1`);
  const text = await readSource(file);
  const lines = text.split('\n');
  const target = lines[line - 1];
  if (target === undefined)
    throw new UsageError(`${file}: line ${line} is past the end, the file has ${lines.length} lines`);
  if (column > target.length + 1) {
    throw new UsageError(
      `${file}:${line}: column ${column} is past the end, columns go from 1 to ${target.length + 1}`,
    );
  }
  const offset = lines.slice(0, line - 1).reduce((sum, l) => sum + l.length + 1, 0) + column - 1;
  return { prefix: text.slice(0, offset), suffix: text.slice(offset) };
}
