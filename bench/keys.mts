/**
 * `npx tsx bench/keys.mts FILE…`: the cost of a key while text is typed, with the real engine. Each file is typed
 * and nothing is accepted. The report has the milliseconds from request to answer, by the source of the answer, and the
 * prompt tokens that a decoded answer had to prefill.
 */
import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Pipeline } from '../src/completion/pipeline';
import { requestIn } from '../src/completion/request';
import { Grammars } from '../src/completion/syntax/grammars';
import { SyntaxByGrammar } from '../src/completion/syntax/shape';
import { LocalEngine } from '../src/engine/native';
import { CostModel } from '../src/governor/costs';
import { History } from '../src/governor/history';
import { UNKNOWN_MACHINE } from '../src/governor/machine';
import { AUTO } from '../src/governor/settings';
import { TypingRhythm } from '../src/governor/typing';
import { openCheckpoint, SHIPPED } from '../src/matlm/checkpoint';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const checkpoint = await openCheckpoint(join(root, SHIPPED));
const engine = new LocalEngine(root, checkpoint);
const now = () => performance.now();
const pipeline = new Pipeline({
  engine,
  checkpoint,
  costs: new CostModel(checkpoint.config, (await engine.measure()).costs),
  rhythm: new TypingRhythm(),
  history: new History(),
  syntax: new SyntaxByGrammar(new Grammars(join(root, 'dist', 'grammars'))),
  settings: () => AUTO,
  eagerness: () => 'balanced',
  machine: () => UNKNOWN_MACHINE,
  now,
  wait: () => Promise.resolve(),
  onFault: (reason) => {
    throw new Error(reason);
  },
});

const msBySource = new Map<string, number[]>();
const readTokens: number[] = [];
for (const file of process.argv.slice(2)) {
  const text = readFileSync(file, 'utf8').replaceAll('\r\n', '\n').slice(0, 4000);
  for (let typed = 0; typed < text.length; typed++) {
    const prefix = text.slice(0, typed);
    const request = requestIn(file, prefix, '');
    const startMs = now();
    const outcome = await pipeline.complete(request, new AbortController().signal);
    const source = outcome.kind === 'reused' ? outcome.reason : 'work' in outcome ? 'decoded' : outcome.kind;
    msBySource.set(source, [...(msBySource.get(source) ?? []), now() - startMs]);
    if ('work' in outcome) readTokens.push(outcome.work.prefilledTokens);
  }
}
engine.dispose();

function quantile(values: readonly number[], share: number): number {
  return values.toSorted((a, b) => a - b)[Math.floor(share * (values.length - 1))] ?? Number.NaN;
}
process.stdout.write('| | keys | p50 ms | p95 ms |\n| --- | ---: | ---: | ---: |\n');
for (const [source, ms] of msBySource) {
  process.stdout.write(
    `| ${source} | ${ms.length} | ${quantile(ms, 0.5).toFixed(2)} | ${quantile(ms, 0.95).toFixed(2)} |\n`,
  );
}
process.stdout.write(`\nPrompt tokens prefilled for a decoded key: median ${quantile(readTokens, 0.5)}\n`);
