import type { Isa } from '../../../src/engine/addon';

/**
 * The instruction set that a processor's fastest kernels use. It is decided by the names that Linux gives to features, and not in
 * the way in which the engine decides.
 * @param features of Linux's /proc/cpuinfo, for the processor that the tests run on or that is emulated
 */
export function fastest(arch: string, features: readonly string[]): Isa {
  const has = (...names: string[]) => names.every((name) => features.includes(name));
  if (arch === 'arm64') return has('asimddp') ? 'neon' : 'scalar';
  if (has('avx512f', 'avx512bw', 'avx512_vnni')) return 'avx512vnni';
  if (has('avx512f', 'avx512bw')) return 'avx512';
  if (has('avx2', 'f16c', 'fma', 'avx_vnni')) return 'avxvnni';
  if (has('avx2', 'f16c', 'fma')) return 'avx2';
  return 'scalar';
}
