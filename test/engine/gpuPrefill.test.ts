import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { cpSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { EngineInfo } from '../../src/engine/engine';
import type { HardwareReport, Kept } from '../../src/engine/hardware';
import { temporaryFolder } from '../temporary';
import { ROOT } from './harness';
import { inProcess, needSoftwareGpu, SOFTWARE, WITHOUT_DRIVER } from './softwareGpu';

/** Short, because a driver in software takes a second for a hundred tokens, but enough for a measurement. */
const CONTEXT = 80;

const IMPORTS = {
  'src/engine/fallbackEngine': 'FallbackEngine',
  'src/engine/gpu/gpuEngine': 'GpuEngine',
  'src/engine/gpuPrefill': 'GpuPrefillEngine',
  'src/engine/native': 'LocalEngine',
  'src/matlm/submodel': 'candidatesOf, prefillMs',
  'test/engine/complete': 'complete',
  'test/engine/dawn': 'counts, devices',
  'test/engine/harness': 'relativeError, ROOT',
  'test/engine/tinyCheckpoint': 'TINY, tinyCheckpoint',
};

/**
 * A checkpoint, an engine with both, one with the processor alone, and `cheap`, which makes an engine believe that prompts cost so
 * much: the driver in software is slower than the processor.
 */
const engines = (layers = 4) => `
  const tokenBytes = Array.from({ length: 96 }, (_, i) => Uint8Array.of(32 + i));
  const checkpoint = { ...tinyCheckpoint({ ...TINY, layers: ${layers}, contextLength: ${CONTEXT} }), tokenizer: { tokenBytes } };
  const { S, XL } = checkpoint.config.granularities;
  const alone = new LocalEngine(ROOT, checkpoint, 1);
  const open = (native = new LocalEngine(ROOT, checkpoint, 1)) =>
    new GpuPrefillEngine(native, new GpuEngine(ROOT, checkpoint), checkpoint.config);
  const cheap = (engine, gpuPrefill = { startMs: 8, msPerToken: 0.01 }) => {
    const cost = { prefillMsPerToken: 1, decodeMsPerToken: 1, gpuPrefill };
    engine.measured = [S, XL].map((widths) => ({ widths, cost }));
    return engine;
  };
  const text = Array.from({ length: ${CONTEXT} }, (_, i) => (i * 37 + 11) % 96);`;

interface Answer {
  tokens: number[];
  probabilities: number[];
  reusedTokens: number;
  prefilledTokens: number;
  reason: string;
}

describe('prompts that the GPU reads for the processor, on a software driver', function () {
  this.timeout(900_000);

  interface Found {
    error: number;
    answers: Record<'first' | 'longer' | 'short' | 'smaller' | 'other', [Answer, Answer]>;
    /** Submits during each. */
    submits: Record<string, number>;
    aborted: Answer & { cachedTokens: number };
    /** Events of the aborted request. */
    heard: string[];
    /** Tokens of its prompt. */
    readOnGpu: number;
    after: [Answer, Answer];
    afterSubmits: number;
    lost: { answer: Answer; backend: string; reason: string; faults: number; expected: number[]; senseless: string };
    costs: Record<string, { gpuPrefill: { startMs: number; msPerToken: number } }>;
    info: { backend: string; weightBytes: number; alone: number };
    refused: string[];
  }
  let found: Found;

  before(async function () {
    needSoftwareGpu(this);
    found = (await inProcess(
      IMPORTS,
      `${engines()}
      const engine = cheap(open());
      const tokens = text.slice(0, 40);
      const error = relativeError(await engine.logits(tokens, XL, 32), await alone.logits(tokens, XL, 32));

      const answers = {};
      const submits = {};
      const ask = async (name, request) => {
        const before = counts.submits;
        const ours = await complete(engine, { widths: XL, maxTokens: 4, cacheKey: 3, ...request });
        submits[name] = counts.submits - before;
        answers[name] = [ours, await complete(alone, { widths: XL, maxTokens: 4, cacheKey: 3, ...request })];
      };
      await ask('first', { prompt: text.slice(4, 24) });
      await ask('longer', { prompt: text.slice(4, 40) });
      await ask('short', { prompt: [...text.slice(4, 40), 5, 6, 7] });
      await ask('smaller', { prompt: text.slice(4, 40), widths: S });
      await ask('other', { prompt: text.slice(0, 20), cacheKey: 4 });

      // The user types while the GPU reads. It does not know yet how long a token of this submodel takes, so a chunk is a tile.
      const controller = new AbortController();
      const request = { prompt: text.slice(7, 76), widths: S, maxTokens: 3, cacheKey: 5 };
      const heard = [];
      const aborted = await new Promise((resolve) => {
        engine.generate({ ...request, stopTokens: [] }, controller.signal, (event) => {
          heard.push(event.type);
          if (event.type === 'progress') controller.abort();
          if (event.type === 'end') resolve(event);
        });
      });
      const readOnGpu = engine.gpu.cachedTokens(request);
      const before = counts.submits;
      const after = [];
      for (const each of [engine, alone]) after.push(await complete(each, request));
      const afterSubmits = counts.submits - before;

      const { costs, backend, weightBytes } = await engine.measure();
      const info = { backend, weightBytes, alone: (await alone.measure()).weightBytes };

      const refused = [];
      const size = 2 * TINY.layers * TINY.kvHeads * TINY.headDim;
      const native = new LocalEngine(ROOT, checkpoint, 1);
      for (const [from, values] of [[0, new Uint16Array(3)], [5, new Uint16Array(size)], [0, new Uint16Array(2 * size).fill(0x7e00)], [1, new Uint16Array(size)]])
        await native.copyIn({ prompt: [1, 2], widths: XL }, from, values).then(() => refused.push('taken'), (error) => refused.push(error.message));

      const both = new FallbackEngine([
        { backend: 'gpu-prefill', open: () => cheap(open()) },
        { backend: 'native', open: () => new LocalEngine(ROOT, checkpoint, 1) },
      ], []);
      const senseless = await complete(both, { prompt: [1, 2], widths: [32] }).catch((error) => error.message);
      const known = devices.length;
      const short = { prompt: text.slice(2, 30), widths: XL, maxTokens: 6 };
      const losing = setInterval(() => devices[known]?.destroy(), 1);
      const answer = await complete(both, short);
      clearInterval(losing);
      const expected = (await complete(alone, short)).tokens;
      const { backend: left, rejected } = await both.measure();
      const lost = { answer, backend: left, reason: rejected[0]?.reason, faults: rejected.length, expected, senseless };
      return { error, answers, submits, aborted, heard, readOnGpu, after, afterSubmits, lost, costs, info, refused };`,
    )) as Found;
  });

  it('give the processor the logits that it would have computed, within the error of int8 activations', () => {
    assert.ok(found.error > 0 && found.error < 0.04, `the relative error is ${found.error}`);
  });

  it('give the same text as the processor alone, also after a longer prompt, by another size and for another document', () => {
    for (const [name, [ours, theirs]] of Object.entries(found.answers)) {
      assert.deepEqual(ours.tokens, theirs.tokens, name);
      for (const [i, probability] of ours.probabilities.entries())
        assert.ok(Math.abs(probability - theirs.probabilities[i]!) < 0.06, `${name}: ${probability}`);
    }
  });

  it('are read where that is cheaper, and only the tokens that no cache holds', () => {
    const { first, longer, short, smaller, other } = found.submits;
    assert.deepEqual(
      [first, longer, other].map((n) => n! > 0),
      [true, true, true],
    );
    assert.deepEqual([short, smaller], [0, 0], 'three tokens, and none');
    const counted = Object.entries(found.answers).map(([name, [{ reusedTokens, prefilledTokens }]]) => [
      name,
      reusedTokens,
      prefilledTokens,
    ]);
    assert.deepEqual(counted, [
      ['first', 0, 20],
      ['longer', 20, 16],
      ['short', 36, 3],
      ['smaller', 35, 1],
      ['other', 0, 20],
    ]);
  });

  it('are aborted between two chunks with what was read kept, and continued by the next request', () => {
    const { reason, cachedTokens } = found.aborted;
    assert.deepEqual([found.heard, reason, cachedTokens], [['progress', 'end'], 'aborted', 0]);
    assert.equal(found.readOnGpu, 32);
    const [ours, theirs] = found.after;
    assert.deepEqual(ours.tokens, theirs.tokens);
    assert.ok(found.afterSubmits > 0);
  });

  it('are read by the processor alone once the card is lost, within the same request', () => {
    const { answer, backend, reason, faults, expected, senseless } = found.lost;
    assert.match(senseless, /4 widths|widths/);
    assert.equal(faults, 1, 'a request that makes no sense is no fault of the card');
    assert.deepEqual([answer.tokens, answer.reason, backend], [expected, 'length', 'native']);
    assert.match(reason, /the graphics card was lost|device/i);
  });

  it('have their cost measured with the copy, for each size', () => {
    assert.deepEqual(Object.keys(found.costs).sort(), ['L', 'M', 'S', 'XL']);
    for (const { gpuPrefill } of Object.values(found.costs)) {
      assert.ok(
        gpuPrefill.startMs >= 0 && gpuPrefill.msPerToken >= 0 && gpuPrefill.startMs + gpuPrefill.msPerToken > 0,
      );
    }
    const { backend, weightBytes, alone } = found.info;
    assert.deepEqual([backend, weightBytes > 1.5 * alone], ['gpu-prefill', true], 'the weights are on both sides');
  });

  it('are refused with the fault if keys and values are too few, of no token, not finite or after tokens that are not there', () => {
    const faults = [
      /^there are 3 keys and values for 2 tokens, not/,
      /are none of a prompt of 2/,
      /not finite/,
      /does not hold the 1 tokens before/,
    ];
    for (const [i, fault] of faults.entries()) assert.match(found.refused[i] ?? '', fault);
  });
});

describe('the probe', function () {
  this.timeout(300_000);

  /** `matcoder inspect --hardware --json` with a store of its own. */
  function inspectHardware(
    env: NodeJS.ProcessEnv,
  ): { backend: string; kept: boolean; reason?: string; error?: number }[] {
    const cli = join(ROOT, 'dist', 'cli.js');
    const model = join(ROOT, 'models', 'matlm-6m');
    const { status, stdout, stderr } = spawnSync(
      process.execPath,
      [cli, 'inspect', '--hardware', '--json', '--model', model],
      {
        encoding: 'utf8',
        env: { ...env, XDG_CACHE_HOME: temporaryFolder() },
      },
    );
    assert.equal(status, 0, stderr);
    return (JSON.parse(stdout) as { findings: { backend: string; kept: boolean; reason?: string }[] }).findings;
  }

  it('keeps the native engine, and gives the reason against the GPU if there is no driver', () => {
    const findings = inspectHardware(WITHOUT_DRIVER);
    assert.deepEqual(
      findings.map(({ backend, kept }) => [backend, kept]),
      [
        ['native', true],
        ['gpu', false],
      ],
    );
    assert.match(
      findings[1]?.reason ?? '',
      /no graphics card with a driver for Vulkan, Metal or Direct3D 12 was found|webgpu does not load/,
    );
  });

  it('refuses a driver that computes on the processor', function () {
    needSoftwareGpu(this);
    const [, gpu] = inspectHardware(SOFTWARE);
    assert.match(gpu?.reason ?? '', /the only driver computes on the processor/);
  });
});

describe('a card on which the probe has found a backend', function () {
  this.timeout(900_000);

  /** The shipped tokenizer and one layer of the model for tests, because a driver in software takes long for more. */
  function modelOfOneLayer(): string {
    const folder = join(temporaryFolder(), 'model');
    cpSync(join(ROOT, 'models', 'matlm-6m'), folder, { recursive: true });
    const file = join(folder, 'config.json');
    const config = JSON.parse(readFileSync(file, 'utf8')) as object;
    writeFileSync(
      file,
      JSON.stringify({
        ...config,
        num_hidden_layers: 1,
        max_position_embeddings: CONTEXT,
        matformer: { granularities: { S: [128], XL: [1024] } },
      }),
    );
    return folder;
  }

  it('is named in its report with what it costs, and runs the model if it is named the fastest', async function () {
    needSoftwareGpu(this);
    const { report, info, tokens, expected } = (await inProcess(
      {
        'src/engine/client': 'EngineClient',
        'src/engine/hardwareFile': 'hardwareFile, writeReport',
        'src/engine/native': 'LocalEngine',
        'src/engine/probe': 'detectHardware',
        'src/engine/thisMachine': 'machineOf',
        'src/matlm/checkpoint': 'openCheckpoint',
        'test/engine/complete': 'complete',
        'test/engine/harness': 'ROOT',
      },
      `
      const modelFolder = ${JSON.stringify(modelOfOneLayer())};
      const checkpoint = await openCheckpoint(modelFolder);
      const machine = machineOf(ROOT, checkpoint.weightsFile);
      const engine = { hostFile: ROOT + '/dist/engine.js', root: ROOT, modelFolder, threads: 1 };
      const report = await detectHardware({ ...engine, machine, limitMs: 600_000 });

      const request = { prompt: Array.from({ length: 50 }, (_, i) => 10 + i * 37), widths: [1024], maxTokens: 6 };
      const expected = (await complete(new LocalEngine(ROOT, checkpoint, 1), request)).tokens;
      const slow = (costs) => Object.fromEntries(Object.keys(costs).map((size) => [size, { prefillMsPerToken: 1e6, decodeMsPerToken: 1e6 }]));
      const findings = report.findings.map((each) => (each.backend === 'gpu' ? each : { ...each, costs: slow(each.costs) }));
      writeReport(hardwareFile(), { machine, findings });
      // A process that answers as late as with this driver is given up.
      const clock = { now: () => performance.now(), after: () => () => undefined };
      const { info, tokens } = await new Promise((resolve, reject) => {
        const client = new EngineClient({
          ...engine,
          clock,
          onState: (state) => {
            if (state.kind === 'failed' || state.kind === 'restarting') reject(new Error(state.reason));
            if (state.kind !== 'ready') return;
            complete(client, request).then(({ tokens }) => {
              client.stop();
              resolve({ info: state.info, tokens });
            }, reject);
          },
        });
        client.start();
      });
      return { report, info, tokens, expected };`,
      { ...SOFTWARE, MATCODER_ALLOW_SOFTWARE_GPU: '1', XDG_CACHE_HOME: temporaryFolder() },
    )) as {
      report: HardwareReport;
      info: EngineInfo;
      tokens: number[];
      expected: number[];
    };
    assert.deepEqual(
      report.findings.map(({ backend, kept }) => [backend, kept]),
      [
        ['native', true],
        ['gpu', true],
        ['gpu-prefill', true],
      ],
      JSON.stringify(report.findings),
    );
    const [native, gpu, gpuPrefill] = report.findings as Kept[];
    assert.equal(native!.error, 0);
    for (const { error, costs } of [gpu!, gpuPrefill!]) {
      assert.ok(error > 0 && error < 0.07, `the error is ${error}`);
      assert.deepEqual(Object.keys(costs).sort(), ['S', 'XL']);
      for (const { prefillMsPerToken, decodeMsPerToken } of Object.values(costs))
        assert.ok(prefillMsPerToken > 0 && decodeMsPerToken > 0);
    }
    assert.ok(Object.values(gpuPrefill!.costs).every((cost) => cost.gpuPrefill !== undefined));
    assert.deepEqual([info.backend, info.isa, info.rejected], ['gpu', 'webgpu', []]);
    assert.deepEqual(tokens, expected);
  });
});

describe('a card that the probe has found to be the fastest', function () {
  this.timeout(300_000);

  it('comes and goes while the processor keeps its weights and what it has read', async function () {
    needSoftwareGpu(this);
    const { loads, steps } = (await inProcess(
      { ...IMPORTS, 'src/engine/openEngine': 'openEngine' },
      `${engines(1)}
      process.env.MATCODER_ALLOW_SOFTWARE_GPU = '1';
      const cost = (ms, more) => ({ XL: { prefillMsPerToken: ms, decodeMsPerToken: ms, ...more } });
      const finding = (backend, ms, more) => ({ backend, kept: true, error: 0, costs: cost(ms, more) });
      const findings = [finding('native', 9), finding('gpu-prefill', 1, { gpuPrefill: { startMs: 0, msPerToken: 0 } })];
      let loads = 0;
      const engine = openEngine(ROOT, checkpoint, { threads: 1, report: { machine: 'm', findings }, onLoad: () => loads++ });
      engine.restore({ backend: 'gpu-prefill', costs: { ...findings[1].costs, S: findings[1].costs.XL } });
      const steps = [];
      const step = async (prompt) => {
        const before = counts.submits;
        const { tokens, reusedTokens } = await complete(engine, { prompt, widths: XL, maxTokens: 4, cacheKey: 3 });
        const usesCard = counts.submits > before;
        steps.push({ tokens, reusedTokens, usesCard, expected: (await complete(alone, { prompt, widths: XL, maxTokens: 4 })).tokens });
      };
      await step(text.slice(0, 20));
      await engine.yieldGpu('the machine runs on battery');
      await step(text.slice(0, 30));
      await engine.yieldGpu(undefined);
      cheap(engine.current.engine);
      await step(text.slice(0, 60));
      devices.at(-1).destroy();
      await step(text.slice(0, 70));
      return { loads, steps: [...steps, { backend: (await engine.measure()).backend }] };`,
    )) as {
      loads: number;
      steps: { tokens?: number[]; expected?: number[]; reusedTokens?: number; usesCard?: boolean; backend?: string }[];
    };
    for (const { tokens, expected } of steps) assert.deepEqual(tokens, expected);
    assert.deepEqual(steps.map(({ reusedTokens, usesCard }) => [reusedTokens, usesCard]).slice(0, 3), [
      [0, true],
      [20, false],
      [30, true],
    ]);
    assert.equal(steps[4]?.backend, 'native');
    assert.equal(loads, 2, 'the check of the weights, and the processor’s engine');
  });

  it('completes, unless its driver computes on the processor: then the native engine does, and the reason is told', async function () {
    needSoftwareGpu(this);
    const answers = (await inProcess(
      { ...IMPORTS, 'src/engine/openEngine': 'openEngine' },
      `${engines()}
      const cost = (ms) => ({ XL: { prefillMsPerToken: ms, decodeMsPerToken: ms } });
      const findings = [['native', 1], ['gpu', 0.1]].map(([backend, ms]) => ({ backend, kept: true, error: 0, costs: cost(ms) }));
      const answers = [];
      for (const allows of [true, false]) {
        if (allows) process.env.MATCODER_ALLOW_SOFTWARE_GPU = '1';
        else delete process.env.MATCODER_ALLOW_SOFTWARE_GPU;
        const before = counts.submits;
        const engine = openEngine(ROOT, checkpoint, { threads: 1, report: { machine: 'm', findings } });
        const { tokens } = await complete(engine, { prompt: text.slice(0, 12), widths: XL, maxTokens: 4 });
        answers.push({ tokens, usesCard: counts.submits > before, rejected: engine.rejected });
        engine.dispose();
      }
      return answers;`,
    )) as { tokens: number[]; usesCard: boolean; rejected: { backend: string; reason: string }[] }[];
    const [card, software] = answers;
    assert.deepEqual([card!.usesCard, card!.rejected, software!.usesCard], [true, [], false]);
    assert.deepEqual(software!.tokens, card!.tokens);
    assert.equal(software!.rejected[0]?.backend, 'gpu');
    assert.match(software!.rejected[0].reason, /the only driver computes on the processor/);
  });
});
