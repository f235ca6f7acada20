/** The features of the processor that the tests run on, by the names that Linux gives to them. */
import { readFileSync } from 'node:fs';
import { Fault, must } from '../../scripts/lib/run.mjs';

/** @returns {Promise<string>} empty on Windows, which lists too few of them to choose kernels by */
export async function hostFeatures() {
  if (process.platform === 'linux') return featuresOfLinux(readFileSync('/proc/cpuinfo', 'utf8'));
  if (process.platform !== 'darwin') return '';
  const names =
    process.arch === 'arm64'
      ? ['hw.optional.arm.FEAT_DotProd']
      : ['machdep.cpu.features', 'machdep.cpu.leaf7_features'];
  return featuresOfMac(await must('sysctl', names));
}

/** @param {string} cpuinfo which calls them `flags` on x64 and `Features` on Arm */
export function featuresOfLinux(cpuinfo) {
  const features = /^(?:flags|Features)\s*: (.*)$/m.exec(cpuinfo)?.[1];
  if (features === undefined) throw new Fault('/proc/cpuinfo does not list the features of the processor');
  return features;
}

/** @param {string} sysctl lines like `machdep.cpu.features: FPU … AVX1.0` and `hw.optional.arm.FEAT_DotProd: 1` */
export function featuresOfMac(sysctl) {
  if (/FEAT_DotProd: 1/.test(sysctl)) return 'asimd asimddp';
  return Array.from(sysctl.matchAll(/: (.*)$/gm), ([, words]) => words.toLowerCase())
    .join(' ')
    .replace('avx512vnni', 'avx512_vnni');
}
