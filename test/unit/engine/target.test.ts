import assert from 'node:assert/strict';
import { glibcVersion, isTarget, TARGETS, targetOf, thisTarget } from '../../../src/engine/target';

const glibc = { getReport: () => ({ header: { glibcVersionRuntime: '2.36' } }) };
const musl = { getReport: () => ({ header: {} }) };

describe('The target of a process', () => {
  const cases: [platform: string, arch: string, report: typeof glibc | undefined, target: string][] = [
    ['linux', 'x64', glibc, 'linux-x64'],
    ['linux', 'arm64', glibc, 'linux-arm64'],
    ['linux', 'x64', musl as typeof glibc, 'alpine-x64'],
    ['linux', 'arm64', musl as typeof glibc, 'alpine-arm64'],
    ['darwin', 'x64', musl as typeof glibc, 'darwin-x64'],
    ['darwin', 'arm64', musl as typeof glibc, 'darwin-arm64'],
    ['win32', 'x64', musl as typeof glibc, 'win32-x64'],
    ['win32', 'arm64', musl as typeof glibc, 'win32-arm64'],
  ];
  for (const [platform, arch, report, target] of cases) {
    const libc = platform === 'linux' ? ` with ${report === glibc ? 'glibc' : 'musl'}` : '';
    it(`is ${target} on ${platform} ${arch}${libc}, and a package is made for it`, () => {
      assert.equal(targetOf({ platform, arch, report }), target);
      assert.ok(isTarget(target));
    });
  }

  it('is Linux with glibc if Node makes no report', () => {
    assert.equal(targetOf({ platform: 'linux', arch: 'x64' }), 'linux-x64');
  });

  it('has a name for platforms and processors without a package', () => {
    for (const [platform, arch] of [
      ['freebsd', 'x64'],
      ['linux', 'arm'],
      ['win32', 'ia32'],
    ] as const) {
      const target = targetOf({ platform, arch, report: glibc });
      assert.equal(target, `${platform}-${arch}`);
      assert.ok(!isTarget(target));
    }
  });

  it('takes no report on a platform with one C library', () => {
    const report = { getReport: () => assert.fail('a report takes time') };
    assert.equal(targetOf({ platform: 'win32', arch: 'x64', report }), 'win32-x64');
  });

  it('is found without asking the network, and later reports are as they were', () => {
    const report = {
      excludeNetwork: false,
      getReport: () => ({ header: report.excludeNetwork ? { glibcVersionRuntime: '2.36' } : {} }),
    };
    assert.equal(glibcVersion({ report }), '2.36');
    assert.equal(report.excludeNetwork, false);
  });

  it('is found for this process by Node’s own report', () => {
    const libc = (process.report.getReport() as { sharedObjects: string[] }).sharedObjects;
    const isAlpine = libc.some((file) => file.includes('/ld-musl-'));
    const platform = isAlpine ? 'alpine' : process.platform;
    assert.equal(thisTarget(), `${platform}-${process.arch}`);
  });

  it('is one of eight with a package', () => {
    assert.equal(new Set(TARGETS).size, 8);
  });
});
