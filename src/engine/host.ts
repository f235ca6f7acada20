/** The engine's process: it opens one checkpoint, then serves requests until its parent disconnects. */
import { openCheckpoint } from '../matlm/checkpoint';
import { messageOf } from '../matlm/errors';
import { GPU_IS_USED, shareGpu } from './gpuSharing';
import { failed, type GenerateEvent } from './engine';
import type { FallbackEngine } from './fallbackEngine';
import type { HardwareReport } from './hardware';
import { hardwareFile, readReport } from './hardwareFile';
import { machineOf } from './thisMachine';
import { AddonError } from './addon';
import { LocalMemory } from './localMemory';
import type { EngineMemory } from './memory';
import { answerCall, NO_MEMORY } from './memoryHost';
import { openMemory } from './native';
import { loadRuntime, providersOf } from './onnx/runtime';
import { candidates, openEngine, tryBackend } from './openEngine';
import type { FromHost, ToHost } from './protocol';
import { watchMachine } from './sensors';

let engine: FallbackEngine | undefined;
let memory: EngineMemory = NO_MEMORY;
let adopt: ((report: HardwareReport) => void) | undefined;
const running = new Map<number, AbortController>();

process.on('message', (message: ToHost) => {
  switch (message.type) {
    case 'open':
      open(message).catch(unusable);
      break;
    case 'try': {
      const { root, folder, threads, backend, prefillTokens } = message;
      openCheckpoint(folder)
        .then((checkpoint) => tryBackend(root, checkpoint, threads, backend, prefillTokens))
        .then((trial) => {
          send({ type: 'tried', trial });
        }, unusable);
      break;
    }
    case 'list':
      try {
        const providers = providersOf(loadRuntime(message.root));
        send({ type: 'listed', backends: providers.map((provider) => `onnx-${provider}` as const) });
      } catch (error) {
        unusable(error);
      }
      break;
    case 'adopt':
      adopt?.(message.report);
      break;
    case 'generate': {
      const { id, request } = message;
      const controller = new AbortController();
      running.set(id, controller);
      try {
        if (!engine) throw new Error('the engine is not open yet');
        // Events that the addon delivers together are sent together.
        let together: GenerateEvent[] = [];
        engine.generate(request, controller.signal, (event) => {
          if (event.type === 'end') running.delete(id);
          if (together.push(event) > 1) return;
          queueMicrotask(() => {
            send({ type: 'events', id, events: together });
            together = [];
          });
        });
      } catch (error) {
        running.delete(id);
        send({ type: 'events', id, events: [failed((error as Error).message)] });
      }
      break;
    }
    case 'abort':
      running.get(message.id)?.abort();
      break;
    case 'memory': {
      const { id, call } = message;
      void answerCall(memory, call).then((answer) => {
        send({ type: 'memory', id, answer });
      });
      break;
    }
  }
});
process.on('disconnect', () => process.exit(0));

async function open({ root, folder, threads, sensors, avoidsGpu }: Extract<ToHost, { type: 'open' }>): Promise<void> {
  const checkpoint = await openCheckpoint(folder);
  const report = readReport(hardwareFile(), machineOf(root, checkpoint.weightsFile));
  const native = openMemory(root, checkpoint);
  if (native) memory = new LocalMemory(native, checkpoint.tokenizer);
  const opened = openEngine(root, checkpoint, { threads, report, avoidsGpu, memory: native });
  engine = opened;
  adopt = (found) => {
    opened.adopt(candidates(root, checkpoint, { threads, report: found, avoidsGpu, memory: native })).catch(unusable);
  };
  let sharing = GPU_IS_USED;
  try {
    watchMachine(root, sensors, (state) => {
      send({ type: 'machine', state });
      sharing = shareGpu(sharing, state.gpu);
      opened.yieldGpu(sharing.reason).catch(unusable);
    });
  } catch (error) {
    // The sensors are part of the addon. If it does not load, the machine's state stays unknown.
    if (!(error instanceof AddonError)) throw error;
  }
  const ready = async () => {
    send({ type: 'ready', info: await opened.measure() });
  };
  opened.whenReplaced(() => {
    ready().catch(unusable);
  });
  await ready();
}

function unusable(error: unknown): void {
  send({ type: 'unusable', message: messageOf(error) });
}

function send(message: FromHost): void {
  if (process.connected) process.send?.(message);
}
