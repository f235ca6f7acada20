import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { copyFileSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { addonFiles } from '../../../src/engine/loadAddon';
import { thisTarget } from '../../../src/engine/target';
import { ROOT } from '../../engine/harness';
import { temporaryFolder } from '../../temporary';

interface Webgpu {
  copyWebgpu(target: string, into: string): void;
}

/** Ends with 0 once bytes of a buffer were read, with Dawn's driver that needs no card. */
const MAP = `
  const [addon, dawn] = process.argv.slice(2);
  require(addon);
  const { create, globals } = require(dawn);
  (async () => {
    const adapter = await create(['backend=null']).requestAdapter();
    const device = await adapter.requestDevice();
    const usage = globals.GPUBufferUsage.MAP_READ;
    const buffer = device.createBuffer({ size: 8, usage, mappedAtCreation: true });
    process.exit(buffer.getMappedRange().byteLength === 8 ? 0 : 1);
  })();`;

describe("a package's graphics library", () => {
  // A copy of Node.js does not run by itself in an emulator or with another loader, as on the other platforms.
  if (process.platform !== 'win32') return;

  it('is loaded by a program with any name, as an editor has', async () => {
    const webgpu = (await import(pathToFileURL(join(ROOT, 'scripts', 'lib', 'webgpu.mjs')).href)) as Webgpu;
    const folder = temporaryFolder();
    webgpu.copyWebgpu(thisTarget(), folder);
    const addon = join(folder, 'matcoder_engine.node');
    copyFileSync(addonFiles(ROOT, thisTarget())[0]!, addon);
    const program = join(folder, 'Code.exe');
    copyFileSync(process.execPath, program);
    mkdirSync(join(folder, 'script'));
    const script = join(folder, 'script', 'map.js');
    writeFileSync(script, MAP);
    const dawn = join(folder, 'webgpu', 'dist', `win32-${process.arch}`, 'dawn.node');
    const { status, stderr } = spawnSync(program, [script, addon, dawn], { encoding: 'utf8' });
    assert.equal(status, 0, stderr);
  });
});
