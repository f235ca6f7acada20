import { execFile } from 'node:child_process';
import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { temporaryFolder } from '../temporary';
import { ROOT } from './harness';

/** Chromium's software driver, as Debian installs it, with the Vulkan loader beside it. */
const CHROMIUM = '/usr/lib/chromium';
const DRIVER = join(CHROMIUM, 'vk_swiftshader_icd.json');
const CAN_RUN = process.platform === 'linux' && existsSync(DRIVER) && existsSync(join(CHROMIUM, 'libvulkan.so.1'));

/** The loader's variables are read when a process starts, so each test has one of its own. */
export const SOFTWARE = { ...process.env, VK_ICD_FILENAMES: DRIVER, LD_LIBRARY_PATH: CHROMIUM };

/** Variables with which no card is found. */
export const WITHOUT_DRIVER = { ...process.env, VK_ICD_FILENAMES: '/nowhere.json', VK_DRIVER_FILES: '/nowhere.json' };

/** Skips a test, or all of a suite in its `before`, if the software driver is missing. */
export function needSoftwareGpu(context: Mocha.Context): void {
  if (CAN_RUN) return;
  console.log(`      skipped: ${DRIVER} and a Vulkan loader are not there; Debian's package chromium brings both`);
  context.skip();
}

/**
 * Runs the body of an async function in TypeScript in a process that has the software driver, and returns its result.
 * @param imports what it uses, by the path from the root of this project
 */
export async function inProcess(
  imports: Readonly<Record<string, string>>,
  body: string,
  env: NodeJS.ProcessEnv = SOFTWARE,
): Promise<unknown> {
  const file = join(temporaryFolder(), 'body.ts');
  const lines = Object.entries(imports).map(
    ([path, names]) => `import { ${names} } from ${JSON.stringify(join(ROOT, path))};`,
  );
  writeFileSync(
    file,
    `${lines.join('\n')}
     async function main() { ${body} }
     main().then((answer) => { console.log(JSON.stringify(answer)); process.exit(0); },
                 (error) => { console.error(error); process.exit(1); });`,
  );
  const args = ['--import', 'tsx', file];
  const { stdout } = await promisify(execFile)(process.execPath, args, { cwd: ROOT, env });
  return JSON.parse(stdout);
}
