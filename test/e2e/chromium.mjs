import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';
import { canInstallPackages, installPackages } from '../../scripts/lib/apt.mjs';
import { Fault } from '../../scripts/lib/run.mjs';

/** Debian's packages of Chromium, with a font for its pages. */
export const chromiumPackages = ['chromium', 'fonts-dejavu-core'];

const names = ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable', 'microsoft-edge'];

function onPath() {
  const folders = (process.env.PATH ?? '').split(delimiter).filter(Boolean);
  return names.flatMap((name) => folders.map((folder) => join(folder, name))).find(isExecutable);
}

function isExecutable(path) {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/**
 * The executable of a Chromium: $CHROME_PATH, else one on the PATH, else Debian's, which is installed if that is allowed.
 *
 * @returns {Promise<string>}
 */
export async function chromium() {
  const chosen = process.env.CHROME_PATH;
  if (chosen) {
    if (!isExecutable(chosen)) throw new Fault(`CHROME_PATH is ${chosen}, which is no executable file.`);
    return chosen;
  }
  const found = onPath();
  if (found) return found;

  const advice = 'Install Chromium or Chrome, or set CHROME_PATH to its executable.';
  if (!canInstallPackages()) {
    throw new Fault(`No Chromium on the PATH (looked for ${names.join(', ')}). ${advice}`);
  }
  await installPackages(chromiumPackages, advice);
  const installed = onPath();
  if (!installed) throw new Fault(`apt-get installed chromium, but it is not on the PATH. ${advice}`);
  return installed;
}
