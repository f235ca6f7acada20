import assert from 'node:assert/strict';
import { GPU_IS_USED, shareGpu } from '../../../src/engine/gpuSharing';
import type { GpuState } from '../../../src/machine/state';

const GB = 2 ** 30;
const busy = (share: number): GpuState => ({ name: 'GPU', busyByOthersShare: share });
const full = (share: number): GpuState => ({
  name: 'GPU',
  memoryUsedByOthersBytes: share * 8 * GB,
  memoryBytes: 8 * GB,
});

/** Readings in a row, as [count, reading, decision after them]. */
type Runs = readonly (readonly [count: number, gpu: GpuState | undefined, reason: RegExp | undefined])[];

describe('a GPU that other programs need', () => {
  const cases: [string, Runs][] = [
    [
      'is yielded after two busy readings',
      [
        [1, busy(0.9), undefined],
        [1, busy(0.9), /90% of its time/],
      ],
    ],
    [
      'is used if only one reading was busy',
      [
        [1, busy(0.9), undefined],
        [1, busy(0.1), undefined],
        [1, busy(0.9), undefined],
      ],
    ],
    ['is used if others use a part of it', [[99, busy(0.5), undefined]]],
    ['is yielded if its memory is nearly full', [[2, full(0.95), /95% of its memory/]]],
    [
      'is used again after a quarter of a minute of quiet',
      [
        [2, busy(0.9), /90%/],
        [14, busy(0.1), /90%/],
        [1, busy(0.1), undefined],
      ],
    ],
    [
      'is not used again after a short quiet',
      [
        [2, busy(0.9), /90%/],
        [14, busy(0.1), /90%/],
        [1, busy(0.6), /90%/],
        [14, busy(0), /90%/],
      ],
    ],
    [
      'is not used again between the two thresholds',
      [
        [2, busy(0.9), /90%/],
        [99, busy(0.3), /90%/],
      ],
    ],
    [
      'is not used again while its memory is still full',
      [
        [2, full(0.95), /95%/],
        [99, full(0.85), /95%/],
      ],
    ],
    [
      'is used if nothing can be read',
      [
        [99, undefined, undefined],
        [99, { name: 'GPU' }, undefined],
      ],
    ],
    [
      'is used again if nothing can be read any more',
      [
        [2, busy(0.9), /90%/],
        [15, { name: 'GPU' }, undefined],
      ],
    ],
  ];
  for (const [name, runs] of cases) {
    it(name, () => {
      let sharing = GPU_IS_USED;
      for (const [count, gpu, reason] of runs) {
        for (let i = 0; i < count; i++) sharing = shareGpu(sharing, gpu, 'mains');
        if (reason) assert.match(sharing.reason ?? '', reason);
        else assert.equal(sharing.reason, undefined);
      }
    });
  }

  it('is left at once on battery, because nothing tells its power, and used again after a quarter of a minute on mains', () => {
    let sharing = shareGpu(GPU_IS_USED, busy(0), 'battery');
    assert.match(sharing.reason ?? '', /on battery, and how much power the GPU draws is unknown/);
    for (let i = 0; i < 14; i++) sharing = shareGpu(sharing, busy(0), 'mains');
    assert.match(sharing.reason ?? '', /battery/);
    assert.equal(shareGpu(sharing, busy(0), 'mains').reason, undefined);
  });

  it('is used if it is unknown whether there is a battery', () => {
    for (let i = 0; i < 5; i++) assert.equal(shareGpu(GPU_IS_USED, busy(0), 'unknown').reason, undefined);
  });
});
