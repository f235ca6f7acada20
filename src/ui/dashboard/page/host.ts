import type { FromPage } from '../state';

/** What the editor keeps for the page while it is hidden. */
interface Kept {
  /** Ids of the sections that are open. */
  readonly open?: readonly string[];
  /** Whether the user paused the page; undefined if they never chose. */
  readonly isPaused?: boolean;
}

/** The editor's interface for a page. */
interface Host {
  postMessage(message: FromPage): void;
  getState(): unknown;
  setState(state: Kept): void;
}
declare function acquireVsCodeApi(): Host;

const host = acquireVsCodeApi();

export function send(message: FromPage): void {
  host.postMessage(message);
}

export function kept(): Kept {
  return (host.getState() as Kept | undefined) ?? {};
}

export function keep(changes: Kept): void {
  host.setState({ ...kept(), ...changes });
}
