import type { Backend, EngineInfo, GenerateEvent, GenerateRequest } from './engine';
import type { SensorOptions } from './native';
import type { Trial } from './probe';
import type { SensedState } from './sensors';

/** What the client sends to the engine's process. */
export type ToHost =
  | {
      readonly type: 'open';
      readonly root: string;
      readonly folder: string;
      readonly threads: number;
      readonly sensors: SensorOptions;
      /** What is not to be used although it was found the quickest: a process of it died. */
      readonly avoid: readonly Backend[];
    }
  /** Instead of `open`: try one backend, in a process that is thrown away. */
  | {
      readonly type: 'try';
      readonly root: string;
      readonly folder: string;
      readonly threads: number;
      readonly backend: Backend;
      readonly prefillTokens: number;
    }
  | { readonly type: 'generate'; readonly id: number; readonly request: GenerateRequest }
  | { readonly type: 'abort'; readonly id: number };

/** What the engine's process sends back. */
export type FromHost =
  /** Also when another backend has taken over. */
  | { readonly type: 'ready'; readonly info: EngineInfo }
  | { readonly type: 'tried'; readonly trial: Trial }
  /** It cannot start, and starting again would not help: the message names the file and what to do. */
  | { readonly type: 'unusable'; readonly message: string }
  | { readonly type: 'events'; readonly id: number; readonly events: readonly GenerateEvent[] }
  | { readonly type: 'machine'; readonly state: SensedState };
