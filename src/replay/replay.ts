import type { LookUp } from '../completion/lookUp';
import { Pipeline } from '../completion/pipeline';
import type { Syntax } from '../completion/syntax/shape';
import type { Engine } from '../engine/engine';
import type { EngineMemory } from '../engine/memory';
import { CostModel } from '../governor/costs';
import { History } from '../governor/history';
import { AUTO } from '../governor/settings';
import { TypingRhythm } from '../governor/typing';
import type { Checkpoint } from '../matlm/checkpoint';
import type { Cost } from '../matlm/submodel';
import { VirtualClock } from './clock';
import { Hand } from './hand';
import { MeteredEngine, type Use } from './meter';
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

export interface ReplayParts {
  /** Returns the native engine or one of known costs, at the speed of a scenario. */
  readonly engine: (clock: VirtualClock, scenario: Scenario) => Engine;
  readonly checkpoint: Checkpoint;
  /** Measured on an idle machine. */
  readonly costs: Readonly<Record<string, Cost>>;
  /** With loaded grammars for the tasks, because the virtual clock does not wait for files. */
  readonly syntax: Syntax;
  /** The engine's memory; undefined if it is off. */
  readonly memory?: EngineMemory | undefined;
  /** Told which workspace is open now, because answers depend on it. */
  readonly onOpen?: (workspace: Workspace | undefined) => void;
  readonly isNewFile?: boolean;
}

/**
 * Type all tasks under one policy, as one session, so the governor keeps its knowledge from file to file.
 * @param policy `auto`, or the name of a submodel
 */
export async function replay(
  { engine, checkpoint, costs, syntax, memory, onOpen = () => undefined, isNewFile = false }: ReplayParts,
  tasks: readonly Task[],
  policy: string,
  scenario: Scenario,
  seed: number,
): Promise<ReplayRun> {
  const clock = new VirtualClock(scenario.slowdown);
  const metered = new MeteredEngine(engine(clock, scenario), checkpoint.config, clock.now);
  await forget(metered, clock);
  metered.reset();
  const startMs = clock.now();
  // Read only at the start and the end, because a read may cost as much as a decode.
  const cpuBefore = process.cpuUsage();
  const rhythm = new TypingRhythm();
  let typing: Typist | undefined;
  const pipeline = new Pipeline({
    engine: metered,
    checkpoint,
    costs: new CostModel(checkpoint.config, costs),
    rhythm,
    history: new History(),
    syntax,
    settings: () => ({ ...AUTO, submodel: policy }),
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
  const tokens = (text: string) => checkpoint.tokenizer.encode(text).length;
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
  await clock.run(() => metered.idle);
  const { user, system } = process.cpuUsage(cpuBefore);
  return {
    policy,
    memory: tasks.some((task) => task.workspace) ? (memory ? 'on' : 'off') : undefined,
    scenario: scenario.name,
    files,
    use: metered.use,
    elapsedMs,
    cpuMs: (user + system) / 1000,
    decodesBySubmodel: metered.decodesBySubmodel,
  };
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
async function forget(engine: MeteredEngine, clock: VirtualClock): Promise<void> {
  const xl = engine.config.granularities.XL ?? [];
  const nothing = { prompt: [1], widths: xl, maxTokens: 0, stopTokens: [] };
  engine.generate(nothing, new AbortController().signal, () => undefined);
  await clock.run(() => engine.idle);
}
