import type { Backend, EngineInfo, GenerateEvent, GenerateRequest } from './engine';
import type { HardwareReport } from './hardware';
import type { SensorOptions } from './addon';
import type { Provider } from './onnx/runtime';
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
      /** Not to use a card although it was found the quickest: a process died that may have used one. */
      readonly avoidsGpu: boolean;
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
  /** Instead of `open`: which providers ONNX Runtime has here. */
  | { readonly type: 'list'; readonly root: string }
  /** What a probe has found since `open`. */
  | { readonly type: 'adopt'; readonly report: HardwareReport }
  | { readonly type: 'generate'; readonly id: number; readonly request: GenerateRequest }
  | { readonly type: 'abort'; readonly id: number };

/** What the engine's process sends back. */
export type FromHost =
  /** Also when another backend has taken over. */
  | { readonly type: 'ready'; readonly info: EngineInfo }
  | { readonly type: 'listed'; readonly providers: readonly Provider[] }
  | { readonly type: 'tried'; readonly trial: Trial }
  /** It cannot start, and starting again would not help: the message names the file and what to do. */
  | { readonly type: 'unusable'; readonly message: string }
  | { readonly type: 'events'; readonly id: number; readonly events: readonly GenerateEvent[] }
  | { readonly type: 'machine'; readonly state: SensedState };
