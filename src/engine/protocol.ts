import type { Cost } from '../matlm/submodel';
import type { SensorOptions } from './addon';
import type { Backend, EngineInfo, GenerateEvent, GenerateRequest } from './engine';
import type { HardwareReport } from './hardware';
import type { DocumentId, MemoryMatch, MemoryPlace, MemoryStats } from './memory';
import type { SensedState } from './sensors';

/** The result of a probe's process. */
export interface Trial {
  /** Logits after the prompt and after each of eight tokens, [9, vocabulary]. */
  readonly logits: Float32Array;
  readonly costs: Readonly<Record<string, Cost>>;
}

/** A call of `EngineMemory`. */
export type MemoryCall =
  | { readonly name: 'remember'; readonly document: DocumentId; readonly text: string }
  | { readonly name: 'forget'; readonly documents: readonly DocumentId[] }
  | { readonly name: 'look'; readonly tokens: readonly number[]; readonly place: MemoryPlace };

/** How a call of `EngineMemory` ended. */
export type MemoryAnswer =
  | { readonly value: MemoryStats | MemoryMatch }
  | {
      /** The message of the error. */
      readonly fault: string;
    };

/** Messages from the client to the engine's process. */
export type ToHost =
  | {
      readonly type: 'open';
      readonly root: string;
      readonly folder: string;
      readonly threads: number;
      readonly sensors: SensorOptions;
      /** Use no GPU, even if the probe found one to be faster, because a process that may have used it died. */
      readonly avoidsGpu: boolean;
      /** Tells windows apart: each gets an equal share of the engine's time. */
      readonly window: string;
    }
  /** Instead of `open`: try one backend, in a process that is discarded afterwards. */
  | {
      readonly type: 'try';
      readonly root: string;
      readonly folder: string;
      readonly threads: number;
      readonly backend: Backend;
    }
  /** The report of a probe that ended after `open`. */
  | { readonly type: 'adopt'; readonly report: HardwareReport }
  | { readonly type: 'generate'; readonly id: number; readonly request: GenerateRequest }
  | { readonly type: 'abort'; readonly id: number }
  /** The client goes, and a process that no other client uses ends at once: the user wants a new one. */
  | { readonly type: 'leave' }
  | { readonly type: 'memory'; readonly id: number; readonly call: MemoryCall };

/** Messages from the engine's process to the client. */
export type FromHost =
  /** Also when another backend has taken over. */
  | { readonly type: 'ready'; readonly info: EngineInfo }
  | { readonly type: 'tried'; readonly trial: Trial }
  /** It cannot start, and a restart would not help: the message names the file and what to do. */
  | { readonly type: 'unusable'; readonly message: string; readonly lacksEngine?: boolean }
  /**
   * The process does not hang: a request waits for those of other windows. With a limit: it loads a model now, answers nothing
   * meanwhile, and is back within that time.
   */
  | { readonly type: 'alive'; readonly limitMs?: number }
  | { readonly type: 'events'; readonly id: number; readonly events: readonly GenerateEvent[] }
  | { readonly type: 'memory'; readonly id: number; readonly answer: MemoryAnswer }
  | { readonly type: 'machine'; readonly state: SensedState };
