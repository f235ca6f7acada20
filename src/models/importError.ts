import { CheckpointError, RESTORE } from '../matlm/errors';

const REMEDY = 'Download it again, or choose another model.';

/** A model that cannot be imported. The message names the file, the fault and what to do next. */
export class ImportError extends CheckpointError {
  constructor(file: string, fault: string, remedy = REMEDY) {
    super(file, fault, remedy);
  }
}

/** A fault that was found as that of a checkpoint. */
export function importErrorOf(error: unknown): unknown {
  if (!(error instanceof CheckpointError) || error instanceof ImportError) return error;
  return new ImportError(error.file, error.fault, error.remedy === RESTORE ? REMEDY : error.remedy);
}

/** Names and texts come from the file, and messages show them. */
export function shown(name: string): string {
  const printable = name.replaceAll(/\p{C}/gu, '\u{FFFD}');
  return printable.length > 80 ? `${printable.slice(0, 79)}…` : printable;
}
