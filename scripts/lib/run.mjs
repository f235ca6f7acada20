import { spawn } from 'node:child_process';
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The root of the repository. */
export const root = dirname(dirname(dirname(fileURLToPath(import.meta.url))));

/** A fault that the user can fix: its message is printed, its stack is not. */
export class Fault extends Error {}

/**
 * Runs a command to its end and returns all it printed, shown while it runs unless `quiet`.
 *
 * @param {string} command
 * @param {string[]} args
 * @param {{cwd?: string, env?: NodeJS.ProcessEnv, quiet?: boolean, timeoutMs?: number}} options
 * @returns {Promise<{code: number, output: string}>} code 127 if the command does not exist, 128 if a signal or the
 *   time limit ended it
 */
export function run(command, args, { cwd = root, env = process.env, quiet = false, timeoutMs = 0 } = {}) {
  return new Promise((resolve) => {
    // These are .cmd files on Windows, which only a shell runs.
    const shell = process.platform === 'win32' && ['npm', 'code'].includes(command);
    const quoted = shell ? args.map((word) => (/\s/.test(word) ? `"${word}"` : word)) : args;
    const child = spawn(command, quoted, { cwd, env, shell, stdio: ['ignore', 'pipe', 'pipe'], timeout: timeoutMs });
    let output = '';
    for (const [stream, terminal] of [
      [child.stdout, process.stdout],
      [child.stderr, process.stderr],
    ]) {
      stream.setEncoding('utf8').on('data', (text) => {
        output += text;
        if (!quiet) terminal.write(text);
      });
    }
    child.on('error', (error) => resolve({ code: 127, output: `${output}${error.message}\n` }));
    child.on('close', (code) => resolve({ code: code ?? 128, output }));
  });
}

/** Runs a command quietly and throws a Fault with the end of its output and the advice when it fails. */
export async function must(command, args, { advice = '', ...options } = {}) {
  const { code, output } = await run(command, args, { quiet: true, ...options });
  if (code === 0) return output;
  const tail = output.trimEnd().split('\n').slice(-30).join('\n');
  throw new Fault(`${command} ${args.join(' ')} failed with code ${code}:\n${tail}${advice ? `\n${advice}` : ''}`);
}

/** Runs a script's main function: a Fault ends it with its message and code 1. */
export async function main(body) {
  try {
    process.exitCode = (await body()) ?? 0;
  } catch (error) {
    console.error(error instanceof Fault ? `\n${error.message}` : error);
    process.exitCode = 1;
  }
}
