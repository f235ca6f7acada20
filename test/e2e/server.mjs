import { spawn } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';
import { Fault } from '../../scripts/lib/run.mjs';
import { node } from './install.mjs';
import { codeServerArguments, codeServerEnvironment } from './profile.mjs';

const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'];
const startMs = 30_000;
const stopMs = 5_000;

/**
 * Starts code-server on this machine's loopback address, in a process group of its own.
 *
 * @param {ReturnType<import('./profile.mjs').createProfile>} profile
 * @param {{port?: number, trusted?: boolean}} options port 0 takes a free one; trusted false leaves workspace trust on
 * @returns {Promise<{url: string, exited: Promise<number>, stop: () => Promise<void>, output: () => string}>}
 */
export async function startServer(profile, { port = 0, trusted = true } = {}) {
  const args = [...codeServerArguments(profile), '--auth', 'none', '--bind-addr', `127.0.0.1:${port}`];
  args.push('--disable-getting-started-override', ...(trusted ? ['--disable-workspace-trust'] : []));
  const child = spawn(node, args, {
    env: codeServerEnvironment(profile),
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe'],
  });

  let output = '';
  const signal = (name) => {
    try {
      process.kill(-child.pid, name);
      return true;
    } catch {
      return false; // the group is gone
    }
  };
  // The server never outlives this process.
  const atExit = () => signal('SIGKILL');
  process.once('exit', atExit);
  // A signal ends a process without that event, unless somebody listens.
  const onSignal = () => process.exit(130);
  for (const name of signals) process.once(name, onSignal);
  const exited = new Promise((resolve) => child.once('exit', (code) => resolve(code ?? 0)));

  async function stop() {
    signal('SIGTERM');
    const deadline = Date.now() + stopMs;
    while (signal(0) && Date.now() < deadline) await sleep(50);
    signal('SIGKILL');
    process.off('exit', atExit);
    for (const name of signals) process.off(name, onSignal);
  }

  const url = await new Promise((resolve, reject) => {
    const fail = (why) => reject(new Fault(`code-server ${why}. It printed:\n${output.trimEnd()}`));
    const timer = setTimeout(() => fail(`printed no address within ${startMs / 1000} s`), startMs);
    child.once('error', (error) => fail(`did not start: ${error.message}`));
    exited.then((code) => fail(`ended with code ${code}`));
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding('utf8').on('data', (text) => {
        output = (output + text).slice(-100_000);
        const listening = /HTTP server listening on (http:\/\/[\d.:]+)/.exec(output);
        if (!listening) return;
        clearTimeout(timer);
        resolve(listening[1]);
      });
    }
  }).catch(async (error) => {
    await stop();
    throw error;
  });

  return { url, exited, stop, output: () => output };
}
