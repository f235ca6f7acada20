import assert from 'node:assert/strict';
import { featuresOfLinux, featuresOfMac } from './features.mjs';

describe('The features of a processor', () => {
  it('are those that Linux lists, on x64 and on Arm', () => {
    assert.equal(featuresOfLinux('model name\t: X\nflags\t\t: fpu avx2 fma\nbugs\t\t:\n'), 'fpu avx2 fma');
    assert.equal(featuresOfLinux('BogoMIPS\t: 50\nFeatures\t: fp asimd asimddp\n'), 'fp asimd asimddp');
    assert.throws(() => featuresOfLinux('processor\t: 0\n'), /does not list/);
  });

  it('have the names of Linux on macOS too', () => {
    const intel =
      'machdep.cpu.features: FPU FMA AVX1.0 F16C\nmachdep.cpu.leaf7_features: AVX2 AVX512F AVX512BW AVX512VNNI\n';
    assert.equal(featuresOfMac(intel), 'fpu fma avx1.0 f16c avx2 avx512f avx512bw avx512_vnni');
    assert.equal(featuresOfMac('hw.optional.arm.FEAT_DotProd: 1\n'), 'asimd asimddp');
  });
});
