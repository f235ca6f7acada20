import type { Engine } from '../engine/engine';
import { type CostModel, JointCosts } from '../governor/costs';
import type { Costs } from '../governor/decide';
import type { Checkpoint } from '../matlm/checkpoint';
import type { LearnedScore } from './decode/learnedScore';
import { WatchedEngine } from './decode/watchedEngine';
import type { LookUp } from './lookUp';
import { PromptCache } from './promptCache';

/** A model that completions may come from: a checkpoint, the engine that runs it, and its costs there. */
export interface ModelInUse {
  readonly checkpoint: Checkpoint;
  readonly engine: Engine;
  readonly costs: CostModel;
  /** Looks up the memory of the workspace, in the tokens of this model; missing if there is none. */
  readonly lookUp?: LookUp | undefined;
  /** The score, if none was measured for the checkpoint. */
  readonly score?: LearnedScore | undefined;
}

/**
 * The weights of a model's score.
 * @returns measured ones, or general ones that follow what the user accepts
 */
export function scoreWeightsOf({
  checkpoint,
  score,
}: Pick<ModelInUse, 'checkpoint' | 'score'>): readonly number[] | undefined {
  return checkpoint.calibration?.weights ?? score?.weights;
}

/** A model in use, and what its cache holds. Tokens of one model mean nothing to another. */
export interface Model extends ModelInUse {
  readonly engine: WatchedEngine;
  readonly cache: PromptCache;
}

/** The models that completions come from: the main one, which never changes, and those that were added and not yet removed. */
export class Models {
  /** Of all submodels of all models. */
  readonly costs: Costs = new JointCosts(() => [this.main.costs, ...this.others.map(({ costs }) => costs)]);
  readonly main: Model;
  private others: readonly Model[] = [];

  /** @param count makes an engine whose work is counted */
  constructor(
    main: ModelInUse,
    private readonly count: (engine: Engine) => Engine = (engine) => engine,
  ) {
    this.main = this.inUse(main);
  }

  get all(): readonly Model[] {
    return [this.main, ...this.others];
  }

  /** The model of a submodel; undefined if it is no longer in use. */
  of(submodel: string): Model | undefined {
    return this.all.find(({ costs }) => costs.has(submodel));
  }

  /** Of the models other than one; undefined if there are none. */
  costsWithout(model: Model): Costs | undefined {
    const [first, ...more] = this.all.filter((other) => other !== model).map(({ costs }) => costs);
    return first && new JointCosts(() => [first, ...more]);
  }

  add(model: ModelInUse): void {
    this.others = [...this.others, this.inUse(model)];
  }

  remove({ costs }: Pick<ModelInUse, 'costs'>): void {
    this.others = this.others.filter((other) => other.costs !== costs);
  }

  private inUse(model: ModelInUse): Model {
    const cache = new PromptCache();
    return { ...model, cache, engine: new WatchedEngine(this.count(model.engine), cache) };
  }
}
