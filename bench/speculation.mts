/**
 * `npx tsx bench/speculation.mts PLACES [--size XL] [--threads N] [--tokens N]`: the value of each source of drafts on
 * held-out code. PLACES is the file that `python -m training.evaluate --places FILE` writes. The first half of every window is
 * the prompt, and the ways to decode take turns at the second half; all must write the same text.
 */
import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import type { Places } from '../src/cli/evaluation/places';
import { openCheckpoint, SHIPPED } from '../src/matlm/checkpoint';
import { submodelOf } from '../src/matlm/submodel';
import { loadAddon, type NativeEvent } from '../src/engine/addon';
import { openMemory } from '../src/engine/native';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    model: { type: 'string', default: join(root, SHIPPED) },
    size: { type: 'string', default: 'XL' },
    threads: { type: 'string', default: '2' },
    tokens: { type: 'string', default: '64' },
    windows: { type: 'string', default: '60' },
  },
});
if (!positionals[0]) throw new Error('speculation.mts PLACES [--size S|M|L|XL] …');
const { windows } = JSON.parse(readFileSync(positionals[0], 'utf8')) as Places;
const checkpoint = await openCheckpoint(values.model);
const { config, weightsFile, tensors } = checkpoint;
const memory = openMemory(root, checkpoint);
const addon = loadAddon(root);
const threads = Number(values.threads);
const engine = new addon.Engine({ weightsPath: weightsFile, tensors, config: config.model, threads, memory });
const target = submodelOf(config, values.size);

interface Way {
  readonly name: string;
  readonly usesMemory: boolean;
  readonly draftTokens: number;
  readonly draftWidths: readonly number[];
  ms: number;
  tokens: number;
  drafted: number;
  accepted: number;
}

const ways: Way[] = [];
for (const usesMemory of memory ? [false, true] : [false]) {
  const mixture = usesMemory ? 'with earlier matches, ' : '';
  const add = (name: string, draftTokens: number, draftWidths: readonly number[]) => {
    ways.push({
      ...{ name: mixture + name, usesMemory, draftTokens, draftWidths },
      ...{ ms: 0, tokens: 0, drafted: 0, accepted: 0 },
    });
  };
  add('plain', 0, []);
  add('drafts after matches', 8, []);
  add('drafts by XS', 8, target.draftWidths);
}
for (const window of windows.slice(0, Number(values.windows))) {
  const prompt = window.tokens.slice(0, window.tokens.length / 2);
  const texts = new Map<boolean, string>();
  for (const way of ways) {
    const { text, end } = await decode(prompt, way);
    const expected = texts.get(way.usesMemory) ?? text;
    texts.set(way.usesMemory, expected);
    if (text !== expected) throw new Error(`${way.name} wrote another text than plain decoding`);
    way.ms += end.decodeMs;
    way.tokens += end.decodedTokens;
    way.drafted += end.copiedDrafts + end.writtenDrafts;
    way.accepted += end.copiedAccepted + end.writtenAccepted;
  }
}

function decode(prompt: readonly number[], way: Way) {
  return new Promise<{ text: string; end: Extract<NativeEvent, { type: 'end' }> }>((resolve, reject) => {
    const written: number[] = [];
    engine.generate(
      {
        tokens: Int32Array.from(prompt),
        widths: Int32Array.from(target.widths),
        maxTokens: Number(values.tokens),
        stopTokens: new Int32Array(),
        usesMemory: way.usesMemory,
        draftTokens: way.draftTokens,
        draftWidths: Int32Array.from(way.draftWidths),
      },
      (event) => {
        if (event.type === 'token') written.push(event.token);
        if (event.type !== 'end') return;
        if (event.reason === 'failed') reject(new Error(event.message));
        else resolve({ text: written.join(), end: event });
      },
    );
  });
}

// A pass writes one token more than it accepts: were the drafts free to make and to check, that would be the gain.
process.stdout.write('| | drafted for each 100 written | accepted | ms a token | times plain | were drafts free |\n');
process.stdout.write('| --- | ---: | ---: | ---: | ---: | ---: |\n');
for (const way of ways) {
  const plain = ways.find((w) => w.usesMemory === way.usesMemory)!;
  const share = way.drafted > 0 ? `${((100 * way.accepted) / way.drafted).toFixed(0)}%` : '';
  const [ms, plainMs] = [way.ms / way.tokens, plain.ms / plain.tokens];
  const cells = [((100 * way.drafted) / way.tokens).toFixed(0), share, ms.toFixed(3), (plainMs / ms).toFixed(2)];
  cells.push((way.tokens / (way.tokens - way.accepted)).toFixed(2));
  process.stdout.write(`| ${way.name} | ${cells.join(' | ')} |\n`);
}
engine.dispose();
