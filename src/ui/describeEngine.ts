import type { EngineState } from '../engine/client';
import { describeBackend, describeRejected } from '../engine/describe';

/** The engine's state in one line. */
export function describeEngine(state: EngineState): string {
  switch (state.kind) {
    case 'ready':
      return `ready, ${[describeBackend(state.info), ...describeRejected(state.info)].join('. ')}`;
    case 'restarting':
      return `restarting, because ${state.reason}`;
    case 'failed':
      return `stopped: ${state.reason}`;
    case 'starting':
    case 'stopped':
      return state.kind;
  }
}
