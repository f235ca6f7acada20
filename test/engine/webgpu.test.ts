import assert from 'node:assert/strict';
import { execFile, spawnSync } from 'node:child_process';
import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { temporaryFolder } from '../temporary';
import { ROOT } from './harness';

/** Chromium's software driver, as Debian installs it, with the Vulkan loader beside it. */
const CHROMIUM = '/usr/lib/chromium';
const DRIVER = join(CHROMIUM, 'vk_swiftshader_icd.json');
const CAN_RUN = existsSync(DRIVER) && existsSync(join(CHROMIUM, 'libvulkan.so.1'));

/** The loader's variables are read when a process starts, so each test has one of its own. */
const software = { ...process.env, VK_ICD_FILENAMES: DRIVER, LD_LIBRARY_PATH: CHROMIUM };

/** Runs the body of an async function in TypeScript with the engine's parts at hand; what it prints as JSON. */
async function inProcess(body: string): Promise<unknown> {
  const file = join(temporaryFolder(), 'body.ts');
  const part = (path: string) => JSON.stringify(join(ROOT, path));
  writeFileSync(
    file,
    `import { LocalEngine } from ${part('src/engine/native')};
     import { OnnxEngine } from ${part('src/engine/onnx/onnxEngine')};
     import { relativeError, ROOT } from ${part('test/engine/harness')};
     import { TINY, tinyCheckpoint } from ${part('test/engine/tinyCheckpoint')};
     async function main() { ${body} }
     main().then((answer) => { console.log(JSON.stringify(answer)); process.exit(0); },
                 (error) => { console.error(error); process.exit(1); });`,
  );
  const args = ['--import', 'tsx', file];
  const { stdout } = await promisify(execFile)(process.execPath, args, { cwd: ROOT, env: software });
  return JSON.parse(stdout);
}

/** About a million parameters. */
const MODEL = `{ ...TINY, hiddenSize: 128, headDim: 32, ffnSize: 512, vocabularySize: 512 }`;

describe('ONNX Runtime with WebGPU, on a software driver', function () {
  this.timeout(300_000);
  before(function () {
    if (CAN_RUN) return;
    console.log(`      skipped: ${DRIVER} and a Vulkan loader are not there; Debian's package chromium brings both`);
    this.skip();
  });

  it("computes the native engine's logits for S, M, L, XL and a mix, with one cache", async () => {
    const errors = await inProcess(`
      const checkpoint = tinyCheckpoint(${MODEL});
      const native = new LocalEngine(ROOT, checkpoint, 1);
      const webgpu = new OnnxEngine(ROOT, checkpoint, { provider: 'webgpu', prefillTokens: 31 }, 1);
      const tokens = Array.from({ length: 44 }, (_, i) => (i * 37 + 11) % 512);
      const errors: Record<string, number> = {};
      const mix = { mix: [64, 512, 128, 256] };
      for (const [name, widths] of Object.entries({ ...checkpoint.config.granularities, ...mix })) {
        const expected = await native.logits(tokens, widths, 39);
        errors[name] = relativeError(await webgpu.logits(tokens, widths, 39), expected);
      }
      return errors;`);
    assert.deepEqual(Object.keys(errors as object), ['S', 'M', 'L', 'XL', 'mix']);
    for (const [name, error] of Object.entries(errors as Record<string, number>)) {
      assert.ok(error < 0.06, `${name}: the relative error is ${error}`);
    }
  });

  it('continues with the cache that another submodel, a longer text and an abort left', async () => {
    const answers = (await inProcess(`
      const checkpoint = tinyCheckpoint(${MODEL});
      const engines = [new LocalEngine(ROOT, checkpoint, 1),
        new OnnxEngine(ROOT, checkpoint, { provider: 'webgpu', prefillTokens: 31 }, 1)];
      const { S, XL } = checkpoint.config.granularities;
      const prompt = Array.from({ length: 30 }, (_, i) => (i * 53 + 7) % 512);
      const run = (engine, prompt, widths, maxTokens) => new Promise((resolve) => {
        const controller = new AbortController();
        const heard = [];
        engine.generate({ prompt, widths, maxTokens, stopTokens: [] }, controller.signal, (event) => {
          if (event.type === 'prefill') heard.push(event.reusedTokens);
          if (event.type === 'token') heard.push(event.token);
          if (event.type === 'token' && maxTokens === 100 && heard.length === 4) controller.abort();
          if (event.type === 'end') resolve({ heard: heard.slice(0, 4), reason: event.reason });
        });
      });
      const answers = [];
      for (const engine of engines) {
        const all = [await run(engine, prompt, XL, 2), await run(engine, prompt, S, 2)];
        all.push(await run(engine, [...prompt.slice(0, 20), 3, 4], XL, 100));
        all.push(await run(engine, [...prompt.slice(0, 20), 3, 4, 5], XL, 2));
        answers.push(all);
      }
      return answers;`)) as { heard: number[]; reason: string }[][];
    const [native, webgpu] = answers as [(typeof answers)[0], (typeof answers)[0]];
    assert.deepEqual(
      webgpu.map(({ heard }) => heard),
      native.map(({ heard }) => heard),
    );
    // The native engine may have written all hundred tokens of this little model before the abort reaches it.
    assert.deepEqual(
      webgpu.map(({ reason }) => reason),
      ['length', 'length', 'aborted', 'length'],
    );
  });

  it('generates the same with and without drafts, and continues from a cache without them', async () => {
    const answers = (await inProcess(`
      const checkpoint = tinyCheckpoint(${MODEL});
      const engine = new OnnxEngine(ROOT, checkpoint, { provider: 'webgpu', prefillTokens: 31 }, 1);
      const { S, XL } = checkpoint.config.granularities;
      const run = (prompt, speculation) => new Promise((resolve) => {
        const tokens = [];
        const request = { prompt, widths: XL, maxTokens: 10, stopTokens: [], speculation };
        engine.generate(request, new AbortController().signal, (event) => {
          if (event.type === 'token') tokens.push(event.token);
          if (event.type === 'end') resolve({ tokens, drafts: event.copiedDrafts + event.writtenDrafts, fault: event.message });
        });
      });
      const prompts = [Array.from({ length: 30 }, (_, i) => (i * 53 + 7) % 512), Array.from({ length: 24 }, (_, i) => i % 7)];
      const answers = [];
      for (const prompt of prompts)
        for (const maxTokens of [0, 4]) {
          const first = await run(prompt, { widths: S, maxTokens, always: true });
          answers.push([first, await run([...prompt, ...first.tokens, 5], { widths: S, maxTokens: 0 })]);
        }
      return answers;`)) as { tokens: number[]; drafts: number; fault?: string }[][];
    for (const [plain, drafted] of [answers.slice(0, 2), answers.slice(2)]) {
      assert.deepEqual(
        drafted!.map(({ tokens, fault }) => [tokens, fault]),
        plain!.map(({ tokens }) => [tokens, undefined]),
      );
      assert.ok(drafted![0]!.drafts > 3 && plain![0]!.drafts === 0);
    }
  });
});

describe('the probe', function () {
  this.timeout(300_000);

  /** `matcoder inspect --hardware --json` with a store of its own. */
  function inspectHardware(env: NodeJS.ProcessEnv): { backend: string; kept: boolean; reason?: string }[] {
    const cli = join(ROOT, 'dist', 'cli.js');
    const { status, stdout, stderr } = spawnSync(process.execPath, [cli, 'inspect', '--hardware', '--json'], {
      encoding: 'utf8',
      env: { ...env, XDG_CACHE_HOME: temporaryFolder() },
    });
    assert.equal(status, 0, stderr);
    return (JSON.parse(stdout) as { findings: { backend: string; kept: boolean; reason?: string }[] }).findings;
  }

  it('keeps the processor’s two backends, and gives the reason against the GPU if there is no driver', () => {
    const findings = inspectHardware({
      ...process.env,
      VK_ICD_FILENAMES: '/nowhere.json',
      VK_DRIVER_FILES: '/nowhere.json',
    });
    assert.deepEqual(
      findings.slice(0, 3).map(({ backend, kept }) => [backend, kept]),
      [
        ['native', true],
        ['onnx-cpu', true],
        ['onnx-webgpu', false],
      ],
    );
    // What else ONNX Runtime has on this platform is put aside for its own reason.
    assert.deepEqual(
      findings.slice(3).filter(({ kept, reason = '' }) => kept || reason === ''),
      [],
    );
    assert.ok((findings[2]?.reason ?? '').length > 0);
  });
});
