import { stat, statfs } from 'node:fs/promises';
import { dirname } from 'node:path';
import { loadAddon } from '../engine/loadAddon';
import { readMemory } from '../machine/memory';
import { openCheckpoint } from '../matlm/checkpoint';
import { parseObject } from '../matlm/json';
import { makeElastic } from './elastic/makeElastic';
import { bundledSample, isEnough } from './elastic/sampleText';
import { generalGate } from './generalGate';
import { importModel } from './import';
import type { Choice, Found } from './importProtocol';
import { pageOf } from './importRecord';
import { factsOf } from './inspect';
import { measureTask } from './measureTask';
import { openSource } from './open';
import { type Bits, defaultBits, planImport } from './plan';
import { promptOf } from './prompt';
import type { Work } from './serveTask';
import type { Source } from './source';
import { speedOf } from './speedOf';

/** What the import's process does. */
export const TASKS: Work = {
  inspect: ({ path, library }) => inspect(path, library),
  import: async ({ root, path, folder, name, bits }, onProgress) => {
    await importModel(path, folder, {
      addon: loadAddon(root),
      gate: await generalGate(root),
      name,
      bits,
      onProgress: ({ doneWeights, totalWeights }) => {
        onProgress(doneWeights / totalWeights);
      },
    });
    return undefined;
  },
  measure: measureTask,
  elastic: async ({ root, folder, texts, threads }, onProgress) => {
    const isUsers = isEnough(texts);
    const sample = isUsers ? 'user' : 'bundled';
    const made = await makeElastic(folder, isUsers ? texts : await bundledSample(root), { root, sample, threads, onProgress });
    return { sizes: Object.keys(made.sizes), unchanged: made.unchanged, sample };
  },
  speed: async ({ root, folder, threads, typical }) => speedOf(root, await openCheckpoint(folder), threads, typical),
};

async function inspect(path: string, library: string): Promise<Found> {
  const source = await openSource(path);
  const { name, family, parameters, quantisation, licence, page } = factsOf(
    source,
    planImport(source, defaultBits(source)),
  );
  const tokenizer = parseObject(path, await source.tokenizerText());
  return {
    ...{ name, family, parameters, quantisation, licence },
    page: pageOf(page),
    hasFim: promptOf(source, tokenizer).order !== 'none',
    choices: bitsOf(source).map((bits) => choiceOf(source, bits)),
    freeDiskBytes: await freeDiskBytes(library),
    freeMemoryBytes: readMemory().freeBytes,
  };
}

/** A file of mostly four bits has nothing that eight would keep. Of any other, eight keep more, and four are faster. */
function bitsOf(source: Source): readonly Bits[] {
  return defaultBits(source) === 4 ? [4] : [8, 4];
}

function choiceOf(source: Source, bits: Bits): Choice {
  const { needs, isExact } = factsOf(source, planImport(source, bits));
  const { diskBytes, weightBytes, usedBytes, seconds } = needs;
  return { bits, diskBytes, memoryBytes: usedBytes, bytesPerToken: weightBytes, isExact, seconds };
}

/** Of the disk on which a folder is, or would be. */
async function freeDiskBytes(folder: string): Promise<number> {
  const there = await stat(folder).catch(() => undefined);
  const parent = dirname(folder);
  if (!there && parent !== folder) return freeDiskBytes(parent);
  // A system that does not tell has to be tried.
  return statfs(folder).then(
    ({ bavail, bsize }) => bavail * bsize,
    () => Infinity,
  );
}
