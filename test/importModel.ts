/** `tsx test/importModel.ts PATH FOLDER [BITS]`: the import for pytest. Prints what it returns as JSON. */
import { join } from 'node:path';
import { loadAddon } from '../src/engine/loadAddon';
import { importModel } from '../src/models/import';

const [path = '', folder = '', bits] = process.argv.slice(2);
const addon = loadAddon(join(__dirname, '..'));
importModel(path, folder, { addon, bits: bits === undefined ? undefined : bits === '4' ? 4 : 8 }).then(
  (imported) => {
    process.stdout.write(`${JSON.stringify(imported)}\n`);
  },
  (error: unknown) => {
    process.stderr.write(`${String(error)}\n`);
    process.exitCode = 1;
  },
);
