/** The content of the dashboard: plain data, sent as a whole from the extension to the page. Times in ms, sizes in bytes. */
export interface DashboardState {
  readonly engine: { readonly ready: boolean; readonly text: string };
  readonly choice: ChosenSubmodel | undefined;
  /** The checkpoint's measured submodels, cheapest first; empty if it has no measurements. */
  readonly frontier: readonly FrontierPoint[];
  /** The answers of the last minutes, oldest first. */
  readonly recent: readonly Recent[];
  /** The named sizes, smallest first. */
  readonly sizes: readonly string[];
  readonly periods: readonly Period[];
  /** The sum of all kept days by size, smallest first. */
  readonly bySize: readonly BySize[];
  /** The readings of the sensors. */
  readonly machine: readonly { readonly name: string; readonly value: string }[];
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
export const DASHBOARD_COMMANDS = ['pickSubmodel', 'showLog', 'resetStatistics'] as const;
export type DashboardCommand = (typeof DASHBOARD_COMMANDS)[number];

export interface ToPage {
  readonly type: 'state';
  readonly state: DashboardState;
}

/** `ready`: the page was loaded, for the first time or after it was hidden, and needs the state. */
export type FromPage = { readonly type: 'ready' } | { readonly type: 'command'; readonly command: DashboardCommand };

/** The time that `recent` covers. */
export const RECENT_SPAN_MS = 10 * 60_000;
