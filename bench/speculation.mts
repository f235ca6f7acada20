/**
 * `npx tsx bench/speculation.mts HELDOUT [--size XL] [--threads N] [--tokens N] [--files N]`: the value of each source of
 * drafts on held-out code. HELDOUT is the file that `python -m training.corpus --heldout-only` writes; of its packages, the
 * half that fitting does not use. The first half of a file is the prompt, and the other files of its package are in the
 * memory. The ways to decode take turns at what follows; those with the same predictions must write the same text.
 */
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { type HeldoutFile, readHeldout } from '../src/cli/heldout';
import { openCheckpoint, SHIPPED } from '../src/matlm/checkpoint';
import { submodelOf } from '../src/matlm/submodel';
import type { NativeEvent } from '../src/engine/addon';
import { loadAddon } from '../src/engine/loadAddon';
import { openMemory } from '../src/engine/native';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    model: { type: 'string', default: join(root, SHIPPED) },
    size: { type: 'string', default: 'XL' },
    threads: { type: 'string', default: '2' },
    tokens: { type: 'string', default: '64' },
    files: { type: 'string', default: '60' },
  },
});
if (!positionals[0]) throw new Error('speculation.mts HELDOUT [--size S|M|L|XL] …');
const files = await readHeldout(positionals[0], 1, 'figures');
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
for (const file of files.slice(0, Number(values.files))) {
  const others = files.filter((other) => other.package === file.package && other.path !== file.path);
  await remember(others);
  const text = checkpoint.tokenizer.encode(file.text);
  const prompt = text.slice(0, Math.floor(text.length / 2)).slice(-Math.floor(0.75 * config.model.contextLength));
  if (prompt.length === 0) continue;
  await decode(prompt, { ...ways[0]!, draftTokens: 0 }, 0); // fills the cache, which all ways use
  const texts = new Map<boolean, string>();
  for (const way of ways) {
    const { text, ms, end } = await decode(prompt, way, Number(values.tokens));
    const expected = texts.get(way.usesMemory) ?? text;
    texts.set(way.usesMemory, expected);
    if (text !== expected) throw new Error(`${way.name} wrote another text than plain decoding`);
    way.ms += ms;
    way.tokens += end.decodedTokens;
    way.drafted += end.copiedDrafts + end.writtenDrafts;
    way.accepted += end.copiedAccepted + end.writtenAccepted;
  }
}

/** The memory holds these files and no others. */
async function remember(others: readonly HeldoutFile[]): Promise<void> {
  const ids = (count: number) => Int32Array.from({ length: count }, (_, i) => i);
  memory?.remove(ids(files.length));
  await Promise.all(others.map(({ text }, i) => memory?.set(i, Int32Array.from(checkpoint.tokenizer.encode(text)))));
}

function decode(prompt: readonly number[], way: Way, maxTokens: number) {
  return new Promise<{ text: string; ms: number; end: Extract<NativeEvent, { type: 'end' }> }>((resolve, reject) => {
    const written: number[] = [];
    let prefillMs = 0; // the first drafts are verified together with the prompt's last token
    engine.generate(
      {
        tokens: Int32Array.from(prompt),
        widths: Int32Array.from(target.widths),
        maxTokens,
        stopTokens: new Int32Array(),
        usesMemory: way.usesMemory,
        draftTokens: way.draftTokens,
        draftWidths: Int32Array.from(way.draftWidths),
      },
      (event) => {
        if (event.type === 'prefill') prefillMs = event.prefillMs;
        if (event.type === 'token') written.push(event.token);
        if (event.type !== 'end') return;
        if (event.reason === 'failed') reject(new Error(event.message));
        else resolve({ text: written.join(), ms: prefillMs + event.decodeMs, end: event });
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
