import { join } from 'node:path';
import { Grammars } from '../completion/syntax/grammars';
import type { NativeAddon } from '../engine/addon';
import { loadAddon } from '../engine/loadAddon';
import type { Clock } from '../machine/clock';
import { messageOf } from '../matlm/errors';
import { PictureReader, readerFiles } from '../pictures/reader';
import { CodeSource } from './code';
import type { PictureKind } from './kinds';
import { LocalSearch } from './localSearch';
import { hasEncoder, openPictureEncoder, openTextEncoder } from './openEncoders';
import { PictureFiles, type PictureRow, PictureSource, pixelsOrNone } from './pictures';

export interface OpenSearchOptions {
  /** The folder of the extension: it holds the addon, the encoders and the grammars. */
  readonly root: string;
  /** The folder of all indexes. */
  readonly storage: string;
  readonly clock: Clock;
  readonly say: (line: string) => void;
  readonly threads: number;
}

/** Something open, and what closes it. */
interface Opened<Value> {
  readonly value: Value;
  readonly dispose: () => void;
}

/**
 * Search with the encoders of this installation. Without those of pictures, code is still found.
 * @throws {AddonError} or {CheckpointError} naming the file, the fault and what to do
 */
export async function openSearch(
  options: OpenSearchOptions,
): Promise<{ search: LocalSearch; dispose(): Promise<void> }> {
  const { root, storage, clock, say, threads } = options;
  const addon = loadAddon(root);
  const code = await openTextEncoder(root, 'code', addon, threads);
  const grammars = new Grammars(join(root, 'dist', 'grammars'));
  const pictures = await openPictures(options, addon).catch((error: unknown) => {
    say(`pictures are not searched: ${messageOf(error)}`);
    return undefined;
  });
  const search = new LocalSearch({
    code: { embedder: code.embedder, vectors: code.vectors, source: (policy) => new CodeSource(policy, grammars) },
    pictures: pictures?.value,
    ...{ storage, clock, say },
  });
  return {
    search,
    dispose: async () => {
      await search.dispose();
      code.dispose();
      pictures?.dispose();
      grammars.dispose();
    },
  };
}

async function openPictures(
  { root, threads }: OpenSearchOptions,
  addon: NativeAddon,
): Promise<Opened<PictureKind<PictureRow, Uint8Array>> | undefined> {
  if (!(await hasEncoder(root, 'pictures'))) return undefined;
  const pictures = await openPictureEncoder(root, addon, threads);
  const words = (await hasEncoder(root, 'words')) ? await openTextEncoder(root, 'words', addon, threads) : undefined;
  const reader = new PictureReader(readerFiles(join(root, 'dist')));
  const files = new PictureFiles();
  return {
    value: {
      embedder: pictures.embedder,
      words: words?.embedder,
      vectors: pictures.vectors,
      source: (policy) => new PictureSource(policy, reader),
      contentOf: (bytes) => pixelsOrNone(reader, bytes),
      read: (path, row) => files.read(path, row),
    },
    dispose: () => {
      pictures.dispose();
      words?.dispose();
      reader.dispose();
    },
  };
}
