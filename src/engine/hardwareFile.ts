/** The file that keeps hardware reports from one start to the next. It is a cache: if anything is wrong with it, it is rewritten. */
import { createHash } from 'node:crypto';
import { mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { homedir, platform } from 'node:os';
import { dirname, join } from 'node:path';
import { isObject } from '../matlm/json';
import type { Cost, GpuPrefill } from '../matlm/submodel';
import { BACKENDS } from './engine';
import type { HardwareReport, Kept, Rejected } from './hardware';

/** Reports of other machines and checkpoints that are kept. */
const MAX_OTHERS = 7;

/** In the user's cache folder. */
export function hardwareFile(): string {
  const folders: Partial<Record<NodeJS.Platform, string | undefined>> = {
    win32: process.env.LOCALAPPDATA,
    darwin: join(homedir(), 'Library', 'Caches'),
  };
  // An empty variable counts as none: https://specifications.freedesktop.org/basedir-spec
  const named = process.env.XDG_CACHE_HOME === '' ? undefined : process.env.XDG_CACHE_HOME;
  const folder = named ?? folders[platform()] ?? join(homedir(), '.cache');
  return join(folder, 'matcoder', 'hardware.json');
}

/** The entry for a machine: a report, nothing, or an entry that is ignored because of a fault. */
export interface StoredReport {
  readonly report?: HardwareReport;
  /** One line that names the file, for the log. */
  readonly fault?: string;
}

/** Never throws: a file that cannot be used counts as none. */
export function readStored(file: string, machine: string): StoredReport {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    return code === 'ENOENT' || code === 'ENOTDIR'
      ? {}
      : { fault: `${file} is ignored: it cannot be read (${String(code)})` };
  }
  let entries: unknown;
  try {
    entries = JSON.parse(text);
  } catch {
    entries = undefined;
  }
  if (!isObject(entries)) return { fault: `${file} is ignored: it is not a JSON object; the next probe rewrites it` };
  const key = keyOf(machine);
  if (!Object.hasOwn(entries, key)) return {};
  const report = parseReport(entries[key]);
  return report
    ? { report }
    : { fault: `the entry ${key} of ${file} is ignored: it is not a hardware report; the next probe rewrites it` };
}

/** The stored report for a machine, undefined if there is none that can be used. */
export function readReport(file: string, machine: string): HardwareReport | undefined {
  return readStored(file, machine).report;
}

/** Store a report next to the latest few of other machines and checkpoints. @throws if it cannot be written */
export function writeReport(file: string, report: HardwareReport): void {
  rewrite(file, report.machine, [[keyOf(report.machine), report]]);
}

/** Store no report for a machine. Never throws: if the file cannot be rewritten, it is removed. */
export function forgetReport(file: string, machine: string): void {
  try {
    rewrite(file, machine, []);
  } catch {
    remove(file);
  }
}

/** Replaces the report of one machine, and drops entries that are not reports. */
function rewrite(file: string, machine: string, entries: [string, HardwareReport][]): void {
  const others = storedReports(file).filter(([key]) => key !== keyOf(machine));
  mkdirSync(dirname(file), { recursive: true });
  const draft = `${file}.${process.pid}`;
  try {
    writeFileSync(draft, JSON.stringify(Object.fromEntries([...others.slice(-MAX_OTHERS), ...entries]), null, 2));
    renameSync(draft, file);
  } catch (error) {
    remove(draft);
    throw error;
  }
}

function storedReports(file: string): [string, HardwareReport][] {
  let stored: unknown;
  try {
    stored = JSON.parse(readFileSync(file, 'utf8'));
  } catch {
    return [];
  }
  return Object.entries(isObject(stored) ? stored : {}).flatMap(([key, value]): [string, HardwareReport][] => {
    const report = parseReport(value);
    return report ? [[key, report]] : [];
  });
}

/** The report that JSON describes; undefined if it does not describe one. */
function parseReport(json: unknown): HardwareReport | undefined {
  if (!isObject(json) || typeof json.machine !== 'string' || !Array.isArray(json.findings)) return undefined;
  if (json.unfinished !== undefined && json.unfinished !== true) return undefined;
  const findings = json.findings.map(parseFinding);
  if (!findings.every((finding) => finding !== undefined)) return undefined;
  return { machine: json.machine, findings, ...(json.unfinished ? { unfinished: true } : {}) };
}

function parseFinding(json: unknown): Kept | Rejected | undefined {
  if (!isObject(json)) return undefined;
  const { kept, reason, error, costs } = json;
  const backend = BACKENDS.find((name) => name === json.backend);
  if (!backend) return undefined;
  if (kept === false) return typeof reason === 'string' ? { backend, kept, reason } : undefined;
  if (kept !== true || !isNonNegative(error) || !isObject(costs)) return undefined;
  const named = Object.entries(costs);
  if (!named.every((entry): entry is [string, Cost] => isCost(entry[1]))) return undefined;
  return { backend, kept, error, costs: Object.fromEntries(named) };
}

function isCost(json: unknown): json is Cost {
  if (!isObject(json) || !isNonNegative(json.prefillMsPerToken) || !isNonNegative(json.decodeMsPerToken)) return false;
  return json.gpuPrefill === undefined || isGpuPrefill(json.gpuPrefill);
}

function isGpuPrefill(json: unknown): json is GpuPrefill {
  return isObject(json) && isNonNegative(json.startMs) && isNonNegative(json.msPerToken);
}

function isNonNegative(json: unknown): json is number {
  return typeof json === 'number' && json >= 0 && json < Infinity;
}

function keyOf(machine: string): string {
  return createHash('sha256').update(machine).digest('hex').slice(0, 16);
}

function remove(file: string): void {
  try {
    rmSync(file, { force: true });
  } catch {
    // A file that cannot be removed is ignored when it is read.
  }
}
