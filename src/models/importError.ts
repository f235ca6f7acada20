import { CheckpointError } from '../matlm/errors';

const REMEDY = 'Download it again, or choose another model.';

/** A model that cannot be imported. The message names the file, the fault and what to do next. */
export class ImportError extends CheckpointError {
  constructor(file: string, fault: string, remedy = REMEDY) {
    super(file, fault, remedy);
  }
}

/** Names and texts come from the file, and messages show them. */
export function shown(name: string): string {
  const printable = name.replaceAll(/\p{C}/gu, '\u{FFFD}');
  return printable.length > 80 ? `${printable.slice(0, 79)}…` : printable;
}
