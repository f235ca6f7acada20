import { dirname, join } from 'node:path';
import { hardwareFile } from '../engine/hardwareFile';

/** The library of models that the command line imports, in the user's cache folder. */
export function modelsFolder(): string {
  return join(dirname(hardwareFile()), 'models');
}
