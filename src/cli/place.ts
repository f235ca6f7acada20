import type { Stats } from 'node:fs';
import { readFile, stat } from 'node:fs/promises';

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

const MAX_FILE_BYTES = 50_000_000;

/**
 * Call it before a file is opened, because opening a pipe waits for a writer, and reading a device may never end.
 * @throws {UsageError} if there is no regular file of that name
 */
export async function checkRegular(file: string, remedy = ''): Promise<Stats> {
  const advice = remedy === '' ? '' : `; ${remedy}`;
  const entry = await stat(file).catch((error: unknown) => {
    const { code } = error as NodeJS.ErrnoException;
    const fault = code === 'ENOENT' ? 'there is no such file' : `it cannot be read (${String(code)})`;
    throw new UsageError(`${file}: ${fault}${advice}`);
  });
  if (entry.isDirectory()) throw new UsageError(`${file}: it is a folder, not a file${advice}`);
  if (!entry.isFile()) throw new UsageError(`${file}: it is not a regular file${advice}`);
  return entry;
}

/** The text of a source file, with line ends as \n. */
export async function readSource(file: string): Promise<string> {
  const entry = await checkRegular(file);
  if (entry.size > MAX_FILE_BYTES) throw new UsageError(`${file}: it is larger than ${MAX_FILE_BYTES / 1e6} MB`);
  const bytes = await readFile(file).catch((error: unknown) => {
    throw new UsageError(`${file}: it cannot be read (${String((error as NodeJS.ErrnoException).code)})`);
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
