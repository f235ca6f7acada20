import { cpSync, mkdirSync, mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { root } from '../../scripts/lib/run.mjs';
import { packagedExtension } from '../../scripts/lib/vsix.mjs';
import { openBrowser } from './browser.mjs';
import { Editor } from './editor.mjs';
import { ExtensionLog } from './log.mjs';
import { createProfile, installExtension, readSetting, readSettings, removeProfile } from './profile.mjs';
import { startServer } from './server.mjs';

/** Settings under which a test sees only its own effects. */
const still = {
  'editor.hover.delay': 200,
  'editor.parameterHints.enabled': false,
  'editor.quickSuggestions': { other: 'off', comments: 'off', strings: 'off' }, // its list would hide ghost text
  'editor.suggestOnTriggerCharacters': false,
  'editor.minimap.enabled': false,
  'files.autoSave': 'off',
  'git.enabled': false,
  'typescript.validate.enable': false, // no red lines under unfinished code
  'window.restoreWindows': 'none',
  'workbench.editor.useModal': 'off', // settings open in a tab as other files do
  'workbench.reduceMotion': 'on', // else a screenshot catches a list half faded in
};

/**
 * The settings that a suggestion depends on: on a busy machine Auto takes another size, or none, and the eagerness
 * decides which suggestions are confident enough. Tests of suggestions pin all three.
 */
export const pinned = {
  'matcoder.submodel': 'S',
  'matcoder.eagerness': 'eager',
  'matcoder.latencyBudget': 10_000,
};

let vsix;

/**
 * Opens a copy of the example project in a VS Code of its own, with the packaged extension installed.
 * $MATCODER_VSIX names a package to test as it is; otherwise the working tree is built and packaged.
 *
 * @param {{settings?: object, machineSettings?: object, trusted?: boolean, hasFolder?: boolean, address?: string,
 *   isNewUser?: boolean, language?: string, prepare?: (profile: object) => unknown}} options `hasFolder` false opens a window
 *   without a folder; `address` is that of another folder with the same files; a new user has VS Code's own settings apart
 *   from `settings`; `language` is the display language that VS Code tells its extensions; `prepare` changes what was
 *   installed before the window opens
 */
export async function openVSCode({
  settings = {},
  machineSettings = {},
  trusted = true,
  hasFolder = true,
  address = undefined,
  isNewUser = false,
  language,
  prepare = () => {},
} = {}) {
  vsix ??= process.env.MATCODER_VSIX ?? (await packagedExtension());
  const folder = mkdtempSync(join(tmpdir(), 'matcoder-e2e-'));
  const workspace = join(folder, 'examples');
  cpSync(join(root, 'examples'), workspace, { recursive: true });
  const profile = createProfile(join(folder, 'profile'), {
    settings: { ...(isNewUser ? {} : still), 'security.workspace.trust.enabled': !trusted, ...settings },
    machineSettings,
    isNewUser,
  });

  const opened = { workspace, profile, log: new ExtensionLog(profile) };
  opened.setting = (name) => readSetting(profile, name);
  opened.settings = () => readSettings(profile);
  opened.close = async () => {
    await opened.browser?.close();
    await opened.server?.stop();
    removeProfile({ folder });
  };
  try {
    opened.installedFromMs = performance.now();
    await installExtension(profile, vsix);
    await prepare(profile);
    opened.server = await startServer(profile, { trusted });
    opened.browser = await openBrowser(join(folder, 'browser'), { language });
    opened.editor = new Editor(opened.browser.page, workspace, hasFolder ? (address ?? workspace) : undefined);
    await opened.editor.openWindow(opened.server.url);
    return opened;
  } catch (error) {
    await keepEvidence(opened, 'opening VS Code');
    await opened.close();
    throw error;
  }
}

/** Saves a picture of the window and all logs to a folder that is kept, and prints its path. */
export async function keepEvidence({ browser, server, log }, title) {
  const folder = mkdtempSync(join(tmpdir(), 'matcoder-e2e-failure-'));
  mkdirSync(folder, { recursive: true });
  await browser?.page.screenshot({ path: join(folder, 'window.png') }).catch(() => {});
  writeFileSync(join(folder, 'matcoder.log'), log.text());
  writeFileSync(join(folder, 'browser.log'), browser?.console.join('\n') ?? '');
  writeFileSync(join(folder, 'server.log'), server?.output() ?? '');
  console.log(`    "${title}" failed: screenshot and logs are in ${folder}`);
}

/**
 * A group of tests about one window of VS Code, which opens before them and closes after them.
 *
 * @param {string} title
 * @param {Parameters<typeof openVSCode>[0] | (() => Parameters<typeof openVSCode>[0])} options
 * @param {(vscode: Awaited<ReturnType<typeof openVSCode>>) => void} body its argument is filled in before the first test
 */
export function describeVSCode(title, options, body) {
  describe(title, () => {
    const vscode = {};
    before('open VS Code', async function () {
      this.timeout(300_000); // it may have to be packaged first, and a window takes its time on a busy machine
      Object.assign(vscode, await openVSCode(typeof options === 'function' ? options() : options));
    });
    afterEach('keep evidence', async function () {
      if (this.currentTest.state !== 'failed') return;
      await keepEvidence(vscode, this.currentTest.title);
      await vscode.editor?.closeDialogs(); // else every later test of this window fails too
    });
    after('close VS Code', () => vscode.close?.());
    body(vscode);
  });
}
