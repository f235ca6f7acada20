/** An imported model on the user's own files: its prompt, the gate of its memory, and how well it predicts. */
import { join } from 'node:path';
import { SCORE_COLUMNS } from '../engine/addon';
import { LocalEngine, openMemory } from '../engine/native';
import type { Checkpoint } from '../matlm/checkpoint';
import type { MemoryGate } from '../matlm/config';
import { isObject } from '../matlm/json';
import type { PromptFormat } from '../matlm/promptFormat';
import { submodelOf } from '../matlm/submodel';
import { bitsWith, fitGate } from './fitGate';
import { type HeldOut, heldOutOf, type SampleFile } from './heldOut';
import { readJson, RECORD_FILE, writeJson } from './importRecord';
import { bitsPerByte, type Speaker } from './likelihood';
import { type FormatDecision, measureFormat } from './measureFormat';
import { joined, memoryRowsOf, type PlaceRows, rememberAll } from './memoryRows';

export interface MeasureModelOptions {
  /** The folder that holds the addon. */
  readonly root: string;
  readonly threads?: number;
  readonly signal?: AbortSignal;
  readonly onProgress?: (share: number) => void;
  /** Milliseconds that all of it may take, about. */
  readonly budgetMs?: number;
  readonly now?: () => number;
}

/** What was measured, in bits per byte of the same middles. */
export interface ModelOnTexts {
  readonly decision: FormatDecision;
  /** The gate of the memory to use; undefined if there is none. */
  readonly gate: MemoryGate | undefined;
  /** Whether the gate was moved by these texts. */
  readonly isFitted: boolean;
  /** The middles that were measured. Another model is compared on these. */
  readonly places: readonly HeldOut[];
  readonly own: number;
  /** Each middle by a gate that was fitted without its part of the files. */
  readonly withMemory: number | undefined;
  readonly textBytes: number;
}

const BUDGET_MS = 60_000;
const MOST_PLACES = 160;
/** Of the time, for the prompt. The rest is for the memory. */
const SHARE_FOR_FORMAT = 0.6;
/** More text would hardly be looked into. */
const MOST_REMEMBERED_CHARS = 4_000_000;
/** Parts of the files, each of which a gate is tested on that was fitted on the others. */
const FOLDS = 3;
/** Fewer rows would fit noise. */
const LEAST_ROWS = 1500;

/**
 * Measure a model in about a minute. Undefined if the files have no middle that fits into its context.
 * @param general the gate for a model that has none
 * @param candidates for its prompt, from `fimCandidates`
 * @throws the signal's reason if it was aborted
 */
export async function measureModel(
  checkpoint: Checkpoint,
  general: MemoryGate | undefined,
  candidates: readonly PromptFormat[],
  files: readonly SampleFile[],
  { root, threads = 0, signal, onProgress = () => undefined, budgetMs = BUDGET_MS, now = () => performance.now() }: MeasureModelOptions,
): Promise<ModelOnTexts | undefined> {
  const startMs = now();
  const withGate = { ...checkpoint, config: { ...checkpoint.config, gate: general } };
  const memory = openMemory(root, withGate);
  const engine = new LocalEngine(root, withGate, threads, memory);
  try {
    const all = heldOutOf(files, MOST_PLACES);
    const decision = await measureFormat(speakerOf(checkpoint, engine), candidates, all, {
      ...(signal && { signal }),
      budgetMs: SHARE_FOR_FORMAT * budgetMs,
      now,
      onProgress: (share) => {
        onProgress(SHARE_FOR_FORMAT * share);
      },
    });
    const speaker = { ...speakerOf(checkpoint, engine), prompt: decision.format };
    const places = all.slice(0, decision.places);
    if (!memory || !general) {
      const { perByte, bytes } = await bitsPerByte(speaker, places, signal);
      if (bytes === 0) return undefined;
      return { decision, gate: undefined, isFitted: false, places, own: perByte, withMemory: undefined, textBytes: bytes };
    }
    const known = withinChars(files, MOST_REMEMBERED_CHARS);
    await rememberAll(memory, speaker, known);
    const rows: PlaceRows[] = [];
    const measured: HeldOut[] = [];
    for (const place of places) {
      if (rows.length > 0 && now() - startMs > budgetMs) break;
      signal?.throwIfAborted();
      const found = await memoryRowsOf({ ...speaker, scorer: engine }, known, place, signal);
      if (!found) continue;
      rows.push(found);
      measured.push(place);
      onProgress(SHARE_FOR_FORMAT + 0.9 * (1 - SHARE_FOR_FORMAT) * (measured.length / places.length));
    }
    if (rows.length === 0) return undefined;
    const textBytes = rows.reduce((sum, { middleBytes }) => sum + middleBytes, 0);
    const own = bitsWith(joined(rows.map(({ middle }) => middle)), undefined) / textBytes;
    const fitted = await fittedGate(rows, general, signal);
    onProgress(1);
    return { decision, ...fitted, places: measured, own, withMemory: fitted.bits / textBytes, textBytes };
  } finally {
    engine.dispose();
  }
}

/** The general gate, or one that was moved by the rows if that helps on files that it was not fitted on. */
async function fittedGate(
  rows: readonly PlaceRows[],
  general: MemoryGate,
  signal: AbortSignal | undefined,
): Promise<{ gate: MemoryGate; isFitted: boolean; bits: number }> {
  const turn = () =>
    new Promise<void>((resolve, reject) => {
      setImmediate(() => {
        if (signal?.aborted) reject(signal.reason as Error);
        else resolve();
      });
    });
  const bitsOf = (some: readonly PlaceRows[], gate: MemoryGate) =>
    bitsWith(joined(some.map(({ middle }) => middle)), gate);
  const fit = (some: readonly PlaceRows[]) => fitGate(joined(some.map(({ all }) => all)), general, turn);
  const generalBits = bitsOf(rows, general);
  const paths = [...new Set(rows.map(({ path }) => path))];
  const count = rows.reduce((sum, { all }) => sum + all.length / SCORE_COLUMNS, 0);
  if (paths.length < FOLDS || count < LEAST_ROWS) return { gate: general, isFitted: false, bits: generalBits };
  let bits = 0;
  for (let fold = 0; fold < FOLDS; fold++) {
    const isHeld = ({ path }: PlaceRows) => paths.indexOf(path) % FOLDS === fold;
    const gate = await fit(rows.filter((row) => !isHeld(row)));
    bits += bitsOf(rows.filter(isHeld), gate);
  }
  if (bits >= generalBits) return { gate: general, isFitted: false, bits: generalBits };
  return { gate: await fit(rows), isFitted: true, bits };
}

/** The full model, with the prompt of its checkpoint. */
export function speakerOf({ tokenizer, prompt, config }: Checkpoint, scorer: LocalEngine): Speaker {
  const { widths } = submodelOf(config, 'XL');
  return { tokenizer, prompt, scorer, widths, contextLength: config.model.contextLength };
}

/** The first files that fit. */
function withinChars(files: readonly SampleFile[], chars: number): readonly SampleFile[] {
  let left = chars;
  return files.filter(({ text }) => (left -= text.length) >= 0);
}

/**
 * Store the prompt and the gate in the model's config.json, so that every engine that opens it uses them, and the figures
 * behind them in its record.
 * @throws if it cannot be written
 */
export async function storeMeasured(folder: string, found: ModelOnTexts): Promise<void> {
  const configFile = join(folder, 'config.json');
  const config = await readObject(configFile);
  const [matcoder, matformer] = [config.matcoder, config.matformer].map((value) => (isObject(value) ? value : {}));
  await writeJson(configFile, {
    ...config,
    matcoder: { ...matcoder, prompt: found.decision.format },
    ...(found.gate && { matformer: { ...matformer, memory: found.gate } }),
  });
  const recordFile = join(folder, RECORD_FILE);
  const round = (value: number) => Number(value.toPrecision(5));
  await writeJson(recordFile, {
    ...(await readObject(recordFile)),
    measured: {
      bytes: found.textBytes,
      files: new Set(found.places.map(({ excerpt }) => excerpt.path)).size,
      bitsPerByte: {
        own: round(found.own),
        ...(found.withMemory !== undefined && { withMemory: round(found.withMemory) }),
        formats: found.decision.measured.map(({ format: { order, hasHeader }, perByte, bytes }) => ({
          order,
          hasHeader,
          bytes,
          bitsPerByte: Number.isFinite(perByte) ? round(perByte) : null,
        })),
      },
      isGateFitted: found.isFitted,
    },
  });
}

async function readObject(file: string): Promise<Record<string, unknown>> {
  const json = await readJson(file);
  return isObject(json) ? json : {};
}
