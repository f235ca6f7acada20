/** What the errors of the file system mean, and what the user can do about them. All messages about them are made here. */
import { type FileHandle, open } from 'node:fs/promises';
import { CheckpointError } from './errors';

export interface SystemFault {
  /** A clause about the file or folder: `it cannot be read (EACCES)`. */
  readonly fault: string;
  /** A clause without a full stop; undefined if the fault tells nothing about it. */
  readonly remedy: string | undefined;
}

/** Why something could not be read. */
export function readFault(error: unknown): SystemFault {
  const code = codeOf(error);
  switch (code) {
    case 'ENOENT':
      return { fault: 'it does not exist', remedy: undefined };
    case 'ENOTDIR':
      return { fault: 'a part of its path is a file, not a folder', remedy: undefined };
    case 'EACCES':
    case 'EPERM':
      return {
        fault: `it cannot be read (${code})`,
        remedy: 'allow this user to read it, and to open the folders that it is in',
      };
    default:
      return { fault: `it cannot be read (${code})`, remedy: undefined };
  }
}

/** Why something could not be written. */
export function writeFault(error: unknown): SystemFault {
  const code = codeOf(error);
  switch (code) {
    case 'ENOSPC':
    case 'EDQUOT':
      return { fault: 'the disk is full', remedy: 'free some space' };
    case 'EFBIG':
      return {
        fault: 'the system allows no file of this size',
        remedy:
          'raise the limit (ulimit -f), or take a disk with another file system than FAT32, whose files end at 4 GB',
      };
    case 'EROFS':
      return { fault: `it cannot be written (${code})`, remedy: 'mount its disk for writing' };
    case 'EACCES':
    case 'EPERM':
      return { fault: `it cannot be written (${code})`, remedy: 'allow this user to write to it' };
    case 'ENOTDIR':
    case 'EEXIST':
      return { fault: 'a part of its path is a file, not a folder', remedy: undefined };
    // Of a folder that the system lets nobody make, for example on a disk that can only be read.
    case 'ENOENT':
      return { fault: `its folder cannot be made (${code})`, remedy: undefined };
    default:
      return { fault: `it cannot be written (${code})`, remedy: undefined };
  }
}

/** A file of a model that cannot be read. @param remedy if the system's fault has none */
export function unreadable(file: string, error: unknown, remedy?: string): CheckpointError {
  const { fault, remedy: own } = readFault(error);
  return new CheckpointError(file, fault, own === undefined ? remedy : sentence(own));
}

/** @throws {CheckpointError} if a file of a model cannot be opened */
export function openToRead(file: string): Promise<FileHandle> {
  return open(file).catch((error: unknown) => {
    throw unreadable(file, error);
  });
}

/** A fault of the file system as one line; undefined for any other error. */
export function systemMessage(error: unknown): string | undefined {
  if (!isSystemError(error)) return undefined;
  const { syscall = '', path, code = '' } = error;
  const isWritten = WRITES.has(syscall) || ONLY_WRITTEN.has(code);
  if (!isWritten && !READS.has(syscall)) return undefined;
  const { fault, remedy } = isWritten ? writeFault(error) : readFault(error);
  return `${path ?? 'a file'}: ${fault}${remedy === undefined ? '' : `. ${sentence(remedy)}`}`;
}

/** Whether an error has a code of the system, such as ENOSPC. Those of Node.js itself begin with `ERR_`. */
export function isSystemError(error: unknown): error is NodeJS.ErrnoException {
  return error instanceof Error && /^E[A-Z0-9]+$/.test(codeOf(error));
}

/** Whether bytes of an open file could not be read. */
export function isRead({ syscall = '' }: NodeJS.ErrnoException): boolean {
  return syscall === 'read';
}

const READS: ReadonlySet<string> = new Set([
  'read',
  'open',
  'scandir',
  'opendir',
  'stat',
  'lstat',
  'fstat',
  'realpath',
]);
const WRITES: ReadonlySet<string> = new Set([
  ...['write', 'ftruncate', 'fsync', 'mkdir', 'mkdtemp', 'rename', 'unlink', 'rm', 'rmdir', 'copyfile', 'utime'],
]);
/** Codes of writing, also if it is opening that failed. */
const ONLY_WRITTEN: ReadonlySet<string> = new Set(['ENOSPC', 'EDQUOT', 'EFBIG', 'EROFS']);

function codeOf(error: unknown): string {
  return String((error as NodeJS.ErrnoException).code);
}

/** A clause as a sentence. */
export function sentence(clause: string): string {
  return `${clause.charAt(0).toUpperCase()}${clause.slice(1)}.`;
}
