import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { LearnedScore } from '../completion/decode/learnedScore';
import { Grammars } from '../completion/syntax/grammars';
import { languageOf } from '../completion/syntax/languages';
import { SyntaxByGrammar } from '../completion/syntax/shape';
import { LocalEngine } from '../engine/native';
import { openSensors } from '../engine/sensors';
import type { Standing } from '../governor/costs';
import { type Checkpoint, openCheckpoint } from '../matlm/checkpoint';
import type { CheckpointConfig } from '../matlm/config';
import { nameInUse, submodelOf, usualSizes, wholeSizes } from '../matlm/submodel';
import { heldOutOf } from '../models/heldOut';
import { readJson, RECORD_FILE, recordOf } from '../models/importRecord';
import { bitsPerByte } from '../models/likelihood';
import { keptAnswers } from '../replay/answers';
import { CostedEngine } from '../replay/costedEngine';
import { EnergyMeter } from '../replay/energy';
import { RealTimeEngine } from '../replay/meter';
import { type EngineTimes, measureTimes, parseTimes, PassCosts } from '../replay/passCosts';
import { AUTOS, replay, type ReplayModel, type ReplayParts } from '../replay/replay';
import { summarise, type Summary } from '../replay/report';
import { paceOf, type Scenario, SCENARIOS } from '../replay/scenario';
import { taskOf } from '../replay/tasks';
import type { Task } from '../replay/typist';
import type { Switch, Workspace } from '../replay/workspace';
import { type Half, packagesOf, readHeldout } from './heldout';
import { type Memories, openMemories } from './memory';
import { modelNamed } from './models';
import { checkRegular, readSource, UsageError, writeText } from './place';
import { submodelNamed } from './submodelNamed';
import { pathFrom, readWorkspace } from './workspaceFolder';

export interface ReplayOptions {
  readonly files: readonly string[];
  /** A file of held-out code, one JSON object a line with path, language and text, and how many of its files to take. */
  readonly heldout?: { readonly file: string; readonly count: number; readonly half: Half } | undefined;
  /** Those of `AUTOS`, or names of submodels; by default auto against each size, or with two models against each alone. */
  readonly policies: readonly string[] | undefined;
  readonly scenario: string;
  readonly seed: number;
  /** The number of characters of each file that are typed, as whole lines. */
  readonly maxChars: number;
  /** A file for each model with its engine's times on an idle machine; if it is missing, they are measured and written there. */
  readonly costs: readonly string[];
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

/**
 * Files typed by a simulated hand through the real pipeline and model, under each policy in each scenario.
 * @param models folders or names of one checkpoint, or of two: the second is used as an imported model
 */
export async function replayFiles(
  root: string,
  models: readonly string[],
  options: ReplayOptions,
  onRow: (row: Summary) => void = () => undefined,
  onStanding: (second: Standing) => void = () => undefined,
): Promise<Summary[]> {
  const [first, second, ...more] = models;
  if (first === undefined || more.length > 0) throw new UsageError('replay takes one --model or two');
  const folder = await modelNamed(first);
  const secondFolder = second === undefined ? undefined : await modelNamed(second);
  const scenarios = scenariosOf(options.scenario);
  for (const file of [...options.costs, ...(options.answers === undefined ? [] : [options.answers])])
    if (existsSync(file)) await checkRegular(file);
  const tasks = await tasksOf(options);
  const sensors = openSensors(root);
  const meter = new EnergyMeter(sensors.read, () => performance.now());
  const grammars = new Grammars(join(root, 'dist', 'grammars'));
  const switches = tasks.some(({ workspace }) => workspace) ? options.memory : (['off'] as const);
  const opened: Engines[] = [];
  try {
    const checkpoint = await openCheckpoint(folder);
    const engines = new Engines(root, checkpoint, switches.includes('on'));
    opened.push(engines);
    const standing = secondFolder === undefined ? undefined : await standingOf(root, folder, secondFolder, tasks);
    if (standing) onStanding(standing);
    const secondEngines =
      secondFolder === undefined ? undefined : new Engines(root, await openCheckpoint(secondFolder), false);
    if (secondEngines) opened.push(secondEngines);
    const sizesOfSecond = secondEngines && standing ? namesOf(secondEngines.checkpoint, standing.name) : [];
    const policies = policiesOf(checkpoint, options.policies, sizesOfSecond);
    await Promise.all(tasks.map(({ path }) => grammars.load(languageOf(path))));
    const syntax = new SyntaxByGrammar(grammars);
    let workspace: Workspace | undefined;
    const state = () => workspace?.state ?? '';
    const onOpen = (now: Workspace | undefined) => {
      workspace = now;
    };
    const timed = await timedModel(engines, options, 0, state);
    const second = secondEngines && (await timedModel(secondEngines, options, 1, state));
    const rows: Summary[] = [];
    for (const scenario of scenarios) {
      for (const policy of policies) {
        for (const one of switches) {
          meter.start();
          const known = (model: Engines) => (one === 'on' ? { memory: model.memories.memory } : {});
          const parts: ReplayParts = {
            ...timed,
            ...known(engines),
            ...(second && standing && { second: { ...second, ...known(secondEngines), standing } }),
            ...{ syntax, onOpen, isNewFile: options.isNewFile },
          };
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
    for (const engines of opened) engines.dispose();
  }
}

/** The middles by which two models are compared, enough for a difference of one percent. */
const COMPARED_MIDDLES = 150;

/** How the second model stands beside the first, by both on the same middles of the files that are typed. */
async function standingOf(
  root: string,
  first: string,
  second: string,
  tasks: readonly Task[],
): Promise<Standing & { readonly name: string }> {
  const places = heldOutOf(
    tasks.map(({ path, before, stretch, after }) => ({ path, text: before + stretch + after })),
    COMPARED_MIDDLES,
  );
  const bitsOf = async (folder: string) => {
    const checkpoint = await openCheckpoint(folder);
    const { tokenizer, prompt, config } = checkpoint;
    const scorer = new LocalEngine(root, checkpoint);
    const { widths } = submodelOf(config, 'XL');
    const { contextLength } = config.model;
    try {
      return (await bitsPerByte({ tokenizer, prompt, scorer, widths, contextLength }, places)).perByte;
    } finally {
      scorer.dispose();
    }
  };
  const relativeBits = (await bitsOf(second)) / (await bitsOf(first));
  const record = await readJson(join(second, RECORD_FILE));
  const name = recordOf(record).name ?? basename(second);
  // Without a middle that fits there is no figure.
  return { name, ...(relativeBits > 0 && { relativeBits }) };
}

/** A model with its engine's times, and the costs with which the governor begins. */
async function timedModel(
  engines: Engines,
  options: ReplayOptions,
  index: number,
  state: () => string,
): Promise<ReplayModel> {
  const { checkpoint } = engines;
  const newScore = checkpoint.calibration ? undefined : () => new LearnedScore();
  if (options.isRealTime) {
    const engine = engines.open();
    const { costs } = await engine.measure();
    return {
      checkpoint,
      newScore,
      engine: (clock, { slowdown }) => new RealTimeEngine(engine, clock, slowdown),
      costs,
    };
  }
  const { answers, costs, seed } = options;
  const { config, weightsFile } = checkpoint;
  const passCosts = new PassCosts(config, await timesOf(engines, costs[index]));
  const kept = keptAnswers(() => engines.open(), await fingerprintOf(weightsFile, config), state, answers);
  return {
    checkpoint,
    newScore,
    engine: (clock, scenario) => new CostedEngine(clock, kept, passCosts, paceOf(scenario, seed)),
    costs: passCosts.measured,
  };
}

/** Read from the file; if it is missing, measured and written there. */
async function timesOf(engines: Engines, file: string | undefined): Promise<EngineTimes> {
  if (file !== undefined && existsSync(file)) {
    try {
      return parseTimes(await readFile(file, 'utf8'));
    } catch (error) {
      throw new UsageError(`${file}: ${(error as Error).message}`);
    }
  }
  const times = await measureTimes(engines.open(), engines.checkpoint.config);
  if (file !== undefined) await writeText(file, `${JSON.stringify(times, null, 2)}\n`);
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
  readonly memories: Memories;
  private readonly opened: LocalEngine[] = [];

  /** @param needsMemory whether a memory is asked for: a checkpoint that cannot use one is refused then */
  constructor(
    private readonly root: string,
    readonly checkpoint: Checkpoint,
    needsMemory: boolean,
  ) {
    this.memories = openMemories(root, checkpoint, needsMemory);
  }

  open(): LocalEngine {
    const engine = new LocalEngine(this.root, this.checkpoint, 1, this.memories.native);
    this.opened.push(engine);
    return engine;
  }

  dispose(): void {
    for (const engine of this.opened) engine.dispose();
  }
}

/** The names of the second model's sizes, smallest first. */
function namesOf({ config }: Checkpoint, name: string): string[] {
  return usualSizes(config).map((size) => nameInUse(name, size));
}

/** @param ofSecond the names of the second model's sizes; empty if there is none */
function policiesOf(
  { config }: Checkpoint,
  policies: readonly string[] | undefined,
  ofSecond: readonly string[],
): readonly string[] {
  const hasSecond = ofSecond.length > 0;
  if (!policies && !hasSecond) return ['auto', ...wholeSizes(config)];
  // Without smaller sizes of the second model both are the same.
  if (!policies) return AUTOS.filter((auto) => auto !== 'auto-xl' || ofSecond.length > 1);
  return policies.map((policy) => {
    if (policy === 'auto' || ofSecond.includes(policy)) return policy;
    const isOneOfTwo = AUTOS.some((auto) => auto === policy);
    if (isOneOfTwo && !hasSecond)
      throw new UsageError(`--policy ${policy}: it goes with two models, --model A --model B`);
    return isOneOfTwo ? policy : submodelNamed(config, '--policy', policy, ', or auto');
  });
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
