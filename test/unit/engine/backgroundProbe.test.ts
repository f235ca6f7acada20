import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, utimesSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { BackgroundProbe, type BackgroundProbeOptions, LOOK_EVERY_MS } from '../../../src/engine/backgroundProbe';
import type { HardwareReport } from '../../../src/engine/hardware';
import { readReport, writeReport } from '../../../src/engine/hardwareFile';
import { CRASH } from '../../crash';
import { ManualClock } from '../../manualClock';
import { temporaryFolder } from '../../temporary';

describe('a probe in the background', () => {
  const probes: BackgroundProbe[] = [];
  let file: string;
  let clock: ManualClock;
  let trials: string;
  beforeEach(() => {
    const folder = temporaryFolder();
    clock = new ManualClock();
    file = join(folder, 'deep', 'hardware.json');
    trials = join(folder, 'trials');
    writeFileSync(trials, '');
  });
  afterEach(() => {
    for (const probe of probes.splice(0)) probe.stop();
  });

  /** Stands for the engine's process: writes down each trial, and does what is asked of it in one on the GPU. */
  function host(onGpu: string): string {
    const hostFile = join(temporaryFolder(), 'host.cjs');
    writeFileSync(
      hostFile,
      `process.on('message', ({ backend }) => {
         require('node:fs').appendFileSync(${JSON.stringify(trials)}, backend + '\\n');
         if (backend === 'gpu') { ${onGpu} }
         const costs = { XL: { prefillMsPerToken: 1, decodeMsPerToken: 1 } };
         process.send({ type: 'tried', trial: { logits: new Float32Array([1, 2, 3]), costs } });
       });
       process.on('disconnect', () => process.exit());`,
    );
    return hostFile;
  }

  interface Heard {
    readonly probe: BackgroundProbe;
    readonly reports: HardwareReport[];
    readonly faults: string[];
  }

  function start(onGpu = '', options: Partial<BackgroundProbeOptions> = {}): Heard {
    const [reports, faults]: [HardwareReport[], string[]] = [[], []];
    const probe = new BackgroundProbe({
      probe: { hostFile: host(onGpu), root: '', modelFolder: '', threads: 1, machine: 'm' },
      file,
      isQuiet: () => true,
      onReport: (report) => reports.push(report),
      onFault: (reason) => faults.push(reason),
      clock,
      ...options,
    });
    probes.push(probe);
    probe.start();
    return { probe, reports, faults };
  }

  const tried = () => readFileSync(trials, 'utf8').split('\n').slice(0, -1);
  const ALL = ['native', 'gpu', 'gpu-prefill'];

  async function until(isTrue: () => boolean): Promise<void> {
    while (!isTrue()) {
      clock.advance(LOOK_EVERY_MS);
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  }
  /** Many looks of those that wait. What begins a probe takes the lock within its look, so that none can hide. */
  async function aWhile(): Promise<void> {
    for (let look = 0; look < 30; look++) {
      clock.advance(LOOK_EVERY_MS);
      await new Promise((resolve) => setImmediate(resolve));
    }
  }
  const isLocked = () => existsSync(`${file}.lock`);

  it('runs once, is stored and reported', async () => {
    const { reports } = start();
    await until(() => reports.length > 0);
    assert.deepEqual(reports[0], readReport(file, 'm'));
    assert.deepEqual(
      reports[0]!.findings.map(({ backend, kept }) => [backend, kept]),
      ALL.map((backend) => [backend, true]),
    );
    const again = start();
    await aWhile();
    assert.deepEqual([tried(), again.reports, isLocked()], [ALL, [], false]);
  });

  it('waits for an idle moment', async () => {
    let quiet = false;
    const { reports } = start('', { isQuiet: () => quiet });
    await aWhile();
    assert.deepEqual([tried(), isLocked()], [[], false]);
    quiet = true;
    await until(() => reports.length > 0);
    assert.deepEqual(tried(), ALL);
  });

  it('stops when the idle moment ends, leaves nothing behind, and starts again in the next one', async () => {
    let quiet = true;
    const seen = join(temporaryFolder(), 'seen');
    const onceSlow = `const fs = require('node:fs');
      if (!fs.existsSync(${JSON.stringify(seen)})) { fs.writeFileSync(${JSON.stringify(seen)}, ''); return; }`;
    const { reports, faults } = start(onceSlow, { isQuiet: () => quiet });
    await until(() => existsSync(seen));
    assert.ok(readReport(file, 'm')?.unfinished, 'that it has begun is stored meanwhile');
    quiet = false;
    await until(() => !isLocked());
    assert.equal(readReport(file, 'm'), undefined);
    quiet = true;
    await until(() => reports.length > 0);
    assert.deepEqual([tried(), faults], [['native', 'gpu', ...ALL], []]);
  });

  it('is given up until the next start if the idle moments are too short', async () => {
    const begun = () => tried().filter((backend) => backend === 'native').length;
    let stopped = 0;
    const isQuiet = () => {
      if (begun() === stopped) return true;
      stopped++;
      return false;
    };
    const { reports } = start('return;', { isQuiet });
    await until(() => stopped === 3 && !isLocked());
    await aWhile();
    assert.deepEqual([begun(), isLocked(), reports, readReport(file, 'm')], [3, false, [], undefined]);
  });

  it('runs in one of several windows, and all receive its report', async () => {
    const windows = [start(), start(), start()];
    await until(() => windows.every(({ reports }) => reports.length > 0));
    assert.deepEqual(tried(), ALL);
  });

  it('reports a driver that crashes its process, and is not repeated because of it', async () => {
    const { reports } = start(`${CRASH.code} return;`);
    await until(() => reports.length > 0);
    const finding = reports[0]!.findings[1]!;
    assert.match(finding.kept ? 'kept' : finding.reason, CRASH.end);
    start();
    await aWhile();
    assert.deepEqual([tried(), isLocked()], [['native', 'gpu'], false]);
  });

  const GONE = String(spawnSync(process.execPath, ['-e', '']).pid);
  function leftBehind(pid: string): void {
    writeReport(file, { machine: 'm', findings: [], unfinished: true });
    writeFileSync(`${file}.lock`, pid);
  }

  it('that crashed the editor is not repeated by itself, and says so', async () => {
    leftBehind(GONE);
    const { faults } = start();
    await aWhile();
    assert.deepEqual(tried(), []);
    assert.equal(readFileSync(`${file}.lock`, 'utf8'), GONE, 'nobody took it');
    assert.match(faults.join(), /did not finish.*Re-detect Hardware/);
  });

  it('of another window that disappears unfinished is not continued', async () => {
    leftBehind(String(process.pid));
    const { reports, faults } = start();
    await aWhile();
    writeFileSync(`${file}.lock`, GONE);
    await aWhile();
    assert.equal(readFileSync(`${file}.lock`, 'utf8'), GONE, 'nobody took it');
    assert.deepEqual([tried(), reports, faults], [[], [], []]);
  });

  it('for another machine runs although a lock was left behind', async () => {
    for (const [machine, age] of [
      ['with a process that is gone', 0],
      ['that is a day old', 86_400],
    ] as const) {
      mkdirSync(dirname(file), { recursive: true });
      writeFileSync(`${file}.lock`, age ? String(process.pid) : GONE);
      const at = Date.now() / 1000 - age;
      utimesSync(`${file}.lock`, at, at);
      const probe = { hostFile: host(''), root: '', modelFolder: '', threads: 1, machine };
      const { reports } = start('', { probe });
      await until(() => reports.length > 0);
    }
    assert.equal(tried().length, 2 * ALL.length);
  });

  it('that is stopped in the middle can run at the next start', async () => {
    const { probe } = start('return;');
    await until(() => tried().includes('gpu'));
    probe.stop();
    assert.deepEqual([readReport(file, 'm'), isLocked()], [undefined, false]);
  });

  it('whose report cannot be stored leaves nothing behind, and stopping it does not throw', async () => {
    // As if the disk became full meanwhile: the new file cannot be written.
    const fillDisk = `require('node:fs').mkdirSync(${JSON.stringify(file)} + '.' + process.ppid);`;
    const { probe, reports, faults } = start(fillDisk);
    await until(() => faults.length > 0);
    assert.match(faults[0]!, /^the hardware is not probed, because the result cannot be stored: EISDIR/);
    probe.stop();
    await aWhile();
    assert.deepEqual([reports, readReport(file, 'm'), isLocked(), faults.length], [[], undefined, false, 1]);
    assert.deepEqual(tried(), ALL, 'it was made once');
  });

  it('runs if the stored entry is not a report, which is reported and rewritten', async () => {
    writeReport(file, { machine: 'm', findings: [] });
    const [key] = Object.keys(JSON.parse(readFileSync(file, 'utf8')) as object);
    for (const [entry, fault] of [
      ['{ "findings": "none" }', /the entry \w+ of .*hardware\.json is ignored/],
      ['null', /the entry \w+ of .* is ignored/],
    ] as const) {
      writeFileSync(file, `{ ${JSON.stringify(key)}: ${entry} }`);
      const { reports, faults } = start();
      assert.match(faults.join(), fault);
      await until(() => reports.length > 0);
      assert.deepEqual(readReport(file, 'm'), reports[0]);
    }
  });

  it('that could start no process is not stored, and gives the reason', async () => {
    const probe = {
      hostFile: host(''),
      root: '',
      modelFolder: '',
      threads: 1,
      machine: 'm',
      execPath: '/nowhere/node',
    };
    const { faults, reports } = start('', { probe });
    await until(() => faults.length > 0);
    assert.match(faults.join(), /^the hardware probe failed: .*ENOENT/);
    assert.deepEqual([readReport(file, 'm'), reports, isLocked()], [undefined, [], false]);
  });

  it('that cannot be stored does not run, and gives the reason', async () => {
    writeFileSync(dirname(file), 'a file instead of the folder');
    const { faults } = start();
    await until(() => faults.length > 0);
    await aWhile();
    assert.deepEqual([tried(), faults.length], [[], 1]);
    assert.match(faults[0]!, /^the hardware is not probed, because the result cannot be stored: (EEXIST|ENOTDIR)/);
  });
});
