import assert from 'node:assert/strict';
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { english } from '../../../src/localisation/phrase';
import { describeChoice, describeHardware } from '../../../src/engine/describe';
import { coldMs, type HardwareReport, inOrder, type Kept, typicalMs } from '../../../src/engine/hardware';
import { forgetReport, readReport, readStored, writeReport } from '../../../src/engine/hardwareFile';
import { whyNoGpu } from '../../../src/engine/thisMachine';
import { detectHardware } from '../../../src/engine/probe';
import { CRASH } from '../../crash';
import { temporaryFolder } from '../../temporary';

const kept = (backend: Kept['backend'], msPerToken: number): Kept => ({
  backend,
  kept: true,
  error: 0.01,
  costs: { XL: { prefillMsPerToken: msPerToken, decodeMsPerToken: msPerToken } },
});

describe('the report of a probe', () => {
  const order = (...findings: HardwareReport['findings']) =>
    inOrder({ machine: 'm', findings }).map(({ backend }) => backend);

  it('puts the fastest backend first, but the native engine if another is only a little faster', () => {
    assert.deepEqual(order(kept('native', 2), kept('gpu', 1)), ['gpu', 'native']);
    assert.deepEqual(order(kept('native', 2), kept('gpu', 1.9)), ['native', 'gpu']);
  });

  it('puts a GPU that reads prompts first if it makes the first request in a file much shorter, as one in ten is', () => {
    const withGpu = (startMs: number): Kept => ({
      ...kept('gpu-prefill', 1),
      costs: { XL: { prefillMsPerToken: 1, decodeMsPerToken: 1, gpuPrefill: { startMs, msPerToken: 0.1 } } },
    });
    assert.deepEqual(order(kept('native', 1), withGpu(20)), ['gpu-prefill', 'native']);
    assert.deepEqual(order(kept('native', 1), withGpu(400)), ['native', 'gpu-prefill']);
    assert.deepEqual([typicalMs(withGpu(20)), coldMs(withGpu(20))].map(Math.round), [34, 83]);
  });

  it('leaves out rejected backends', () => {
    const aside = { backend: 'gpu', kept: false, reason: 'its logits are not numbers' } as const;
    assert.deepEqual(order(kept('native', 2), aside), ['native']);
  });

  it('says why a backend is used: it is the fastest, or no other is much faster', () => {
    const told = (...findings: HardwareReport['findings']) => describeChoice({ machine: 'm', findings });
    assert.match(told(kept('native', 2), kept('gpu', 1)), /uses gpu .*: it is the fastest/);
    assert.match(told(kept('native', 1), kept('gpu', 2)), /uses native .*: it is the fastest/);
    assert.match(told(kept('native', 2), kept('gpu', 1.9)), /uses native .*: no other backend is at least 20% faster/);
    assert.match(told(), /No backend that was tried can run/);
  });

  it('is one line for the user, also if nothing was tried or nothing runs on a GPU', () => {
    const aside = { backend: 'gpu', kept: false, reason: 'No supported adapters' } as const;
    const cases: [HardwareReport | undefined, RegExp][] = [
      [undefined, /not probed yet/],
      [{ machine: 'm', findings: [], unfinished: true }, /did not finish/],
      [{ machine: 'm', findings: [kept('native', 1), aside] }, /: native 36 ms; no backend runs it on a GPU/],
      [{ machine: 'm', findings: [kept('native', 1), kept('gpu', 2)] }, /native 36 ms, gpu 72 ms$/],
    ];
    for (const [report, expected] of cases) assert.match(english(describeHardware(report)), expected);
  });

  it('is stored by machine, and read only for that machine', () => {
    const file = join(temporaryFolder(), 'deep', 'hardware.json');
    const report = { machine: 'one GPU', findings: [kept('native', 2)] };
    writeReport(file, report);
    writeReport(file, { machine: 'another GPU', findings: [] });
    assert.deepEqual(readReport(file, 'one GPU'), report);
    assert.equal(readReport(file, 'one GPU, newer driver'), undefined);
    forgetReport(file, 'one GPU');
    assert.equal(readReport(file, 'one GPU'), undefined);
    assert.ok(readReport(file, 'another GPU'), 'the others stay');
  });

  it('is ignored with the fault if its file is broken, and is rewritten', () => {
    const file = join(temporaryFolder(), 'hardware.json');
    for (const text of ['{"half', '[]', 'null', '7']) {
      writeFileSync(file, text);
      const { report, fault } = readStored(file, 'm');
      assert.equal(report, undefined);
      assert.match(fault ?? '', /hardware\.json is ignored: it is not a JSON object/);
      writeReport(file, { machine: 'm', findings: [] });
      assert.ok(readReport(file, 'm'));
    }
  });

  const cost = { prefillMsPerToken: 1, decodeMsPerToken: 1 };
  const entry = { ...kept('native', 2), costs: { XL: cost } };
  const wrong: [string, unknown][] = [
    ['nothing', null],
    ['a list', []],
    ['no machine', { findings: [] }],
    ['no findings', { machine: 'm' }],
    ['findings that are no list', { machine: 'm', findings: { length: 1 } }],
    ['a finding that is null', { machine: 'm', findings: [null] }],
    ['a backend that does not exist', { machine: 'm', findings: [{ ...entry, backend: 'constructor' }] }],
    ['costs that are null', { machine: 'm', findings: [{ ...entry, costs: null }] }],
    ['costs of a size that are null', { machine: 'm', findings: [{ ...entry, costs: { XL: null } }] }],
    [
      'a cost that is text',
      { machine: 'm', findings: [{ ...entry, costs: { XL: { ...cost, decodeMsPerToken: '1' } } }] },
    ],
    ['a cost below zero', { machine: 'm', findings: [{ ...entry, costs: { XL: { ...cost, decodeMsPerToken: -1 } } }] }],
    [
      'a cost of prompts on the GPU that is negative',
      {
        machine: 'm',
        findings: [{ ...entry, costs: { XL: { ...cost, gpuPrefill: { startMs: -1, msPerToken: 1 } } } }],
      },
    ],
    ['a backend of an earlier version', { machine: 'm', findings: [{ ...entry, backend: 'onnx-webgpu' }] }],
    ['a rejection without a reason', { machine: 'm', findings: [{ backend: 'onnx-cpu', kept: false }] }],
  ];
  for (const [name, report] of wrong) {
    it(`is ignored with the fault if it has the wrong form: ${name}`, () => {
      const file = join(temporaryFolder(), 'hardware.json');
      const good = { machine: 'other', findings: [kept('native', 2)] };
      writeReport(file, { machine: 'm', findings: [] });
      const [key] = Object.keys(JSON.parse(readFileSync(file, 'utf8')) as object) as [string];
      writeReport(file, good);
      const stored = JSON.parse(readFileSync(file, 'utf8')) as Record<string, unknown>;
      writeFileSync(file, JSON.stringify({ ...stored, [key]: report }));
      const { report: read, fault } = readStored(file, 'm');
      assert.equal(read, undefined);
      assert.match(fault ?? '', new RegExp(`the entry ${key} of .* is ignored`));
      writeReport(file, { machine: 'm', findings: [kept('native', 1)] });
      assert.ok(readReport(file, 'm'));
      assert.deepEqual(readReport(file, 'other'), good);
    });
  }

  it('leaves no temporary file behind if it cannot be written, and forgetting it does not throw', () => {
    const folder = temporaryFolder();
    const file = join(folder, 'hardware.json');
    mkdirSync(file); // renaming onto it fails
    assert.throws(() => {
      writeReport(file, { machine: 'm', findings: [] });
    });
    forgetReport(file, 'm');
    assert.deepEqual(readdirSync(folder), ['hardware.json']);
  });
});

describe('a GPU', () => {
  const folder = temporaryFolder();
  it('is not searched with a driver if Linux has no device of one', () => {
    assert.match(whyNoGpu(folder, {}, 'linux') ?? '', /there is no GPU: none of \/dev\/dri, /);
  });
  it('may exist if the environment names a Vulkan driver, and on other systems', () => {
    assert.equal(whyNoGpu(folder, { VK_ICD_FILENAMES: '/driver.json' }, 'linux'), undefined);
    for (const system of ['win32', 'darwin'] as const) assert.equal(whyNoGpu(folder, {}, system), undefined);
  });
  it('may exist if its device does', () => {
    mkdirSync(join(folder, 'dev', 'dri'), { recursive: true });
    assert.equal(whyNoGpu(folder, {}, 'linux'), undefined);
  });
});

describe('a probe', () => {
  /** A process takes a while to start on a busy machine. */
  const [PATIENT_MS, IMPATIENT_MS] = [60_000, 5000];
  const HANGS = 'return;';

  /** Stands for the engine's process: what it does for the GPU, and for any backend. */
  function hostThat(fault: string, always = '') {
    const file = join(temporaryFolder(), 'host.cjs');
    writeFileSync(
      file,
      `process.on('message', ({ backend }) => {
         const logits = Float32Array.from({ length: 64 }, (_, i) => Math.sin(i));
         const costs = { XL: { prefillMsPerToken: 1, decodeMsPerToken: 1 } };
         ${always}
         if (backend === 'gpu') { ${fault} }
         process.send({ type: 'tried', trial: { logits, costs } });
       });
       process.on('disconnect', () => process.exit());`,
    );
    return file;
  }

  const detect = async (fault: string, limitMs = PATIENT_MS) => {
    const options = { hostFile: hostThat(fault), root: '', modelFolder: '', threads: 1, machine: 'm', limitMs };
    const { findings } = await detectHardware(options);
    // Nothing is tried that needs what was rejected.
    assert.deepEqual(
      findings.map(({ backend, kept }) => [backend, kept]),
      [
        ['native', true],
        ['gpu', false],
      ],
    );
    return findings[1]!;
  };

  const faults: [string, string, RegExp][] = [
    ['a driver that takes the process down', `${CRASH.code} return;`, CRASH.end],
    ['a driver that ends it', "console.error('vk: lost'); process.exit(3);", /ended with exit code 3/],
    ['a driver that hangs', HANGS, /did not answer within 5 s/],
    ['logits that are not numbers', 'logits[5] = NaN;', /its logits are not numbers/],
    ['logits that are wrong', 'logits.reverse();', /its logits are off by \d+% of their standard deviation/],
    [
      'too little memory',
      "process.send({ type: 'unusable', message: 'out of device memory' }); return;",
      /out of device memory/,
    ],
  ];
  for (const [name, fault, reason] of faults) {
    it(`rejects a backend with the reason: ${name}`, async () => {
      const finding = await detect(fault, fault === HANGS ? IMPATIENT_MS : PATIENT_MS);
      assert.ok(!finding.kept);
      assert.match(finding.reason, reason);
    });
  }

  it('adds the driver’s message to the fault, without colours', async () => {
    const finding = await detect(`
      console.error("\\u001b[1;31mWarning: Couldn't load Vulkan: libvulkan.so.1: no such file\\u001b[m");
      process.send({ type: 'unusable', message: 'no graphics card was found' });
      return;`);
    assert.deepEqual(finding, {
      backend: 'gpu',
      kept: false,
      reason: "no graphics card was found (Warning: Couldn't load Vulkan: libvulkan.so.1: no such file)",
    });
  });

  const options = { root: '', modelFolder: '', threads: 1, machine: 'm', limitMs: PATIENT_MS };

  const tried = async (hostFile: string) =>
    (await detectHardware({ ...options, hostFile })).findings.map(({ backend, kept }) => [backend, kept]);

  it('tries the GPU for all and for prompts alone, and leaves ONNX Runtime out if the addon loads', async () => {
    assert.deepEqual(await tried(hostThat('')), [
      ['native', true],
      ['gpu', true],
      ['gpu-prefill', true],
    ]);
  });

  it('compares the GPU with ONNX Runtime if the addon does not load, and with no prompts for an engine that is not there', async () => {
    const without = "if (backend === 'native') return process.send({ type: 'unusable', message: 'no addon' });";
    const cases: [string, boolean][] = [
      ['', true],
      ['logits.reverse();', false],
    ];
    for (const [fault, isKept] of cases)
      assert.deepEqual(await tried(hostThat(fault, without)), [
        ['native', false],
        ['onnx-cpu', true],
        ['gpu', isKept],
      ]);
  });

  it('keeps a way to read prompts only if its logits are right', async () => {
    const { findings } = await detectHardware({
      ...options,
      hostFile: hostThat('', "if (backend === 'gpu-prefill') logits.reverse();"),
    });
    const [, , last] = findings;
    assert.ok(last?.backend === 'gpu-prefill' && !last.kept);
    assert.match(last.reason, /its logits are off/);
  });

  it('starts no process for a GPU if there is none, and gives the reason', async () => {
    const hostFile = hostThat(`${CRASH.code} return;`);
    const { findings } = await detectHardware({ ...options, hostFile, noGpu: 'there is no GPU' });
    assert.deepEqual(findings.slice(1), [{ backend: 'gpu', kept: false, reason: 'there is no GPU' }]);
  });

  it('rejects every backend with the reason if no process starts', async () => {
    const { findings } = await detectHardware({ ...options, hostFile: hostThat(''), execPath: '/nowhere/node' });
    assert.deepEqual(
      findings.map(({ backend, kept, ...rest }) => [backend, kept, 'reason' in rest && rest.reason.includes('ENOENT')]),
      [
        ['native', false, true],
        ['onnx-cpu', false, true],
      ],
    );
  });

  it('stops when it is told to', async () => {
    const controller = new AbortController();
    const probe = detectHardware({
      ...options,
      limitMs: 60_000,
      hostFile: hostThat('return;'),
      signal: controller.signal,
    });
    setTimeout(() => {
      controller.abort();
    }, 300);
    await assert.rejects(probe, /abort|stopped/);
  });
});
