import type { LookUp } from '../completion/lookUp';
import type { LearnedScore } from '../completion/decode/learnedScore';
import type { ModelInUse } from '../completion/models';
import { Pipeline } from '../completion/pipeline';
import type { Syntax } from '../completion/syntax/shape';
import type { Engine } from '../engine/engine';
import type { EngineMemory } from '../engine/memory';
import { JointMemory } from '../engine/jointMemory';
import { CostModel, type Standing } from '../governor/costs';
import { History } from '../governor/history';
import { AUTO } from '../governor/settings';
import { TypingRhythm } from '../governor/typing';
import type { Checkpoint } from '../matlm/checkpoint';
import type { Cost } from '../matlm/submodel';
import { VirtualClock } from './clock';
import { Hand } from './hand';
import { Meter, MeteredEngine, type Use } from './meter';
import type { Scenario } from './scenario';
import { type Task, type Typed, Typist } from './typist';
import { type Switch, Workspace } from './workspace';

/** The results of a policy in a scenario. */
export interface ReplayRun {
  readonly policy: string;
  /** Whether the memory of the workspace was used; undefined if no file has a workspace. */
  readonly memory?: Switch | undefined;
  readonly scenario: string;
  readonly files: readonly Typed[];
  readonly use: Use;
  /** Virtual milliseconds from the first key to the last, over all files. */
  readonly elapsedMs: number;
  /** Processor time of all threads of this process: a real engine, the pipeline, the parser and the typist. */
  readonly cpuMs: number;
  /** Number of decodes by submodel. */
  readonly decodesBySubmodel: Readonly<Record<string, number>>;
}

/** A model that types. */
export interface ReplayModel {
  /** Returns the native engine or one of known costs, at the speed of a scenario. */
  readonly engine: (clock: VirtualClock, scenario: Scenario) => Engine;
  readonly checkpoint: Checkpoint;
  /** Measured on an idle machine. */
  readonly costs: Readonly<Record<string, Cost>>;
  /** A score that nothing has been learned by yet; missing if one was measured for the checkpoint. */
  readonly newScore?: (() => LearnedScore) | undefined;
  /** The engine's memory; undefined if it is off. */
  readonly memory?: EngineMemory | undefined;
}

/**
 * The policies of Auto, next to the names of submodels. With two models, `first` and `second` are Auto over one of them alone,
 * and `auto-xl` is Auto over both without the smaller sizes of the second.
 */
export const AUTOS = ['auto', 'auto-xl', 'first', 'second'] as const;

/** The first model, and what both have in common. */
export interface ReplayParts extends ReplayModel {
  /** An imported model beside it, and how it compares. */
  readonly second?: (ReplayModel & { readonly standing: Standing }) | undefined;
  /** With loaded grammars for the tasks, because the virtual clock does not wait for files. */
  readonly syntax: Syntax;
  /** Told which workspace is open now, because answers depend on it. */
  readonly onOpen?: (workspace: Workspace | undefined) => void;
  readonly isNewFile?: boolean;
}

/**
 * Type all tasks under one policy, as one session, so the governor keeps its knowledge from file to file.
 * @param policy one of AUTOS, or the name of a submodel
 */
export async function replay(
  { second, syntax, onOpen = () => undefined, isNewFile = false, ...first }: ReplayParts,
  tasks: readonly Task[],
  policy: string,
  scenario: Scenario,
  seed: number,
): Promise<ReplayRun> {
  const clock = new VirtualClock(scenario.slowdown);
  const meter = new Meter(clock.now);
  const inUse = ({ engine, checkpoint, costs: measured, newScore }: ReplayModel, standing?: Standing) => {
    const costs = new CostModel(checkpoint.config, measured, standing);
    return {
      checkpoint,
      costs,
      score: newScore?.(),
      engine: new MeteredEngine(engine(clock, scenario), checkpoint.config.model, costs.all, meter),
    };
  };
  const main = policy === 'second' && second ? second : first;
  const both = policy === 'auto-xl' && second ? withXLAlone(second) : second;
  const other = policy === 'first' || policy === 'second' ? undefined : both;
  const mainInUse = inUse(main);
  const otherInUse = other && inUse(other, other.standing);
  await forget(mainInUse, clock, meter);
  if (otherInUse) await forget(otherInUse, clock, meter);
  meter.reset();
  const memory = main.memory && new JointMemory(main.memory);
  if (other?.memory) memory?.add(other.memory);
  const isAuto = AUTOS.some((auto) => auto === policy);
  const startMs = clock.now();
  // Read only at the start and the end, because a read may cost as much as a decode.
  const cpuBefore = process.cpuUsage();
  const rhythm = new TypingRhythm();
  let typing: Typist | undefined;
  const pipeline = new Pipeline({
    ...mainInUse,
    rhythm,
    history: new History(),
    syntax,
    settings: () => ({ ...AUTO, submodel: isAuto ? 'auto' : policy }),
    eagerness: () => 'balanced',
    machine: () => scenario.machine,
    lookUp: memory && lookUpIn(memory, clock),
    now: clock.now,
    wait: clock.wait,
    onRested: () => {
      typing?.askAgain();
    },
    onFault: (reason) => {
      throw new Error(reason);
    },
  });
  if (otherInUse) pipeline.use(otherInUse);
  const tokens = (text: string) => main.checkpoint.tokenizer.encode(text).length;
  const files: Typed[] = [];
  let workspace: Workspace | undefined;
  for (const [i, task] of tasks.entries()) {
    if (task.workspace !== tasks[i - 1]?.workspace) {
      await workspace?.close();
      workspace = task.workspace && (await Workspace.open(task.workspace, { memory, isNewFile }));
      onOpen(workspace);
    }
    const edited = await workspace?.edit(task.path);
    const speed = scenario.speeds[i % scenario.speeds.length] ?? 'average';
    const typist: Typist = (typing = new Typist(
      { pipeline, rhythm, clock, tokens, edited },
      new Hand(seed, task.path, speed, scenario.mistakes),
      task,
    ));
    files.push(await typist.type());
    await edited?.close();
  }
  await workspace?.close();
  const elapsedMs = clock.now() - startMs;
  pipeline.reset();
  await clock.run(() => meter.idle);
  const { user, system } = process.cpuUsage(cpuBefore);
  return {
    policy,
    memory: tasks.some((task) => task.workspace) ? (memory ? 'on' : 'off') : undefined,
    scenario: scenario.name,
    files,
    use: meter.use,
    elapsedMs,
    cpuMs: (user + system) / 1000,
    decodesBySubmodel: meter.decodesBySubmodel,
  };
}

/** As the model would be if it had one size. */
function withXLAlone<Model extends ReplayModel>(model: Model): Model {
  const { checkpoint, costs } = model;
  const { XL = [] } = checkpoint.config.granularities;
  const config = { ...checkpoint.config, granularities: { XL }, frontier: [] };
  const ofXL = Object.entries(costs).filter(([name]) => name === 'XL');
  return { ...model, checkpoint: { ...checkpoint, config }, costs: Object.fromEntries(ofXL) };
}

/** The clock stands still, because a look-up takes microseconds. */
function lookUpIn(memory: EngineMemory, clock: VirtualClock): LookUp {
  return async (tokens, place) => {
    const release = clock.hold();
    try {
      return await memory.look(tokens, place);
    } finally {
      release();
    }
  };
}

/** Clear the engine's cache, so that a run does not profit from earlier ones. */
async function forget(
  { engine, checkpoint }: Pick<ModelInUse, 'engine' | 'checkpoint'>,
  clock: VirtualClock,
  meter: Meter,
): Promise<void> {
  const xl = checkpoint.config.granularities.XL ?? [];
  const nothing = { prompt: [1], widths: xl, maxTokens: 0, stopTokens: [] };
  engine.generate(nothing, new AbortController().signal, () => undefined);
  await clock.run(() => meter.idle);
}
