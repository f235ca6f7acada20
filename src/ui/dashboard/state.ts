import type { Measured } from '../../models/importProtocol';
import type { ElasticRecord } from '../../models/elastic/record';
import type { ModelSize } from '../../models/modelSizes';

/** The content of the dashboard: plain data, sent as a whole from the extension to the page. Times in ms, sizes in bytes. */
export interface DashboardState {
  readonly engine: { readonly ready: boolean; readonly text: string };
  readonly choice: ChosenSubmodel | undefined;
  /** The checkpoint's measured submodels, cheapest first; empty if it has no measurements. */
  readonly frontier: readonly FrontierPoint[];
  /** The answers of the last minutes, oldest first. */
  readonly recent: readonly Recent[];
  /** The named sizes, smallest first, then an imported model that has answered. */
  readonly sizes: readonly string[];
  readonly periods: readonly Period[];
  /** The sum of all kept days by size, smallest first. */
  readonly bySize: readonly BySize[];
  /** The readings of the sensors. */
  readonly machine: readonly { readonly name: string; readonly value: string }[];
  /** The imported models, the latest first. */
  readonly models: readonly ImportedModel[];
}

/** An imported model. */
export interface ImportedModel {
  readonly id: string;
  readonly name: string;
  /** The architecture: `Llama`. */
  readonly family: string;
  readonly parameters: number | undefined;
  /** Of a weight. */
  readonly bits: number | undefined;
  readonly licence: string | undefined;
  readonly diskBytes: number;
  readonly isInUse: boolean;
  /** If it is in use: whether it is loaded, and why not, as a sentence, mostly without its full stop. */
  readonly state: string | undefined;
  /** Whether Auto lets it answer: not if MatCoder's own model predicts the user's files better. */
  readonly isForAuto: boolean;
  /** The file that is missing or damaged; undefined if none is. */
  readonly broken: string | undefined;
  /** Whether it completes from the text before the cursor alone. */
  readonly isPrefixOnly: boolean;
  /** Whether its page can be opened in the browser. */
  readonly hasPage: boolean;
  /** Milliseconds of a typical completion on this machine. */
  readonly typicalMs: number | undefined;
  /** On the user's files. */
  readonly bitsPerByte: Measured['bitsPerByte'];
  /** The sizes that it answers with, smallest first and the whole model with them; empty if it has one. */
  readonly sizes: readonly ImportedSize[];
  /** How they were found; undefined if it was trained with them, or has one. */
  readonly elasticity: Partial<ElasticRecord> | undefined;
  /** Whether smaller sizes can be looked for. */
  readonly canFindSizes: boolean;
  /** Why none were found when they were looked for, as a clause. */
  readonly sizesFault: string | undefined;
}

/** A size of an imported model. Undefined is what was not measured. */
export interface ImportedSize extends Omit<ModelSize, 'name'> {
  /** As it is called wherever sizes are named: `NAME L`. */
  readonly name: string;
  /** Share by which it needs more bits than the whole model. */
  readonly moreBits: number | undefined;
  /** Milliseconds of a typical completion on this machine: now if it is loaded, or else when it was measured. */
  readonly typicalMs: number | undefined;
}

/** The current submodel. */
export interface ChosenSubmodel {
  readonly name: string;
  readonly shortName: string;
  /** The settings that chose it: `Auto`, or `M, fixed`. */
  readonly by: string;
  readonly reason: string;
}

export interface FrontierPoint {
  readonly name: string;
  readonly shortName: string;
  readonly isSize: boolean;
  readonly bytesPerToken: number;
  readonly bitsPerByte: number;
  /** Share of tokens for which its likeliest next token is that of the full model, 0 to 1. */
  readonly agreementWithXL: number;
  /** Milliseconds of a typical completion on this machine now. */
  readonly predictedMs: number | undefined;
}

export interface Recent {
  readonly agoMs: number;
  readonly latencyMs: number;
  readonly shortName: string;
  /** Place among the named sizes: 0 for the smallest, a half more between two of them. */
  readonly level: number;
}

export interface Period {
  readonly title: string;
  readonly savedKeys: number;
  readonly shown: number;
  readonly accepted: number;
  readonly p50Ms: number | undefined;
  readonly p95Ms: number | undefined;
  /** Weight bytes read when Auto chose the size, and the bytes XL would have read. */
  readonly autoBytes: number;
  readonly autoBytesByXL: number;
}

export interface BySize {
  readonly shortName: string;
  readonly requests: number;
  readonly shown: number;
  readonly accepted: number;
  readonly p50Ms: number | undefined;
  readonly p95Ms: number | undefined;
}

/** The commands behind the buttons of the page. */
export const DASHBOARD_COMMANDS = ['pickSubmodel', 'showLog', 'resetStatistics', 'importModel'] as const;
export type DashboardCommand = (typeof DASHBOARD_COMMANDS)[number];

/** What the buttons of an imported model do. `stop` uses only MatCoder's own model again. */
export const MODEL_ACTIONS = ['use', 'stop', 'measure', 'findSizes', 'openPage', 'rename', 'delete'] as const;
export type ModelAction = (typeof MODEL_ACTIONS)[number];

export type ToPage =
  | {
      readonly type: 'state';
      readonly state: DashboardState;
      /** A command that the page sent has ended: it shows the result even if it is paused. */
      readonly isAnswer: boolean;
    }
  /** Show the imported models: bring their section into view and give it the focus. */
  | { readonly type: 'showModels' };

/** `ready`: the page was loaded, for the first time or after it was hidden, and needs the state. */
export type FromPage =
  | { readonly type: 'ready' }
  | { readonly type: 'command'; readonly command: DashboardCommand }
  | { readonly type: 'model'; readonly action: ModelAction; readonly id: string };

/** The time that `recent` covers. */
export const RECENT_SPAN_MS = 10 * 60_000;
