import { isBusy, isHot, type Machine } from '../governor/machine';
import type { WaitingFor } from './search';

export interface WhenInput {
  /** Whether files are to be read for their words, which costs little. Otherwise pieces are to be embedded. */
  readonly isReading: boolean;
  readonly machine: Machine;
  /** Milliseconds since the last key in a document. */
  readonly sinceKeyMs: number;
  /** Since the last search, infinite if there was none: the next one, with a letter more, comes soon. */
  readonly sinceQueryMs: number;
  /** Whether the engine reads or writes for a suggestion. */
  readonly isCompleting: boolean;
  /** The user has asked for the index now, whatever it costs. */
  readonly isAsked: boolean;
}

/** Whether the index is built now; if not, why, and when to look again if nothing is heard until then. */
export type When =
  { readonly isNow: true } | { readonly isNow: false; readonly for: WaitingFor; readonly retryMs: number };

/** A pause of so long is more than one between two words. */
export const REST_MS = 3000;
const AFTER_QUERY_MS = 1000;
/** A file is read in milliseconds, so that the next letter hardly waits for it. */
const READ_AFTER_QUERY_MS = 200;
/** The state of the machine is reported about once a second. */
const MACHINE_MS = 5000;

/** Whether the index is built at this moment. Searching does not depend on it. */
export function whenOf(input: WhenInput): When {
  const { isReading, machine, sinceKeyMs, sinceQueryMs, isCompleting, isAsked } = input;
  // Who searches waits for the words of all files, whatever the machine does otherwise, and types in the list, not in a document.
  const isWaitedFor = isReading && sinceQueryMs < Infinity;
  const isInList = isWaitedFor && sinceQueryMs < sinceKeyMs;
  if (sinceKeyMs < REST_MS && !isInList) return wait('typing', REST_MS - sinceKeyMs);
  const afterQueryMs = isReading ? READ_AFTER_QUERY_MS : AFTER_QUERY_MS;
  if (sinceQueryMs < afterQueryMs) return wait('typing', afterQueryMs - sinceQueryMs);
  if (isCompleting) return wait('completion', MACHINE_MS);
  if (isHot(machine)) return wait('cooling', MACHINE_MS);
  if (isAsked || isWaitedFor) return { isNow: true };
  if (machine.powerSource === 'battery' || machine.lowPower === true) return wait('mains', MACHINE_MS);
  return isBusy(machine) ? wait('processor', MACHINE_MS) : { isNow: true };
}

function wait(reason: WaitingFor, retryMs: number): When & { readonly isNow: false } {
  return { isNow: false, for: reason, retryMs };
}
