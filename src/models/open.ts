import { readdir, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { unreadable } from '../matlm/systemFault';
import { openFolder } from './folderSource';
import { openGguf } from './ggufSource';
import { ImportError, importErrorOf } from './importError';
import type { Source } from './source';

const CHOOSE = 'Choose a GGUF file, or a folder with config.json, tokenizer.json and model.safetensors.';

/**
 * Open a model that is on the disk: a GGUF file, or a Hugging Face folder. A safetensors file and a config.json stand for their
 * folder, and a folder with one GGUF file stands for that.
 * @throws {ImportError} naming the file, the fault and what to do
 */
export async function openSource(path: string): Promise<Source> {
  const entry = await stat(path).catch((error: unknown) => {
    throw importErrorOf(unreadable(path, error, CHOOSE));
  });
  if (entry.isDirectory()) return openAnyFolder(path);
  const name = basename(path).toLowerCase();
  if (name.endsWith('.gguf')) return openGguf(path);
  if (name.endsWith('.safetensors') || name === 'config.json' || name === 'model.safetensors.index.json')
    return openFolder(dirname(path));
  throw new ImportError(path, 'it is neither a GGUF file nor a part of a Hugging Face folder', CHOOSE);
}

async function openAnyFolder(folder: string): Promise<Source> {
  const names = await readdir(folder).catch((error: unknown) => {
    throw importErrorOf(unreadable(folder, error, CHOOSE));
  });
  if (names.includes('config.json')) return openFolder(folder);
  const [gguf, ...others] = names.filter((name) => name.toLowerCase().endsWith('.gguf'));
  if (gguf === undefined) throw new ImportError(folder, 'there is neither a config.json nor a GGUF file in it', CHOOSE);
  if (others.length > 0)
    throw new ImportError(folder, `it has ${others.length + 1} GGUF files`, 'Choose one of the files in it.');
  return openGguf(join(folder, gguf));
}
