import assert from 'node:assert/strict';
import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type HardwareReport, inOrder, type Kept, readReport, writeReport } from '../../../src/engine/hardware';
import { detectHardware } from '../../../src/engine/probe';
import { temporaryFolder } from '../../temporary';

const kept = (backend: Kept['backend'], msPerToken: number): Kept => ({
  backend,
  kept: true,
  prefillTokens: 64,
  error: 0.01,
  costs: { XL: { prefillMsPerToken: msPerToken, decodeMsPerToken: msPerToken } },
});

describe('what the probe found', () => {
  const order = (...findings: HardwareReport['findings']) =>
    inOrder({ machine: 'm', findings }).map(({ backend }) => backend);

  it('is used quickest first, the native engine where another is only a little quicker', () => {
    assert.deepEqual(order(kept('native', 2), kept('onnx-webgpu', 1)), ['onnx-webgpu', 'native']);
    assert.deepEqual(order(kept('native', 2), kept('onnx-webgpu', 1.9)), ['native', 'onnx-webgpu']);
  });

  it('leaves out what was put aside', () => {
    const aside = { backend: 'onnx-webgpu', kept: false, reason: 'its logits are not numbers' } as const;
    assert.deepEqual(order(kept('native', 2), aside), ['native']);
  });

  it('is stored by machine, and read for that one alone', () => {
    const file = join(temporaryFolder(), 'deep', 'hardware.json');
    const report = { machine: 'one card', findings: [kept('native', 2)] };
    writeReport(file, report);
    writeReport(file, { machine: 'another card', findings: [] });
    assert.deepEqual(readReport(file, 'one card'), report);
    assert.equal(readReport(file, 'one card, newer driver'), undefined);
  });

  it('counts as none where its file is broken, and is written anew', () => {
    const file = join(temporaryFolder(), 'hardware.json');
    writeFileSync(file, '{"half');
    assert.equal(readReport(file, 'm'), undefined);
    writeReport(file, { machine: 'm', findings: [] });
    assert.ok(existsSync(file) && readReport(file, 'm'));
  });
});

describe('a probe', () => {
  /** Stands for the engine's process: what it does with ONNX Runtime on the GPU. */
  function hostThat(fault: string): string {
    const file = join(temporaryFolder(), 'host.cjs');
    writeFileSync(
      file,
      `process.on('message', ({ backend, prefillTokens }) => {
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
    ['logits that are wrong', 'logits.reverse();', /its logits are off by \d+% of their spread/],
    [
      'too little memory',
      "process.send({ type: 'unusable', message: 'out of device memory' }); return;",
      /out of device memory/,
    ],
  ];
  for (const [name, fault, reason] of faults) {
    it(`puts a backend aside for its reason: ${name}`, async () => {
      const finding = await detect(fault);
      assert.ok(!finding.kept);
      assert.match(finding.reason, reason);
    });
  }

  it('reads in shorter chunks where a kernel for long ones is wrong', async () => {
    const finding = await detect('if (prefillTokens >= 32) logits.reverse();');
    assert.ok(finding.kept);
    assert.equal(finding.prefillTokens, 31);
  });
});
