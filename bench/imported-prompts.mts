// A model on given files: bits per byte after each prompt that it may want, with the memory of the workspace and without.
// Usage: npx tsx bench/imported-prompts.mts FOLDER FILE…
import { readFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { openCheckpoint } from '../src/matlm/checkpoint';
import { fimCandidates } from '../src/models/fim';
import { generalGate } from '../src/models/generalGate';
import { measureModel } from '../src/models/measureModel';

const root = join(import.meta.dirname, '..');
const [folder, ...paths] = process.argv.slice(2);
if (folder === undefined || paths.length === 0) throw new Error('usage: imported-prompts.mts FOLDER FILE…');
const checkpoint = await openCheckpoint(folder);
const { tokens, stop } = checkpoint.prompt;
const candidates = fimCandidates(checkpoint.tokenizer, { begin: tokens.begin, end: stop });
const files = paths.map((path) => ({
  path: relative('.', path),
  text: readFileSync(path, 'utf8').replaceAll('\r\n', '\n'),
}));
// Without a limit of time every run measures the same middles.
const found = await measureModel(checkpoint, await generalGate(root), candidates, files, { root, budgetMs: Infinity });
if (!found) throw new Error('the files have no middle to complete');
const { decision, own, withMemory, isFitted, places, textBytes } = found;
console.log('| Order | Header | Bytes | Bits per byte | Bits of an end |\n| --- | --- | --- | --- | --- |');
for (const { format, bytes, perByte, endBits, places: count } of decision.measured) {
  const cells = [
    format.order,
    format.hasHeader ? 'yes' : 'no',
    bytes,
    perByte.toFixed(3),
    (endBits / count).toFixed(1),
  ];
  console.log(`| ${cells.join(' | ')} |`);
}
console.log(`chosen: ${decision.format.order}, ${decision.format.hasHeader ? 'with' : 'without'} a header`);
console.log(`${places.length} middles of ${textBytes} bytes: ${own.toFixed(3)} bits a byte alone`);
if (withMemory !== undefined)
  console.log(`${withMemory.toFixed(3)} with the memory of these files (gate ${isFitted ? 'fitted' : 'general'})`);
