import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { must } from '../../scripts/lib/run.mjs';
import { codeServer, node } from './install.mjs';

/** Settings without which VS Code would look for other machines. */
const offline = {
  'extensions.autoCheckUpdates': false,
  'extensions.autoUpdate': false,
  'telemetry.telemetryLevel': 'off',
  'typescript.disableAutomaticTypeAcquisition': true,
  'update.mode': 'none',
};

/** Settings that keep VS Code quiet and still: no welcome page, no walkthroughs, no animations. */
const quiet = {
  ...offline,
  'chat.disableAIFeatures': true,
  'security.workspace.trust.banner': 'never',
  'security.workspace.trust.startupPrompt': 'never',
  'workbench.secondarySideBar.defaultVisibility': 'hidden',
  'workbench.startupEditor': 'none',
  'workbench.tips.enabled': false,
};

/** The same for settings of scope "machine". */
const quietMachine = { 'workbench.welcomePage.walkthroughs.openOnInstall': false };

/**
 * A folder with everything that code-server reads and writes, apart from the user's own. Settings that are there
 * already stay as they are.
 *
 * @param {string} folder made if it is not there
 * @param {{settings?: object, machineSettings?: object, isNewUser?: boolean}} options settings of the user, and those of
 *   scope "machine", which VS Code reads from a file of their own when its server is remote, as code-server always is; a
 *   new user has VS Code's defaults
 */
export function createProfile(folder, { settings = {}, machineSettings = {}, isNewUser = false } = {}) {
  const profile = { folder, data: join(folder, 'data'), extensions: join(folder, 'extensions') };
  writeOnce(join(profile.data, 'User/settings.json'), { ...(isNewUser ? offline : quiet), ...settings });
  writeOnce(join(profile.data, 'Machine/settings.json'), { ...(isNewUser ? {} : quietMachine), ...machineSettings });
  mkdirSync(profile.extensions, { recursive: true });
  // Without a file of its own code-server would write one to the user's home, with a password in it.
  writeFileSync(join(folder, 'config.yaml'), 'auth: none\n');
  return profile;
}

/** A setting of the user as the file holds it now; undefined while it is not there, or being written. */
export function readSetting(profile, name) {
  try {
    return readSettings(profile)[name];
  } catch {
    return undefined;
  }
}

/** All settings of the user. Throws while the file is being written. */
export function readSettings({ data }) {
  return JSON.parse(readFileSync(join(data, 'User/settings.json'), 'utf8'));
}

export function removeProfile({ folder }) {
  rmSync(folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 200 });
}

function writeOnce(path, value) {
  if (existsSync(path)) return;
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, `${JSON.stringify(value, null, 2)}\n`);
}

/** The arguments that make code-server keep to the profile. */
export function codeServerArguments({ folder, data, extensions }) {
  const folders = ['--config', join(folder, 'config.yaml'), '--user-data-dir', data, '--extensions-dir', extensions];
  return [codeServer, ...folders, '--disable-telemetry', '--disable-update-check'];
}

/** The environment of code-server: a home of its own, no marketplace, and nothing of a VS Code around us. */
export function codeServerEnvironment({ folder }) {
  const inherited = Object.entries(process.env).filter(
    ([name]) => !/^(VSCODE_|CODE_SERVER_|PORT$|PASSWORD$|HASHED_PASSWORD$|NODE_OPTIONS$)/.test(name),
  );
  const home = join(folder, 'home');
  mkdirSync(home, { recursive: true });
  return {
    ...Object.fromEntries(inherited),
    HOME: home,
    XDG_CONFIG_HOME: join(home, '.config'),
    XDG_DATA_HOME: join(home, '.local/share'),
    XDG_CACHE_HOME: join(home, '.cache'),
    EXTENSIONS_GALLERY: '{}',
  };
}

/** Installs a packaged extension into the profile. About a second. */
export function installExtension(profile, vsix) {
  const args = [...codeServerArguments(profile), '--install-extension', vsix, '--force'];
  return must(node, args, { env: codeServerEnvironment(profile) });
}

/** The folder of the extension that is installed. */
export function installedExtension({ extensions }) {
  const name = readdirSync(extensions).find((entry) => entry.startsWith('matcoder.'));
  return join(extensions, name);
}
