import { type Phrase, phrase } from '../../localisation/phrase';
import type { LibraryModel, ModelLibrary } from '../../models/library';
import type { ImportedChoice } from '../../session/importedModel';
import type { ImportedInUse } from '../../session/settings';

export interface ShelfParts {
  readonly library: Pick<ModelLibrary, 'list'>;
  /** The id in the settings; empty for none. */
  readonly chosenId: () => string;
  /** The models have changed. */
  readonly onChange: () => void;
}

/** The imported models, the one that is in use, and why the one that the settings name is not. */
export interface ShelfSummary {
  /** The latest first. */
  readonly all: readonly LibraryModel[];
  readonly chosen: LibraryModel | undefined;
  readonly fault: Phrase | undefined;
  /** Why no smaller sizes of a model were found, by its id. */
  readonly sizeFaults: ReadonlyMap<string, Phrase>;
}

/**
 * The imported models as the user interface shows them. Other windows change them too, so they are read again whenever a
 * window comes to the front or a list opens.
 */
export class ModelShelf {
  /** Undefined until they were read. */
  private known: readonly LibraryModel[] | undefined;
  private shown = '[]';
  /** Why a model has no smaller sizes, by its id; of this window's attempts. */
  private readonly sizeFaults = new Map<string, Phrase>();

  constructor(private readonly parts: ShelfParts) {}

  /** The latest first. */
  get models(): readonly LibraryModel[] {
    return this.known ?? [];
  }

  /** The model that the settings name; undefined if they name none, or one that is not there or broken. */
  get chosen(): LibraryModel | undefined {
    const model = this.find(this.parts.chosenId());
    return model?.broken === undefined ? model : undefined;
  }

  /** Why the model that the settings name is not used; undefined if it is, or if they name none. */
  get fault(): Phrase | undefined {
    const id = this.parts.chosenId();
    if (id === '' || !this.known || this.chosen) return undefined;
    const model = this.find(id);
    return model?.broken === undefined
      ? phrase('there is no model {0}: choose another, or empty the setting matcoder.importedModel', id)
      : phrase('{0} is broken, because {1} is missing or damaged: import it again', model.name, model.broken);
  }

  /** The chosen model as the settings of a size name it. */
  get inUse(): ImportedInUse | undefined {
    const { chosen } = this;
    return chosen && { name: chosen.name, sizes: sizeNamesOf(chosen) };
  }

  /** Of what it knows now. */
  get summary(): ShelfSummary {
    return { all: this.models, chosen: this.chosen, fault: this.fault, sizeFaults: this.sizeFaults };
  }

  /** Smaller sizes of a model were looked for. @param fault why none were found; undefined if some were */
  noteSizes(id: string, fault: Phrase | undefined): void {
    if (fault) this.sizeFaults.set(id, fault);
    else this.sizeFaults.delete(id);
    this.parts.onChange();
  }

  find(id: string): LibraryModel | undefined {
    return this.models.find((model) => model.id === id);
  }

  async refresh(): Promise<void> {
    this.known = await this.parts.library.list();
    // Another model may get the id of one that was deleted.
    for (const id of this.sizeFaults.keys()) if (!this.find(id)) this.sizeFaults.delete(id);
    const shown = JSON.stringify(this.known);
    if (shown === this.shown) return;
    this.shown = shown;
    this.parts.onChange();
  }
}

/**
 * What a session has to know of a model.
 * @param isMainShipped the main model is the one that ships, which imported models are compared with
 */
export function choiceOf(model: LibraryModel, isMainShipped: boolean): ImportedChoice {
  const { folder, name, createdMs, measured, sizes, elasticity } = model;
  const revision = JSON.stringify([createdMs, measured, sizes, elasticity]);
  return { folder, name, revision, relativeBits: isMainShipped ? relativeBits(model) : undefined };
}

/** Whether smaller sizes of a model can be looked for: not of one that was trained with sizes, or is broken. */
export function canFindSizes({ broken, sizes, elasticity }: LibraryModel): boolean {
  return broken === undefined && (sizes.length === 0 || elasticity !== undefined);
}

/** The names of the sizes that a model can answer with, smallest first: `S`, `M`, `L`, `XL`, or `XL` alone. */
export function sizeNamesOf({ sizes }: Pick<LibraryModel, 'sizes'>): string[] {
  return sizes.length > 0 ? sizes.map(({ name }) => name) : ['XL'];
}

/** Its bits per byte over those of the model that ships, on the same text of the user; undefined if not measured. */
export function relativeBits({ measured: { bitsPerByte } }: LibraryModel): number | undefined {
  return bitsPerByte?.shipped === undefined ? undefined : bitsPerByte.own / bitsPerByte.shipped;
}
