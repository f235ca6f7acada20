/**
 * `npx tsx bench/keys.mts [--workspace DIR] FILE…`: the cost of a key while text is typed, with the real engine. Each file is typed
 * and nothing is accepted. The report has the milliseconds from request to answer, by the source of the answer, and the
 * prompt tokens that a decoded answer had to prefill.
 *
 * With `--workspace`, every key goes to two engines in turn, one without and one with a memory of that folder, so that other work on the
 * machine slows both. The files have to be in it. Lines enter the memory when they are finished, outside of the measured time.
 */
import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { openMemories } from '../src/cli/memory';
import { pathFrom, readWorkspace } from '../src/cli/workspaceFolder';
import { timeBoxed } from '../src/completion/lookUp';
import { Pipeline } from '../src/completion/pipeline';
import { type CompletionRequest, requestIn } from '../src/completion/request';
import { Grammars } from '../src/completion/syntax/grammars';
import { SyntaxByGrammar } from '../src/completion/syntax/shape';
import { LocalEngine } from '../src/engine/native';
import { CostModel } from '../src/governor/costs';
import { History } from '../src/governor/history';
import { UNKNOWN_MACHINE } from '../src/governor/machine';
import { AUTO } from '../src/governor/settings';
import { TypingRhythm } from '../src/governor/typing';
import { english } from '../src/localisation/phrase';
import { openCheckpoint, SHIPPED } from '../src/matlm/checkpoint';
import { type EditedFile, lastLineOf, type Switch, Workspace } from '../src/replay/workspace';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { workspace: { type: 'string' }, submodel: { type: 'string', default: 'auto' } },
});
const checkpoint = await openCheckpoint(join(root, SHIPPED));
const now = () => performance.now();
const files = values.workspace === undefined ? [] : await readWorkspace(values.workspace);

/** One engine and all that it learns. */
class Arm {
  private readonly memories = openMemories(root, checkpoint, values.workspace !== undefined);
  private readonly engine = new LocalEngine(root, checkpoint, 0, this.memories.native);
  private readonly msBySource = new Map<string, number[]>();
  private readonly readTokens: number[] = [];
  private pipeline: Pipeline | undefined;
  private workspace: Workspace | undefined;
  private edited: EditedFile | undefined;

  constructor(readonly memory: Switch) {}

  async open(): Promise<void> {
    const memory = this.memory === 'on' ? this.memories.memory : undefined;
    this.workspace = await Workspace.open(files, { memory });
    this.pipeline = new Pipeline({
      engine: this.engine,
      checkpoint,
      costs: new CostModel(checkpoint.config, (await this.engine.measure()).costs),
      rhythm: new TypingRhythm(),
      history: new History(),
      syntax: new SyntaxByGrammar(new Grammars(join(root, 'dist', 'grammars'))),
      settings: () => ({ ...AUTO, submodel: values.submodel }),
      eagerness: () => 'balanced',
      machine: () => UNKNOWN_MACHINE,
      lookUp: memory && timeBoxed(memory),
      now,
      wait: () => Promise.resolve(),
      onFault: (reason) => {
        throw new Error(reason);
      },
    });
  }

  async edit(path: string): Promise<void> {
    await this.edited?.close();
    this.edited = files.length > 0 ? await this.workspace?.edit(path) : undefined;
  }

  async key(path: string, prefix: string): Promise<void> {
    if (prefix === '' || prefix.endsWith('\n')) await this.edited?.remember(prefix);
    const plain = requestIn(path, prefix, '');
    const request: CompletionRequest = { ...plain, ...this.edited?.knownAt(lastLineOf(prefix), plain) };
    const startMs = now();
    const outcome = await this.pipeline?.complete(request, new AbortController().signal);
    if (!outcome) return;
    const source = outcome.kind === 'reused' ? english(outcome.reason) : 'work' in outcome ? 'decoded' : outcome.kind;
    const ms = now() - startMs;
    for (const name of [source, 'all']) {
      const of = this.msBySource.get(name) ?? [];
      this.msBySource.set(name, of);
      of.push(ms);
    }
    if ('work' in outcome) this.readTokens.push(outcome.work.prefilledTokens);
  }

  async report(): Promise<void> {
    for (const [source, ms] of this.msBySource) {
      const cells = [this.memory, source, ms.length, quantile(ms, 0.5).toFixed(2), quantile(ms, 0.95).toFixed(2)];
      process.stdout.write(`| ${cells.join(' | ')} |\n`);
    }
    const stats = await this.workspace?.stats();
    const held = stats ? `; the memory holds ${stats.tokens} tokens in ${stats.bytes} bytes` : '';
    process.stderr.write(
      `memory ${this.memory}: prompt tokens prefilled for a decoded key: median ${quantile(this.readTokens, 0.5)}${held}\n`,
    );
    this.engine.dispose();
  }
}

const arms = values.workspace === undefined ? [new Arm('off')] : [new Arm('off'), new Arm('on')];
for (const arm of arms) await arm.open();
for (const file of positionals) {
  const path = pathFrom(values.workspace, file);
  const text = readFileSync(file, 'utf8').replaceAll('\r\n', '\n').slice(0, 4000);
  for (const arm of arms) await arm.edit(path);
  for (let typed = 0; typed < text.length; typed++) {
    // In turn the first, so that neither profits from the other.
    for (const arm of typed % 2 === 0 ? arms : arms.toReversed()) await arm.key(path, text.slice(0, typed));
  }
}
process.stdout.write('| memory | | keys | p50 ms | p95 ms |\n| --- | --- | ---: | ---: | ---: |\n');
for (const arm of arms) await arm.report();

function quantile(values: readonly number[], share: number): number {
  return values.toSorted((a, b) => a - b)[Math.floor(share * (values.length - 1))] ?? Number.NaN;
}
