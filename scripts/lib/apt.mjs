import { existsSync } from 'node:fs';
import { must } from './run.mjs';

/** Whether this process may install packages of the system. */
export function canInstallPackages() {
  return existsSync('/etc/debian_version') && process.getuid?.() === 0;
}

/**
 * Installs packages of Debian.
 *
 * @param {string[]} packages
 * @param {string} advice the remedy if this fails
 */
export async function installPackages(packages, advice) {
  console.log(`Installing ${packages.join(' and ')} with apt-get ...`);
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
  // Another process may hold the lock of apt for a while.
  const apt = (...args) => must('apt-get', ['-qq', '-o', 'DPkg::Lock::Timeout=400', ...args], { env, advice });
  await apt('update');
  await apt('install', '-y', '--no-install-recommends', ...packages);
}

/** The same for tools that a test can do without: if they cannot be installed, a line says so and the test skips. */
export async function tryInstallPackages(packages, consequence) {
  if (!canInstallPackages()) return;
  try {
    await installPackages(packages, '');
  } catch (error) {
    console.error(`${error.message}\n${consequence}`);
  }
}
