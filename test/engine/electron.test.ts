import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { prepareZig } from '../../scripts/lib/zig.mjs';
import { temporaryFolder } from '../temporary';
import { ROOT } from './harness';
import { inProcess, needSoftwareGpu, SOFTWARE } from './softwareGpu';

/** Electron is not at hand: Node.js that refuses external memory stands in for it. */
describe('a program that refuses external memory, as Electron does', function () {
  this.timeout(600_000);

  let refusing: NodeJS.ProcessEnv;
  before(async function () {
    needSoftwareGpu(this);
    const require = createRequire(join(ROOT, 'package.json'));
    const { include_dir: c } = require('node-api-headers') as { include_dir: string };
    const cpp = dirname(require.resolve('node-addon-api/package.json'));
    const addon = join(temporaryFolder(), 'refuse.node');
    const sources = ['test/engine/electron/refuse.cc', 'native/src/dawn/linux.cc'].map((file) => join(ROOT, file));
    const flags = ['-std=c++17', '-fPIC', '-shared', '-DNAPI_CPP_EXCEPTIONS', '-DNODE_ADDON_API_CPP_EXCEPTIONS_ALL'];
    const includes = [c, cpp, join(ROOT, 'native', 'src')].map((folder) => `-I${folder}`);
    await promisify(execFile)(await prepareZig(), ['c++', ...flags, ...includes, ...sources, '-o', addon]);
    const preload = join(ROOT, 'test', 'engine', 'electron', 'likeElectron.cjs');
    refusing = { ...SOFTWARE, MATCODER_TEST_REFUSE: addon, NODE_OPTIONS: `--require=${preload}` };
  });

  it('refuses the bytes of a buffer of the card', async () => {
    const refusal = await inProcess(
      {},
      `
      const { createRequire } = await import('node:module');
      const { create, globals } = createRequire(${JSON.stringify(join(ROOT, 'package.json'))})('webgpu/dist/linux-${process.arch}/dawn.node');
      const adapter = await create(['backend=null']).requestAdapter({});
      const device = await adapter.requestDevice();
      const usage = globals.GPUBufferUsage.MAP_READ;
      const buffer = device.createBuffer({ size: 8, usage, mappedAtCreation: true });
      try { return buffer.getMappedRange().byteLength; } catch (error) { return 'refused'; }`,
      refusing,
    );
    assert.equal(refusal, 'refused');
  });

  it("computes the native engine's logits and tokens on the card", async () => {
    const { errors, tokens, expected } = (await inProcess(
      {
        'src/engine/gpu/gpuEngine': 'GpuEngine',
        'src/engine/native': 'LocalEngine',
        'test/engine/complete': 'complete',
        'test/engine/harness': 'relativeError, ROOT',
        'test/engine/tinyCheckpoint': 'TINY, tinyCheckpoint',
      },
      `
      const tokenBytes = Array.from({ length: 96 }, (_, i) => Uint8Array.of(i === 95 ? 10 : 32 + i));
      const checkpoint = { ...tinyCheckpoint({ ...TINY, contextLength: 48 }), tokenizer: { tokenBytes } };
      const { S, XL } = checkpoint.config.granularities;
      const prompt = Array.from({ length: 12 }, (_, i) => (i * 37 + 11) % 96);
      const [native, gpu] = [new LocalEngine(ROOT, checkpoint, 1), new GpuEngine(ROOT, checkpoint)];
      const errors = [];
      for (const widths of [S, XL])
        errors.push(relativeError(await gpu.logits(prompt, widths, 8), await native.logits(prompt, widths, 8)));
      const request = { prompt, widths: XL, maxTokens: 4 };
      const [{ tokens }, { tokens: expected }] = [await complete(gpu, request), await complete(native, request)];
      return { errors, tokens, expected };`,
      refusing,
    )) as { errors: number[]; tokens: number[]; expected: number[] };
    assert.equal(errors.length, 2);
    for (const error of errors) assert.ok(error < 0.04, `the logits are off by ${error}`);
    assert.deepEqual(tokens, expected);
  });
});
