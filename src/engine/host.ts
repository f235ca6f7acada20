/**
 * The engine's process. With the argument `serve` it is the one of all windows, found through a socket; otherwise it serves its
 * parent until that disconnects.
 */
import { openCheckpoint } from '../matlm/checkpoint';
import { messageOf } from '../matlm/errors';
import { AddonError } from './loadAddon';
import { tryBackend } from './openEngine';
import type { FromHost, ToHost } from './protocol';
import { parseAddress } from './shared/address';
import { EngineHost, type ServedClient } from './shared/host';
import { serve } from './shared/server';

function serveParent(): void {
  let client: ServedClient | undefined;
  process.on('message', (message: ToHost) => {
    switch (message.type) {
      case 'try': {
        const { root, folder, threads, backend } = message;
        openCheckpoint(folder)
          .then((checkpoint) => tryBackend(root, checkpoint, threads, backend))
          .then((trial) => {
            send({ type: 'tried', trial });
          }, unusable);
        break;
      }
      default:
        client ??= new EngineHost().connect(send);
        client.receive(message);
    }
  });
  process.on('disconnect', () => process.exit(0));
}

function unusable(error: unknown): void {
  send({ type: 'unusable', message: messageOf(error), lacksEngine: error instanceof AddonError });
}

function send(message: FromHost): void {
  if (process.connected) process.send?.(message);
}

const [command, address] = process.argv.slice(2);
if (command === 'serve') serve(parseAddress(address));
else serveParent();
