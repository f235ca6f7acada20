import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { access } from 'node:fs/promises';
import { join } from 'node:path';
import { Encoder } from '../encoders/encoder';
import type { NativeAddon } from '../engine/addon';
import type { Embedder, VectorIndex } from './embedder';

/** Where the encoders are, from the folder of the extension. */
const FOLDER = join('models', 'encoders');
const FILES = ['config.json', 'tokenizer.json', 'model.safetensors'];

/** An encoder, and how its vectors are compared. */
export interface OpenEncoder<Content> {
  readonly embedder: Embedder<Content>;
  readonly vectors: () => VectorIndex;
  readonly dispose: () => void;
}

/** @throws {CheckpointError} naming the file, the fault and what to do */
export function openTextEncoder(
  root: string,
  name: 'code' | 'words',
  addon: NativeAddon,
  threads: number,
): Promise<OpenEncoder<string>> {
  return openTextEncoderIn(join(root, FOLDER, name), addon, threads);
}

/** @param folder of the encoder @throws {CheckpointError} naming the file, the fault and what to do */
export function openTextEncoderIn(folder: string, addon: NativeAddon, threads: number): Promise<OpenEncoder<string>> {
  return open(folder, addon, threads, (encoder, texts: readonly string[], options) =>
    encoder.embedTexts(texts, options),
  );
}

/** @throws {CheckpointError} naming the file, the fault and what to do */
export function openPictureEncoder(
  root: string,
  addon: NativeAddon,
  threads: number,
): Promise<OpenEncoder<Uint8Array>> {
  return open(join(root, FOLDER, 'pictures'), addon, threads, (encoder, pixels: readonly Uint8Array[], options) =>
    encoder.embedPictures(pixels, options),
  );
}

/** Whether an installation has the encoder. */
export function hasEncoder(root: string, name: string): Promise<boolean> {
  return access(join(root, FOLDER, name, 'config.json')).then(
    () => true,
    () => false,
  );
}

async function open<Content>(
  folder: string,
  addon: NativeAddon,
  threads: number,
  embed: (
    encoder: Encoder,
    contents: readonly Content[],
    options: { readonly submodel: string; readonly signal: AbortSignal },
  ) => Promise<Float32Array[]>,
): Promise<OpenEncoder<Content>> {
  const encoder = await Encoder.open(folder, addon, threads);
  const identity = await identityOf(folder);
  const { embeddingSize, prefixes } = encoder.config;
  const width = ({ widths }: { readonly widths: readonly number[] }) => widths.reduce((sum, one) => sum + one, 0);
  return {
    embedder: {
      identity,
      dimensions: embeddingSize,
      submodels: encoder
        .submodels()
        .sort((a, b) => width(a) - width(b))
        .map(({ name }) => name),
      embed: async (contents, submodel, signal) => {
        const rows = await embed(encoder, contents, { submodel, signal });
        const all = new Float32Array(rows.length * embeddingSize);
        rows.forEach((row, i) => {
          all.set(row, i * embeddingSize);
        });
        return all;
      },
    },
    vectors: () => new addon.VectorIndex(embeddingSize, Int32Array.from(prefixes)),
    dispose: () => {
      encoder.dispose();
    },
  };
}

/** Of all that decides about vectors: weights of the same shape may come from another training. */
async function identityOf(folder: string): Promise<string> {
  const hash = createHash('sha256');
  for (const file of FILES) {
    try {
      for await (const bytes of createReadStream(join(folder, file))) hash.update(bytes as Uint8Array);
    } catch (error) {
      // An encoder of pictures has no tokenizer.
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    }
    hash.update('\0');
  }
  return hash.digest('base64url');
}
