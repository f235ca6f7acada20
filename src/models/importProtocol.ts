import type { Stage } from './elastic/stages';

export type Bits = 4 | 8;

/** What a file or folder holds, and what its import will need. Sizes in bytes. */
export interface Found {
  /** As the file states it, or else the name of the file. */
  readonly name: string;
  /** The architecture, for people: `Llama`. */
  readonly family: string;
  readonly parameters: number;
  /** The kinds of its weights: `Q4_1`, `BF16`. */
  readonly quantisation: string;
  readonly licence: string | undefined;
  /** The address of its page; only one that `pageOf` allows. */
  readonly page: string | undefined;
  /** Whether it can be asked for the text between two others. If not, it completes from the text before the cursor alone. */
  readonly hasFim: boolean;
  /** At least one, the recommended one first. */
  readonly choices: readonly Choice[];
  /** On the disk that the import would write to. */
  readonly freeDiskBytes: number;
  /** That programs could still get. */
  readonly freeMemoryBytes: number;
}

/** A form in which a model can be imported. */
export interface Choice {
  readonly bits: Bits;
  readonly diskBytes: number;
  /** Of the weights while it runs; its cache of keys and values comes on top. */
  readonly memoryBytes: number;
  /** The weights that are read for a token. */
  readonly bytesPerToken: number;
  /** Whether the weights have the values of the file. */
  readonly isExact: boolean;
  /** Of the import itself. */
  readonly seconds: number;
}

/** A file of the user, to measure a model on. */
export interface UserText {
  /** From its workspace folder, with forward slashes. */
  readonly path: string;
  readonly text: string;
}

/** What was measured of an imported model on this machine, on the user's files. */
export interface Measured {
  /** Milliseconds of a typical completion by its largest submodel. */
  readonly typicalMs?: number;
  /** The same by its smaller sizes, if it has any: `S`, `M`, `L`. */
  readonly smallerMs?: Readonly<Record<string, number>>;
  /** On the same text of the user, lower is better. */
  readonly bitsPerByte?: {
    readonly own: number;
    /** Of the model that ships. */
    readonly shipped?: number;
    /** With the workspace's memory. */
    readonly withMemory?: number;
    /** Bytes of the text that was read. */
    readonly textBytes: number;
  };
}

/**
 * Why a model keeps the sizes that it has. `loss`: no narrower one is good enough. `growth`: none of those that are saves more than
 * the weights grow by when they are sorted.
 */
export type Unchanged = 'loss' | 'growth';

/** What became of a model that was made elastic. */
export interface Elastic {
  /** Names of its sizes, such as S, M, L and XL; those that it had if nothing was changed. */
  readonly sizes: readonly string[];
  /** Why nothing was changed; undefined if the model has new sizes. */
  readonly unchanged: Unchanged | undefined;
  /** Whose text it was made with: that of the user, or sources of MatCoder if the user's are too few. */
  readonly sample: 'user' | 'bundled';
}

/** How long a typical completion by each size takes on this machine. */
export type Speed = Pick<Measured, 'typicalMs' | 'smallerMs'>;

/** The tokens of a typical completion. */
export interface Typical {
  readonly promptTokens: number;
  readonly newTokens: number;
}

/** What the import's process does. Each process does one of these and ends. */
export type Task =
  | {
      readonly type: 'inspect';
      readonly path: string;
      /** The folder of imported models, which need not exist. */
      readonly library: string;
    }
  | { readonly type: 'import'; readonly root: string; readonly path: string; readonly folder: string; readonly name: string; readonly bits: Bits }
  | {
      readonly type: 'measure';
      readonly root: string;
      /** Of the imported model. */
      readonly folder: string;
      /** Of the model that ships. */
      readonly shipped: string;
      readonly texts: readonly UserText[];
      /** 0 for the engine's own choice. */
      readonly threads: number;
      readonly typical: Typical;
    }
  /**
   * Ends as soon as the model has its sizes. Killed at any moment, it leaves the model as it was or with its sizes, which have
   * another record then; `removeLeftOvers` removes what else is in the folder.
   */
  | {
      readonly type: 'elastic';
      readonly root: string;
      readonly folder: string;
      readonly texts: readonly UserText[];
      /** 0 for the engine's own choice. */
      readonly threads: number;
    }
  /** A task of its own, because a fault or an end of it must not hide which sizes a model has. */
  | {
      readonly type: 'speed';
      readonly root: string;
      readonly folder: string;
      /** 0 for the engine's own choice. */
      readonly threads: number;
      readonly typical: Typical;
    };

/** What a task ends with. */
export interface Results {
  readonly inspect: Found;
  readonly import: undefined;
  readonly measure: Measured;
  readonly elastic: Elastic;
  readonly speed: Speed;
}

export type FromTask =
  /** @property share of the work that is done, 0 to 1 @property stage its piece, if it has several */
  | { readonly type: 'progress'; readonly share: number; readonly stage?: Stage | undefined }
  | { readonly type: 'done'; readonly result: Results[Task['type']] }
  /** With what to do. */
  | { readonly type: 'failed'; readonly message: string };
