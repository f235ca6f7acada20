// Build MatCoder, install it into a VS Code profile of its own, and open the sample project: `npm start`.
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { installCodeServer, unsupported } from '../test/e2e/install.mjs';
import { createProfile, installExtension } from '../test/e2e/profile.mjs';
import { startServer } from '../test/e2e/server.mjs';
import { Fault, main, must, root, run } from './lib/run.mjs';
import { hashOf, once } from './lib/stamp.mjs';
import { packagedExtension } from './lib/vsix.mjs';

const examples = join(root, 'examples');
const usage = `npm start [-- OPTIONS]

  --port N     the port of code-server; without it, a free one
  --no-open    prepare everything and start code-server, but open no window
  --browser    code-server, even if the desktop's VS Code is on the PATH
  --help       print this`;

function options() {
  try {
    const { values } = parseArgs({
      options: {
        port: { type: 'string', default: '0' },
        'no-open': { type: 'boolean', default: false },
        browser: { type: 'boolean', default: false },
        help: { type: 'boolean', default: false },
      },
    });
    const port = Number(values.port);
    if (!Number.isInteger(port) || port < 0 || port > 65535)
      throw new Error(`--port ${values.port} is not a port number`);
    return { ...values, port, open: !values['no-open'] };
  } catch (error) {
    throw new Fault(`${error.message}\n\n${usage}`);
  }
}

const isRemote = Boolean(process.env.VSCODE_IPC_HOOK_CLI || process.env.VSCODE_CLIENT_COMMAND);

/**
 * Whether `code` starts the desktop's VS Code. Inside code-server and similar programs it may be something else, and in
 * the terminal of a remote window it controls that window, into whose profile nothing may be installed.
 */
async function hasDesktopCode() {
  if (isRemote) return false;
  const { code, output } = await run('code', ['--version'], { quiet: true });
  return code === 0 && /^\d+\.\d+\.\d+/.test(output);
}

async function openDesktop(vsix, open) {
  const folder = join(root, 'build/profile/desktop');
  const profile = ['--user-data-dir', join(folder, 'data'), '--extensions-dir', join(folder, 'extensions')];
  // As root VS Code starts only without its sandbox.
  if (process.getuid?.() === 0) profile.push('--no-sandbox');
  await once(join(folder, 'installed'), hashOf(vsix), () =>
    must('code', [...profile, '--install-extension', vsix, '--force']),
  );
  const window = [...profile, '--new-window', '--disable-workspace-trust', examples];
  if (!open) {
    console.log(`Ready. Open it with:\n  code ${window.join(' ')}`);
    return;
  }
  await must('code', window);
  console.log('VS Code opens the sample project; examples/README.md says where to type.');
}

async function openInBrowser(vsix, port, open) {
  await installCodeServer();
  const folder = join(root, 'build/profile/code-server');
  const profile = createProfile(folder);
  await once(join(folder, 'installed'), hashOf(vsix), () => installExtension(profile, vsix));
  const server = await startServer(profile, { port }).catch((error) => {
    if (!/EADDRINUSE/.test(error.message)) throw error;
    throw new Fault(
      `Port ${port} is taken: stop the program that uses it, or choose another with npm start -- --port N.`,
    );
  });

  // From here on a signal stops it in order. A moment without a listener would let a signal end this process alone.
  const interrupted = new Promise((resolve) => {
    for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP']) {
      const earlier = process.listeners(name);
      process.once(name, () => resolve('interrupted'));
      for (const listener of earlier) process.off(name, listener);
    }
  });

  const address = `${server.url}/?folder=${encodeURIComponent(examples)}`;
  console.log(
    `\nVS Code with MatCoder is at\n\n  ${address}\n\nexamples/README.md says where to type. Ctrl+C stops it.`,
  );
  if (open && (process.env.DISPLAY || process.env.WAYLAND_DISPLAY)) showInBrowser(address);

  const ended = await Promise.race([interrupted, server.exited]);
  await server.stop();
  if (ended !== 'interrupted')
    throw new Fault(`code-server ended by itself. It printed:\n${server.output().trimEnd()}`);
  console.log('Stopped.');
}

function showInBrowser(address) {
  const opener = spawn('xdg-open', [address], { detached: true, stdio: 'ignore' });
  opener.on('error', () => {}); // the address is printed in any case
  opener.unref();
}

await main(async () => {
  const { port, open, browser, help } = options();
  if (help) return console.log(usage);
  if (!existsSync(join(root, 'models/matlm-46m/model.safetensors'))) {
    throw new Fault('models/matlm-46m/model.safetensors is missing: get it back with git checkout -- models.');
  }

  const desktop = !browser && (await hasDesktopCode());
  const why = unsupported();
  if (!desktop && why) {
    throw new Fault(
      isRemote
        ? `This is the terminal of a remote window, whose own VS Code is left alone, and ${why}.\nRun npm start in a terminal of your own machine.`
        : `VS Code's command "code" is not on the PATH, and ${why}.\nIn VS Code run "Shell Command: Install 'code' command in PATH", then npm start again.`,
    );
  }
  const vsix = await packagedExtension();
  await (desktop ? openDesktop(vsix, open) : openInBrowser(vsix, port, open));
});
