import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, statSync, writeFileSync } from 'node:fs';
import { arch, cpus, homedir, platform, release } from 'node:os';
import { dirname, join } from 'node:path';
import type { Cost } from '../matlm/submodel';
import type { Backend } from './engine';

/** A backend that computed what the reference did. */
export interface Kept {
  readonly backend: Backend;
  readonly kept: true;
  /** Tokens it reads at once. */
  readonly prefillTokens: number;
  /** Of its logits against the reference's: root mean square over their spread. */
  readonly error: number;
  /** By size. */
  readonly costs: Readonly<Record<string, Cost>>;
}

export interface Rejected {
  readonly backend: Backend;
  readonly kept: false;
  readonly reason: string;
}

/** What the probe found on this machine for one checkpoint. */
export interface HardwareReport {
  /** Graphics cards, their drivers and all else that the findings hold for. */
  readonly machine: string;
  readonly findings: readonly (Kept | Rejected)[];
  /** A probe was begun and has not ended yet, or never will: it may have taken the machine down. */
  readonly unfinished?: true;
}

/** Another backend takes the native engine's place only where it is clearly quicker. */
const CLEARLY_QUICKER = 1.2;

/** A typical request: a line's worth of new prompt, and of text. */
const TYPICAL = { promptTokens: 24, newTokens: 12 };

/** Milliseconds of a typical request to the full model. */
export function typicalMs({ costs }: Kept): number {
  const { prefillMsPerToken, decodeMsPerToken } = costs.XL ?? {
    prefillMsPerToken: Infinity,
    decodeMsPerToken: Infinity,
  };
  return TYPICAL.promptTokens * prefillMsPerToken + TYPICAL.newTokens * decodeMsPerToken;
}

/** The kept backends, the one to use first: the quickest for the full model, and the native engine where it is close. */
export function inOrder(report: HardwareReport): Kept[] {
  const kept = report.findings.filter((finding) => finding.kept);
  const handicap = ({ backend }: Kept) => (backend === 'native' ? 1 : CLEARLY_QUICKER);
  return kept.sort((a, b) => typicalMs(a) * handicap(a) - typicalMs(b) * handicap(b));
}

/**
 * What findings hold for: processor, system, graphics cards with their drivers, our version and the checkpoint.
 * @param root the folder of the installation
 */
export function machineOf(root: string, weightsFile: string): string {
  const { size, mtimeMs } = statSync(weightsFile);
  const readVersion = () =>
    (JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { version: string }).version;
  const version = attempt(readVersion) ?? 'of no known version';
  const parts = [`${platform()}-${arch()} ${release()}`, cpus()[0]?.model ?? '', ...graphics()];
  return [...parts, `matcoder ${version}`, `${weightsFile} ${size} ${Math.round(mtimeMs)}`].join('; ');
}

/** Graphics cards by PCI id and driver, and the Vulkan drivers that are installed. On Linux; elsewhere the system's release stands for them. */
function graphics(): string[] {
  if (platform() !== 'linux') return [];
  const read = (file: string) => attempt(() => readFileSync(file, 'utf8').trim()) ?? '';
  const cards = (attempt(() => readdirSync('/sys/class/drm')) ?? [])
    .filter((name) => /^card\d+$/.test(name))
    .map((name) => {
      const device = join('/sys/class/drm', name, 'device');
      const driver = /^DRIVER=(.*)$/m.exec(read(join(device, 'uevent')))?.[1] ?? '';
      const version = read(join('/sys/module', driver, 'version'));
      return `card ${read(join(device, 'vendor'))}:${read(join(device, 'device'))} ${driver} ${version}`.trim();
    });
  const folder = '/usr/share/vulkan/icd.d';
  const drivers = (attempt(() => readdirSync(folder)) ?? []).map(
    (name) => `${name} ${Math.round(attempt(() => statSync(join(folder, name)).mtimeMs) ?? 0)}`,
  );
  const named = [process.env.VK_DRIVER_FILES, process.env.VK_ICD_FILENAMES].filter((value) => value !== undefined);
  return [...cards, ...drivers, ...named];
}

/** What a driver of a graphics card puts there: of any vendor, NVIDIA's own, AMD's for computing, and Windows' under WSL. */
const DEVICES = ['dev/dri', 'dev/nvidiactl', 'dev/kfd', 'dev/dxg'];

/**
 * Why no graphics card can run anything here, as far as it shows without a driver; undefined where one may. A Vulkan
 * driver that the environment names is taken at its word.
 * @param root the folder that holds `dev`
 */
export function whyNoGpu(root = '/', env = process.env, system = platform()): string | undefined {
  if (system !== 'linux' || env.VK_DRIVER_FILES || env.VK_ICD_FILENAMES) return undefined;
  if (DEVICES.some((device) => existsSync(join(root, device)))) return undefined;
  return `there is no graphics card: none of ${DEVICES.map((device) => `/${device}`).join(', ')} exists`;
}

/** The file that keeps reports from one start to the next, in the user's folder for what can be made anew. */
export function hardwareFile(): string {
  const folders: Partial<Record<NodeJS.Platform, string | undefined>> = {
    win32: process.env.LOCALAPPDATA,
    darwin: join(homedir(), 'Library', 'Caches'),
  };
  const folder = process.env.XDG_CACHE_HOME ?? folders[platform()] ?? join(homedir(), '.cache');
  return join(folder, 'matcoder', 'hardware.json');
}

/** The stored report for a machine; undefined where there is none, or none that can be read. */
export function readReport(file: string, machine: string): HardwareReport | undefined {
  return attempt(() => (JSON.parse(readFileSync(file, 'utf8')) as Record<string, HardwareReport>)[keyOf(machine)]);
}

/** Store a report beside those of other machines and checkpoints, the latest few. @throws where it cannot be written */
export function writeReport(file: string, report: HardwareReport): void {
  rewrite(file, report.machine, [[keyOf(report.machine), report]]);
}

/** Store none for a machine. @throws where the file cannot be written */
export function forgetReport(file: string, machine: string): void {
  rewrite(file, machine, []);
}

/** Replaces what the file has of one machine. */
function rewrite(file: string, machine: string, entries: [string, HardwareReport][]): void {
  const stored = attempt(() => JSON.parse(readFileSync(file, 'utf8')) as Record<string, HardwareReport>) ?? {};
  const others = Object.entries(stored).filter(([key]) => key !== keyOf(machine));
  mkdirSync(dirname(file), { recursive: true });
  const draft = `${file}.${process.pid}`;
  writeFileSync(draft, JSON.stringify(Object.fromEntries([...others.slice(-7), ...entries]), null, 2));
  renameSync(draft, file);
}

function keyOf(machine: string): string {
  return createHash('sha256').update(machine).digest('hex').slice(0, 16);
}

function attempt<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch {
    return undefined;
  }
}
