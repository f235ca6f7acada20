import { join, relative, resolve } from 'node:path';
import { Grammars } from '../completion/syntax/grammars';
import { languageOf } from '../completion/syntax/languages';
import { SyntaxByGrammar } from '../completion/syntax/shape';
import { LocalEngine } from '../engine/native';
import { openSensors } from '../engine/sensors';
import { type Checkpoint, openCheckpoint } from '../matlm/checkpoint';
import { submodelOf } from '../matlm/submodel';
import type { VirtualClock } from '../replay/clock';
import { EnergyMeter } from '../replay/energy';
import { RealTimeEngine } from '../replay/meter';
import { replay } from '../replay/replay';
import { summarise, type Summary } from '../replay/report';
import { type Scenario, SCENARIOS } from '../replay/scenario';
import { taskOf } from '../replay/tasks';
import type { Task } from '../replay/typist';
import { type Half, readHeldout } from './heldout';
import { readSource, UsageError } from './place';

export interface ReplayOptions {
  readonly files: readonly string[];
  /** A file of held-out code, one JSON object a line with path, language and text, and how many of its files to take. */
  readonly heldout?: { readonly file: string; readonly count: number; readonly half: Half } | undefined;
  /** auto, or names of submodels. */
  readonly policies: readonly string[];
  readonly scenario: string;
  readonly seed: number;
  /** Of each file so much is typed, whole lines. */
  readonly maxChars: number;
}

/** Files typed by a simulated hand through the real pipeline and engine, under each policy in each scenario. */
export async function replayFiles(
  root: string,
  model: string,
  options: ReplayOptions,
  onRow: (row: Summary) => void = () => undefined,
): Promise<Summary[]> {
  const checkpoint = await openCheckpoint(model);
  checkPolicies(checkpoint, options.policies);
  const scenarios = scenariosOf(options.scenario);
  const tasks = await tasksOf(options);
  const engine = new LocalEngine(root, checkpoint);
  const sensors = openSensors(root);
  const meter = new EnergyMeter(sensors.read, () => performance.now());
  const grammars = new Grammars(join(root, 'dist', 'grammars'));
  try {
    await Promise.all(tasks.map(({ path }) => grammars.load(languageOf(path))));
    const syntax = new SyntaxByGrammar(grammars);
    const { costs } = await engine.measure();
    const rows: Summary[] = [];
    for (const scenario of scenarios) {
      for (const policy of options.policies) {
        const parts = { engine: (clock: VirtualClock) => new RealTimeEngine(engine, clock), checkpoint, costs, syntax };
        meter.start();
        const run = await replay(parts, tasks, policy, scenario, options.seed);
        meter.stop();
        const row = summarise(run, meter.joules);
        rows.push(row);
        onRow(row);
      }
    }
    return rows;
  } finally {
    meter.stop();
    sensors.close();
    grammars.dispose();
    engine.dispose();
  }
}

function checkPolicies({ config }: Checkpoint, policies: readonly string[]): void {
  for (const policy of policies) {
    try {
      if (policy !== 'auto') submodelOf(config, policy);
    } catch (error) {
      throw new UsageError(`--policy ${policy}: ${(error as Error).message}`);
    }
  }
}

function scenariosOf(name: string): readonly Scenario[] {
  const found = name === 'all' ? SCENARIOS : SCENARIOS.filter((scenario) => scenario.name === name);
  if (found.length > 0) return found;
  throw new UsageError(`--scenario ${name}: expected all or one of ${SCENARIOS.map((s) => s.name).join(', ')}`);
}

async function tasksOf({ files, heldout, maxChars, seed }: ReplayOptions): Promise<Task[]> {
  const tasks: Task[] = [];
  for (const file of files) {
    const path = relative(process.cwd(), resolve(file)).replaceAll('\\', '/');
    const task = taskOf(path, await readSource(file), maxChars, seed);
    if (!task) throw new UsageError(`${file}: it is too short to replay`);
    tasks.push(task);
  }
  if (heldout) tasks.push(...(await heldoutTasks(heldout, maxChars, seed)));
  if (tasks.length === 0) throw new UsageError('replay takes files, or --heldout FILE');
  return tasks;
}

/** Files of a corpus, one of each package as far as there are enough, drawn by the seed. */
async function heldoutTasks(
  { file, count, half }: NonNullable<ReplayOptions['heldout']>,
  maxChars: number,
  seed: number,
): Promise<Task[]> {
  const tasks: Task[] = [];
  for (const row of await readHeldout(file, seed, half)) {
    if (tasks.length === count) break;
    const task = taskOf(`${row.package}/${row.path}`, row.text, maxChars, seed);
    if (task) tasks.push({ ...task, path: row.path });
  }
  return tasks;
}
