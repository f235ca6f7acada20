/** `tsx test/encodeLines.ts TOKENIZER LINES OUT`: the ids of every line as uint16, 65535 after each; for pytest. */
import { readFileSync, writeFileSync } from 'node:fs';
import { Tokenizer } from '../src/matlm/tokenizer';

const [tokenizerFile, linesFile, out] = process.argv.slice(2) as [string, string, string];
const json = JSON.parse(readFileSync(tokenizerFile, 'utf8')) as Record<string, unknown>;
const tokenizer = new Tokenizer(tokenizerFile, json);
const parts = readFileSync(linesFile, 'utf8')
  .split('\n')
  .map((line) => Uint16Array.from([...tokenizer.encode(`\n${line}`), 0xffff]));
writeFileSync(out, Buffer.concat(parts.map((ids) => Buffer.from(ids.buffer))));
