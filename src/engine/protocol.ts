import type { EngineInfo, GenerateEvent, GenerateRequest } from './engine';
import type { SensorOptions } from './native';
import type { SensedState } from './sensors';

/** What the client sends to the engine's process. */
export type ToHost =
  | {
      readonly type: 'open';
      readonly root: string;
      readonly folder: string;
      readonly threads: number;
      readonly sensors: SensorOptions;
    }
  | { readonly type: 'generate'; readonly id: number; readonly request: GenerateRequest }
  | { readonly type: 'abort'; readonly id: number };

/** What the engine's process sends back. */
export type FromHost =
  | { readonly type: 'ready'; readonly info: EngineInfo }
  /** It cannot start, and starting again would not help: the message names the file and what to do. */
  | { readonly type: 'unusable'; readonly message: string }
  | { readonly type: 'events'; readonly id: number; readonly events: readonly GenerateEvent[] }
  | { readonly type: 'machine'; readonly state: SensedState };
