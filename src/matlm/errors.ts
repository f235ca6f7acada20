/** The message of anything that was thrown. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** If nothing better can be said. */
export const RESTORE = 'Restore the file or choose another checkpoint folder.';

/** A checkpoint that cannot be used. The message names the file, the fault and what to do next. */
export class CheckpointError extends Error {
  override readonly name = 'CheckpointError';

  constructor(
    readonly file: string,
    readonly fault: string,
    readonly remedy = RESTORE,
  ) {
    super(`${file}: ${fault}. ${remedy}`);
  }
}
