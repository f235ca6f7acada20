/**
 * `npx tsx bench/indexes.mts HELDOUT`: three indexes for the memory of the workspace on the files of a corpus: bytes a token,
 * speed of building, and time of a look-up. Needs a C++ compiler.
 */
import { execFileSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { readHeldout } from '../src/cli/heldout';
import { openCheckpoint, SHIPPED } from '../src/matlm/checkpoint';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const [file] = process.argv.slice(2);
if (file === undefined) throw new Error('indexes.mts HELDOUT');
const { tokenizer } = await openCheckpoint(join(root, SHIPPED));
const rows = await readHeldout(resolve(file), 1, 'figures');
const folder = join(root, 'build', 'bench');
mkdirSync(folder, { recursive: true });
const documents = join(folder, 'documents.bin');
const encoded = rows.map(({ text }) => tokenizer.encode(text));
writeFileSync(
  documents,
  Buffer.concat(encoded.map((ids) => Buffer.from(Int32Array.from([ids.length, ...ids]).buffer))),
);
const program = join(folder, 'indexes');
const sources = ['gate', 'matches', 'memory', 'segment'].map((name) => join(root, 'native/src/memory', `${name}.cc`));
const flags = ['-std=c++17', '-O3', '-ffp-contract=off', '-pthread'];
execFileSync(process.env.CXX ?? 'c++', [...flags, join(root, 'bench/indexes.cc'), ...sources, '-o', program]);
const bytes = rows.reduce((sum, { text }) => sum + Buffer.byteLength(text), 0);
const tokens = encoded.reduce((sum, ids) => sum + ids.length, 0);
process.stdout.write(
  `${rows.length} files, ${(bytes / 1e6).toFixed(1)} MB, ${(bytes / tokens).toFixed(2)} bytes a token\n\n`,
);
process.stdout.write(execFileSync(program, [documents, String(tokenizer.tokenBytes.length)]));
