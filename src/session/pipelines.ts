import { DocumentNumbers } from '../completion/documentNumbers';
import type { ModelInUse } from '../completion/models';
import { Pipeline, type PipelineParts } from '../completion/pipeline';
import { DutyCycle } from '../governor/dutyCycle';

/** What a pipeline has for itself: one person types at a time, in one rhythm. */
export type Typist = Pick<PipelineParts, 'rhythm' | 'history' | 'settings' | 'eagerness'> &
  Partial<Pick<PipelineParts, 'onRested'>>;

/**
 * The pipelines of one start of the engine. They share the models with their costs, the numbers of documents and the share of
 * a core that the engine may use, and nothing of what was typed or suggested.
 */
export class Pipelines {
  private readonly open = new Set<Pipeline>();
  private readonly documents = new DocumentNumbers();
  private readonly dutyCycle = new DutyCycle();
  private others: readonly ModelInUse[] = [];

  constructor(private readonly shared: Omit<PipelineParts, keyof Typist | 'documents' | 'dutyCycle'>) {}

  /** A pipeline for one more typist, until it is removed. */
  add(typist: Typist): Pipeline {
    const { documents, dutyCycle, shared } = this;
    const pipeline = new Pipeline({ ...shared, ...typist, documents, dutyCycle });
    for (const model of this.others) pipeline.use(model);
    this.open.add(pipeline);
    return pipeline;
  }

  remove(pipeline: Pipeline): void {
    pipeline.reset();
    this.open.delete(pipeline);
  }

  /** Completions may come from another model too, until it is dropped. */
  use(model: ModelInUse): void {
    this.others = [...this.others, model];
    for (const pipeline of this.open) pipeline.use(model);
  }

  drop(model: Pick<ModelInUse, 'costs'>): void {
    this.others = this.others.filter(({ costs }) => costs !== model.costs);
    for (const pipeline of this.open) pipeline.drop(model);
  }

  backendChanged(): void {
    for (const pipeline of this.open) pipeline.backendChanged();
  }

  reset(): void {
    for (const pipeline of this.open) pipeline.reset();
  }
}
