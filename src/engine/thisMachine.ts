import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { arch, cpus, platform, release } from 'node:os';
import { join } from 'node:path';

/**
 * The machine that the findings of a probe hold for: processor, system, GPUs with their drivers, our version and the checkpoint.
 * @param root the folder of the installation
 */
export function machineOf(root: string, weightsFile: string): string {
  const { size, mtimeMs } = statSync(weightsFile);
  const readVersion = () =>
    (JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { version: string }).version;
  const version = attempt(readVersion) ?? 'of unknown version';
  const parts = [`${platform()}-${arch()} ${release()}`, cpus()[0]?.model ?? '', ...gpus()];
  return [...parts, `matcoder ${version}`, `${weightsFile} ${size} ${Math.round(mtimeMs)}`].join('; ');
}

/**
 * On Linux, GPUs by PCI id and driver, and the Vulkan drivers that are installed. On other systems the release of the
 * system changes with the drivers.
 */
function gpus(): string[] {
  if (platform() !== 'linux') return [];
  const read = (file: string) => attempt(() => readFileSync(file, 'utf8').trim()) ?? '';
  const devices = (attempt(() => readdirSync('/sys/class/drm')) ?? [])
    .filter((name) => /^card\d+$/.test(name))
    .map((name) => {
      const device = join('/sys/class/drm', name, 'device');
      const driver = /^DRIVER=(.*)$/m.exec(read(join(device, 'uevent')))?.[1] ?? '';
      const version = read(join('/sys/module', driver, 'version'));
      return `GPU ${read(join(device, 'vendor'))}:${read(join(device, 'device'))} ${driver} ${version}`.trim();
    });
  const folder = '/usr/share/vulkan/icd.d';
  const drivers = (attempt(() => readdirSync(folder)) ?? []).map(
    (name) => `${name} ${Math.round(attempt(() => statSync(join(folder, name)).mtimeMs) ?? 0)}`,
  );
  const named = [process.env.VK_DRIVER_FILES, process.env.VK_ICD_FILENAMES].filter((value) => value !== undefined);
  return [...devices, ...drivers, ...named];
}

/** Devices that GPU drivers create: any vendor's, NVIDIA's, AMD's for computing, and Windows' in WSL. */
const DEVICES = ['dev/dri', 'dev/nvidiactl', 'dev/kfd', 'dev/dxg'];

/**
 * Why no GPU can be used here, as far as is known without a driver; undefined if one may be usable. A Vulkan driver
 * that the environment names is assumed to work.
 * @param root the folder that holds `dev`
 */
export function whyNoGpu(root = '/', env = process.env, system = platform()): string | undefined {
  if (system !== 'linux' || env.VK_DRIVER_FILES || env.VK_ICD_FILENAMES) return undefined;
  if (DEVICES.some((device) => existsSync(join(root, device)))) return undefined;
  return `there is no GPU: none of ${DEVICES.map((device) => `/${device}`).join(', ')} exists`;
}

function attempt<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch {
    return undefined;
  }
}
