/** What the dashboard shows: plain data, sent whole from the extension to the page. Times in ms, sizes in bytes. */
export interface DashboardState {
  /** How the engine is. */
  readonly engine: { readonly ready: boolean; readonly text: string };
  readonly choice: Choice | undefined;
  /** The checkpoint's measured submodels, cheapest first; empty where it carries no measurements. */
  readonly frontier: readonly FrontierPoint[];
  /** The last minutes' answers, oldest first. */
  readonly recent: readonly Recent[];
  /** The named sizes, smallest first. */
  readonly sizes: readonly string[];
  readonly periods: readonly Period[];
  /** All days that are kept, by size, smallest first. */
  readonly bySize: readonly BySize[];
  /** What the sensors say. */
  readonly machine: readonly { readonly name: string; readonly value: string }[];
}

/** The submodel that completes now. */
export interface Choice {
  readonly name: string;
  readonly shortName: string;
  /** `Auto`, or that it is fixed. */
  readonly by: string;
  readonly reason: string;
}

export interface FrontierPoint {
  readonly name: string;
  readonly shortName: string;
  readonly isSize: boolean;
  readonly bytesPerToken: number;
  readonly bitsPerByte: number;
  /** Share of tokens where its likeliest next token is that of the full model, 0 to 1. */
  readonly agreementWithXL: number;
  /** Of a typical completion on this machine now. */
  readonly predictedMs: number | undefined;
}

export interface Recent {
  readonly agoMs: number;
  readonly latencyMs: number;
  readonly shortName: string;
  /** Place among the named sizes: 0 for the smallest, between two of them by a half. */
  readonly level: number;
}

export interface Period {
  readonly title: string;
  readonly savedKeys: number;
  readonly shown: number;
  readonly accepted: number;
  readonly p50Ms: number | undefined;
  readonly p95Ms: number | undefined;
  /** Weight bytes read where Auto chose, and what XL would have read. */
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

/** What the page's buttons ask the extension to do. */
export const COMMANDS = ['pickSubmodel', 'showLog', 'resetStatistics'] as const;
export type DashboardCommand = (typeof COMMANDS)[number];

export interface ToPage {
  readonly type: 'state';
  readonly state: DashboardState;
}

/** `ready`: the page was loaded, also anew after it had been hidden, and wants the state. */
export type FromPage = { readonly type: 'ready' } | { readonly type: 'command'; readonly command: DashboardCommand };

/** How far back the last minutes go. */
export const RECENT_SPAN_MS = 10 * 60_000;
