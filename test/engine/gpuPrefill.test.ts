import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
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
const ENGINES = `
  const tokenBytes = Array.from({ length: 96 }, (_, i) => Uint8Array.of(32 + i));
  const checkpoint = { ...tinyCheckpoint({ ...TINY, contextLength: ${CONTEXT} }), tokenizer: { tokenBytes } };
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
      `${ENGINES}
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

      // The user types while the GPU reads.
      const controller = new AbortController();
      const prompt = text.slice(7, 37);
      const ending = new Promise((resolve) => {
        engine.generate({ prompt, widths: XL, maxTokens: 3, stopTokens: [], cacheKey: 5 }, controller.signal, (event) => {
          if (event.type === 'end') resolve(event);
        });
      });
      setTimeout(() => controller.abort(), 1);
      const aborted = await ending;
      const before = counts.submits;
      const after = [];
      for (const each of [engine, alone]) after.push(await complete(each, { prompt, widths: XL, maxTokens: 3, cacheKey: 5 }));
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
      const request = { prompt: text.slice(2, 30), widths: XL, maxTokens: 6 };
      const losing = setInterval(() => devices[known]?.destroy(), 1);
      const answer = await complete(both, request);
      clearInterval(losing);
      const expected = (await complete(alone, request)).tokens;
      const { backend: left, rejected } = await both.measure();
      const lost = { answer, backend: left, reason: rejected[0]?.reason, faults: rejected.length, expected, senseless };
      return { error, answers, submits, aborted, after, afterSubmits, lost, costs, info, refused };`,
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

  it('are aborted with what was read kept, and continued by the next request', () => {
    assert.equal(found.aborted.reason, 'aborted');
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

describe('a card that the probe has found to be the fastest', function () {
  this.timeout(300_000);

  it('completes, unless its driver computes on the processor: then the native engine does, and the reason is told', async function () {
    needSoftwareGpu(this);
    const answers = (await inProcess(
      { ...IMPORTS, 'src/engine/openEngine': 'openEngine' },
      `${ENGINES}
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
