/**
 * `tsx test/encodeLines.ts TOKENIZER LINES OUT`: the ids of every line as uint32, all bits set after each; for pytest. TOKENIZER
 * is a tokenizer.json or a GGUF file.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { Tokenizer } from '../src/matlm/tokenizer';
import { readGguf } from '../src/models/gguf';
import { tokenizerJsonOf } from '../src/models/ggufTokenizer';

const [tokenizerFile, linesFile, out] = process.argv.slice(2) as [string, string, string];

async function tokenizerJson(): Promise<Record<string, unknown>> {
  if (tokenizerFile.endsWith('.gguf')) return tokenizerJsonOf(tokenizerFile, (await readGguf(tokenizerFile)).metadata);
  return JSON.parse(readFileSync(tokenizerFile, 'utf8')) as Record<string, unknown>;
}

void tokenizerJson().then((json) => {
  const tokenizer = new Tokenizer(tokenizerFile, json);
  const parts = readFileSync(linesFile, 'utf8')
    .split('\n')
    .map((line) => Uint32Array.from([...tokenizer.encode(`\n${line}`), 0xffffffff]));
  writeFileSync(out, Buffer.concat(parts.map((ids) => Buffer.from(ids.buffer))));
});
