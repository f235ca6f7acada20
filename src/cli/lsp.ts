import { createConnection, StreamMessageReader, StreamMessageWriter } from 'vscode-languageserver/node';
import { serveLsp } from '../serve/lsp/server';
import { versionOf } from './version';

/** Serve the editor at standard input and output until it closes them or says that it exits. */
export async function lspCommand(root: string, model: string, threads: number): Promise<void> {
  const version = await versionOf(root);
  const reader = new StreamMessageReader(process.stdin);
  const writer = new StreamMessageWriter(process.stdout);
  const connection = createConnection(reader, writer);
  await new Promise<void>((resolve) => {
    const server = serveLsp(connection, { root, model, threads, version });
    reader.onClose(() => {
      server.dispose();
      resolve();
    });
  });
}
