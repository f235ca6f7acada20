import assert from 'node:assert/strict';
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describeChoice, describeHardware } from '../../../src/engine/describe';
import { type HardwareReport, inOrder, type Kept } from '../../../src/engine/hardware';
import { forgetReport, readReport, readStored, writeReport } from '../../../src/engine/hardwareFile';
import { whyNoGpu } from '../../../src/engine/thisMachine';
import { detectHardware } from '../../../src/engine/probe';
import { temporaryFolder } from '../../temporary';

const kept = (backend: Kept['backend'], msPerToken: number): Kept => ({
  backend,
  kept: true,
  prefillTokens: 64,
  error: 0.01,
  costs: { XL: { prefillMsPerToken: msPerToken, decodeMsPerToken: msPerToken } },
});

describe('the report of a probe', () => {
  const order = (...findings: HardwareReport['findings']) =>
    inOrder({ machine: 'm', findings }).map(({ backend }) => backend);

  it('puts the fastest backend first, but the native engine if another is only a little faster', () => {
    assert.deepEqual(order(kept('native', 2), kept('onnx-webgpu', 1)), ['onnx-webgpu', 'native']);
    assert.deepEqual(order(kept('native', 2), kept('onnx-webgpu', 1.9)), ['native', 'onnx-webgpu']);
  });

  it('leaves out rejected backends', () => {
    const aside = { backend: 'onnx-webgpu', kept: false, reason: 'its logits are not numbers' } as const;
    assert.deepEqual(order(kept('native', 2), aside), ['native']);
  });

  it('says why a backend is used: it is the fastest, or no other is much faster', () => {
    const told = (...findings: HardwareReport['findings']) => describeChoice({ machine: 'm', findings });
    assert.match(told(kept('native', 2), kept('onnx-webgpu', 1)), /uses onnx-webgpu .*: it is the fastest/);
    assert.match(told(kept('native', 1), kept('onnx-webgpu', 2)), /uses native .*: it is the fastest/);
    assert.match(
      told(kept('native', 2), kept('onnx-webgpu', 1.9)),
      /uses native .*: no other backend is at least 20% faster/,
    );
    assert.match(told(), /No backend that was tried can run/);
  });

  it('is one line for the user, also if nothing was tried or nothing runs on a GPU', () => {
    const aside = { backend: 'onnx-webgpu', kept: false, reason: 'No supported adapters' } as const;
    const cases: [HardwareReport | undefined, RegExp][] = [
      [undefined, /not probed yet/],
      [{ machine: 'm', findings: [], unfinished: true }, /did not finish/],
      [{ machine: 'm', findings: [kept('native', 1), aside] }, /: native 36 ms; no backend runs it on a GPU/],
      [{ machine: 'm', findings: [kept('native', 1), kept('onnx-webgpu', 2)] }, /native 36 ms, onnx-webgpu 72 ms$/],
    ];
    for (const [report, expected] of cases) assert.match(describeHardware(report), expected);
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
    ['chunks of no tokens', { machine: 'm', findings: [{ ...entry, prefillTokens: 0 }] }],
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
  /** Stands for the engine's process: what it does with ONNX Runtime on the GPU. */
  function hostThat(
    fault: string,
    list = "return process.send({ type: 'listed', backends: ['onnx-cpu', 'onnx-webgpu'] });",
  ) {
    const file = join(temporaryFolder(), 'host.cjs');
    writeFileSync(
      file,
      `process.on('message', ({ type, backend, prefillTokens }) => {
         if (type === 'list') { ${list} }
         const logits = Float32Array.from({ length: 64 }, (_, i) => Math.sin(i));
         const costs = { XL: { prefillMsPerToken: 1, decodeMsPerToken: 1 } };
         if (backend === 'onnx-webgpu') { ${fault} }
         process.send({ type: 'tried', trial: { logits, costs } });
       });
       process.on('disconnect', () => process.exit());`,
    );
    return file;
  }

  const detect = async (fault: string) => {
    const options = { hostFile: hostThat(fault), root: '', modelFolder: '', threads: 1, machine: 'm', limitMs: 1500 };
    const { findings } = await detectHardware(options);
    assert.deepEqual(
      findings.slice(0, 2).map((finding) => finding.kept),
      [true, true],
    );
    return findings[2]!;
  };

  const faults: [string, string, RegExp][] = [
    ['a driver that takes the process down', "process.kill(process.pid, 'SIGSEGV'); return;", /ended by SIGSEGV/],
    ['a driver that ends it', "console.error('vk: lost'); process.exit(3);", /ended with exit code 3/],
    ['a driver that hangs', 'return;', /did not answer within 1.5 s/],
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
      const finding = await detect(fault);
      assert.ok(!finding.kept);
      assert.match(finding.reason, reason);
    });
  }

  it('adds the driver’s message to the fault, without the position in its source code', async () => {
    const finding = await detect(`
      console.error("\\u001b[1;31mWarning: Couldn't load Vulkan: libvulkan.so.1: no such file\\u001b[m");
      const message = '/src/onnxruntime/core/webgpu.cc:136 f(const onnxruntime::T&) ok was false. No supported adapters';
      process.send({ type: 'unusable', message });
      return;`);
    assert.deepEqual(finding, {
      backend: 'onnx-webgpu',
      kept: false,
      reason: "No supported adapters (Warning: Couldn't load Vulkan: libvulkan.so.1: no such file)",
    });
  });

  const options = { root: '', modelFolder: '', threads: 1, machine: 'm', limitMs: 1500 };

  it('tries each provider that ONNX Runtime has here, those on a GPU after the processor', async () => {
    const list = "return process.send({ type: 'listed', backends: ['onnx-cpu', 'onnx-webgpu', 'onnx-cuda'] });";
    const { findings } = await detectHardware({ ...options, hostFile: hostThat('', list) });
    const backends = findings.map(({ backend }) => backend);
    assert.deepEqual(backends, ['native', 'onnx-cpu', 'onnx-webgpu', 'onnx-cuda']);
  });

  it('tries only the processor if ONNX Runtime does not list its providers', async () => {
    for (const list of [
      "process.kill(process.pid, 'SIGSEGV'); return;",
      "return process.send({ type: 'unusable', message: 'it does not load' });",
    ]) {
      const { findings } = await detectHardware({ ...options, hostFile: hostThat('', list) });
      assert.deepEqual(
        findings.map(({ backend }) => backend),
        ['native', 'onnx-cpu'],
      );
    }
  });

  it('starts no process for a GPU if there is none, and gives the reason', async () => {
    const hostFile = hostThat("process.kill(process.pid, 'SIGSEGV'); return;");
    const { findings } = await detectHardware({ ...options, hostFile, noGpu: 'there is no GPU' });
    assert.deepEqual(findings[2], { backend: 'onnx-webgpu', kept: false, reason: 'there is no GPU' });
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

  it('reads in shorter chunks if a kernel for long ones is wrong', async () => {
    const finding = await detect('if (prefillTokens >= 32) logits.reverse();');
    assert.ok(finding.kept);
    assert.equal(finding.prefillTokens, 31);
  });
});
