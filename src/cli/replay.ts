import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Grammars } from '../completion/syntax/grammars';
import { languageOf } from '../completion/syntax/languages';
import { SyntaxByGrammar } from '../completion/syntax/shape';
import type { NativeMemory } from '../engine/addon';
import { LocalEngine } from '../engine/native';
import { openSensors } from '../engine/sensors';
import { type Checkpoint, openCheckpoint } from '../matlm/checkpoint';
import type { CheckpointConfig } from '../matlm/config';
import { keptAnswers } from '../replay/answers';
import { CostedEngine } from '../replay/costedEngine';
import { EnergyMeter } from '../replay/energy';
import { RealTimeEngine } from '../replay/meter';
import { type EngineTimes, measureTimes, parseTimes, PassCosts } from '../replay/passCosts';
import { replay, type ReplayParts } from '../replay/replay';
import { summarise, type Summary } from '../replay/report';
import { paceOf, type Scenario, SCENARIOS } from '../replay/scenario';
import { taskOf } from '../replay/tasks';
import type { Task } from '../replay/typist';
import type { Switch, Workspace } from '../replay/workspace';
import { type Half, packagesOf, readHeldout } from './heldout';
import { openMemories } from './memory';
import { checkRegular, readSource, UsageError } from './place';
import { submodelNamed } from './submodelNamed';
import { pathFrom, readWorkspace } from './workspaceFolder';

export interface ReplayOptions {
  readonly files: readonly string[];
  /** A file of held-out code, one JSON object a line with path, language and text, and how many of its files to take. */
  readonly heldout?: { readonly file: string; readonly count: number; readonly half: Half } | undefined;
  /** auto, or names of submodels. */
  readonly policies: readonly string[];
  readonly scenario: string;
  readonly seed: number;
  /** The number of characters of each file that are typed, as whole lines. */
  readonly maxChars: number;
  /** The file with the engine's times on an idle machine; if it is missing, they are measured and written there. */
  readonly costs?: string | undefined;
  /** The file that keeps the model's answers from one run to the next. */
  readonly answers?: string | undefined;
  /** Use the engine's actual times on this machine instead of the costs. */
  readonly isRealTime: boolean;
  /** The workspace of the files. */
  readonly workspace?: string | undefined;
  /** Each package of the corpus is the workspace of its files. */
  readonly packages: boolean;
  /** Off, on or both, if there is a workspace. */
  readonly memory: readonly Switch[];
  readonly isNewFile: boolean;
}

/** Files typed by a simulated hand through the real pipeline and model, under each policy in each scenario. */
export async function replayFiles(
  root: string,
  model: string,
  options: ReplayOptions,
  onRow: (row: Summary) => void = () => undefined,
): Promise<Summary[]> {
  const checkpoint = await openCheckpoint(model);
  const policies = policiesOf(checkpoint, options.policies);
  const scenarios = scenariosOf(options.scenario);
  for (const file of [options.costs, options.answers])
    if (file !== undefined && existsSync(file)) await checkRegular(file);
  const tasks = await tasksOf(options);
  const sensors = openSensors(root);
  const meter = new EnergyMeter(sensors.read, () => performance.now());
  const grammars = new Grammars(join(root, 'dist', 'grammars'));
  const switches = tasks.some(({ workspace }) => workspace) ? options.memory : (['off'] as const);
  const { native, memory } = openMemories(root, checkpoint, switches.includes('on'));
  const engines = new Engines(root, checkpoint, native);
  try {
    await Promise.all(tasks.map(({ path }) => grammars.load(languageOf(path))));
    const syntax = new SyntaxByGrammar(grammars);
    const timed = options.isRealTime ? await inRealTime(engines.open()) : await byCosts(engines, checkpoint, options);
    const rows: Summary[] = [];
    for (const scenario of scenarios) {
      for (const policy of policies) {
        for (const one of switches) {
          meter.start();
          const known = one === 'on' ? { memory } : {};
          const parts = { ...timed, ...known, checkpoint, syntax, isNewFile: options.isNewFile };
          const run = await replay(parts, tasks, policy, scenario, options.seed);
          meter.stop();
          const row = summarise(run, meter.joules);
          rows.push(row);
          onRow(row);
        }
      }
    }
    return rows;
  } finally {
    meter.stop();
    sensors.close();
    grammars.dispose();
    engines.dispose();
  }
}

/** The engine with its times, and the costs with which the governor begins. */
type Timed = Pick<ReplayParts, 'engine' | 'costs' | 'onOpen'>;

async function inRealTime(engine: LocalEngine): Promise<Timed> {
  const { costs } = await engine.measure();
  return { engine: (clock, { slowdown }) => new RealTimeEngine(engine, clock, slowdown), costs };
}

async function byCosts(
  engines: Engines,
  checkpoint: Checkpoint,
  { costs, answers, seed }: ReplayOptions,
): Promise<Timed> {
  const { config, weightsFile } = checkpoint;
  const passCosts = new PassCosts(config, await timesOf(engines, checkpoint, costs));
  let workspace: Workspace | undefined;
  const state = () => workspace?.state ?? '';
  const kept = keptAnswers(() => engines.open(), await fingerprintOf(weightsFile, config), state, answers);
  return {
    onOpen: (opened) => {
      workspace = opened;
    },
    engine: (clock, scenario) => new CostedEngine(clock, kept, passCosts, paceOf(scenario, seed)),
    costs: passCosts.measured,
  };
}

/** Read from the file; if it is missing, measured and written there. */
async function timesOf(engines: Engines, { config }: Checkpoint, file: string | undefined): Promise<EngineTimes> {
  if (file !== undefined && existsSync(file)) {
    try {
      return parseTimes(await readFile(file, 'utf8'));
    } catch (error) {
      throw new UsageError(`${file}: ${(error as Error).message}`);
    }
  }
  const times = await measureTimes(engines.open(), config);
  if (file !== undefined) await writeFile(file, `${JSON.stringify(times, null, 2)}\n`);
  return times;
}

/** Of the weights, and of the configuration, because the gate of the memory is in it. */
async function fingerprintOf(file: string, config: CheckpointConfig): Promise<string> {
  return createHash('sha1')
    .update(await readFile(file))
    .update(JSON.stringify(config))
    .digest('base64url');
}

/** Engines of one checkpoint in this process, each of one thread, which share a memory. */
class Engines {
  private readonly opened: LocalEngine[] = [];

  constructor(
    private readonly root: string,
    private readonly checkpoint: Checkpoint,
    private readonly memory: NativeMemory | undefined,
  ) {}

  open(): LocalEngine {
    const engine = new LocalEngine(this.root, this.checkpoint, 1, this.memory);
    this.opened.push(engine);
    return engine;
  }

  dispose(): void {
    for (const engine of this.opened) engine.dispose();
  }
}

function policiesOf({ config }: Checkpoint, policies: readonly string[]): string[] {
  return policies.map((policy) =>
    policy === 'auto' ? policy : submodelNamed(config, '--policy', policy, ', or auto'),
  );
}

function scenariosOf(name: string): readonly Scenario[] {
  if (name === 'all') return SCENARIOS;
  return name.split(',').map((one) => {
    const found = SCENARIOS.find((scenario) => scenario.name === one.trim());
    if (found) return found;
    throw new UsageError(`--scenario ${one}: expected all, or some of ${SCENARIOS.map((s) => s.name).join(', ')}`);
  });
}

async function tasksOf({ files, heldout, workspace, packages, maxChars, seed }: ReplayOptions): Promise<Task[]> {
  const tasks: Task[] = [];
  if (workspace !== undefined && files.length === 0) throw new UsageError('--workspace goes with files in it');
  const known = workspace === undefined ? undefined : await readWorkspace(workspace);
  for (const file of files) {
    const path = pathFrom(workspace, file);
    const task = taskOf(path, await readSource(file), maxChars, seed);
    if (!task) throw new UsageError(`${file}: it is too short to replay`);
    tasks.push(known ? { ...task, workspace: known } : task);
  }
  if (packages && !heldout) throw new UsageError('--packages goes with --heldout FILE');
  if (heldout) tasks.push(...(await heldoutTasks(heldout, packages, maxChars, seed)));
  if (tasks.length === 0 && heldout) throw new UsageError(`${heldout.file}: there is no file to replay in it`);
  if (tasks.length === 0) throw new UsageError('replay takes files, or --heldout FILE');
  return tasks;
}

/**
 * Files of a corpus, drawn by the seed; first one of each package.
 * @param packages the files of a package are typed one after the other, in their workspace
 */
async function heldoutTasks(
  { file, count, half }: NonNullable<ReplayOptions['heldout']>,
  packages: boolean,
  maxChars: number,
  seed: number,
): Promise<Task[]> {
  const tasks: { readonly package: string; readonly task: Task }[] = [];
  const rows = await readHeldout(file, seed, half);
  for (const row of rows) {
    if (tasks.length === count) break;
    const task = taskOf(`${row.package}/${row.path}`, row.text, maxChars, seed);
    if (task) tasks.push({ package: row.package, task: { ...task, path: row.path } });
  }
  if (!packages) return tasks.map(({ task }) => task);
  return [...packagesOf(rows)].flatMap(([name, workspace]) =>
    tasks.filter((one) => one.package === name).map(({ task }) => ({ ...task, workspace })),
  );
}
