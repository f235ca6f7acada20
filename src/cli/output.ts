/**
 * Ends the command if its output cannot be written. A reader that closes the pipe, such as `head`, has read enough, so that
 * is not an error; a full disk is one.
 */
export function guardOutput(
  { stdout, stderr }: Pick<NodeJS.Process, 'stdout' | 'stderr'> = process,
  exit: (code: number) => void = (code) => process.exit(code),
): void {
  stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE') {
      exit(0);
      return;
    }
    stderr.write(`matcoder: the output cannot be written (${String(error.code)})\n`);
    exit(1);
  });
  // If errors cannot be written, only the exit code reports them.
  stderr.on('error', () => {
    process.exitCode = 1;
  });
}
