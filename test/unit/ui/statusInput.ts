import type { StatusInput } from '../../../src/ui/status';
import { INFO } from '../session/fakes';

/** An engine that is ready, and nothing else to say. */
export const READY: StatusInput = {
  engine: { kind: 'ready', info: INFO },
  off: undefined,
  manualOnly: false,
  declinedInARow: 0,
  strains: [],
  last: undefined,
  isBusy: false,
};
