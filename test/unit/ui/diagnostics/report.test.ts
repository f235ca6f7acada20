import assert from 'node:assert/strict';
import type { EngineInfo } from '../../../../src/engine/engine';
import { phrase, verbatim } from '../../../../src/localisation/phrase';
import { NO_PROGRESS } from '../../../../src/search/search';
import { countsOf, merge, NO_USAGE } from '../../../../src/statistics/counts';
import { OutcomeCounts } from '../../../../src/ui/diagnostics/outcomeCounts';
import { type DiagnosticsFacts, diagnosticsReport } from '../../../../src/ui/diagnostics/report';
import { RestartCounts } from '../../../../src/ui/diagnostics/restartCounts';
import { changedSettings } from '../../../../src/ui/diagnostics/settings';
import { INFO } from '../../session/fakes';

const FOLDER = '/home/anna/My Models';
const FACTS: DiagnosticsFacts = {
  versions: {
    extension: '0.1.0',
    packageTargets: ['linux-x64'],
    vscode: '1.139.1',
    program: 'Visual Studio Code',
    host: 'desktop',
    language: 'de',
  },
  system: {
    platform: 'linux',
    release: '6.1.0',
    arch: 'x64',
    libc: 'glibc 2.36',
    processor: 'A Processor @ 3 GHz',
    threads: 8,
    memoryBytes: 16e9,
  },
  window: { folders: 2, isTrusted: false, openForMs: 180_000 },
  engine: { kind: 'ready', info: INFO },
  restarts: { count: 0, lastReason: undefined },
  hardware: undefined,
  models: [],
  sizes: [
    { name: 'S', predictedMs: 7.25 },
    { name: 'XL', predictedMs: undefined },
  ],
  total: NO_USAGE,
  settings: [],
  sensors: undefined,
  outcomes: [],
  memory: { state: 'on', files: 12, unread: 3, bytes: 4e5, leftOut: { 'too large': 2 }, isTruncated: true },
  search: {
    ...NO_PROGRESS,
    now: { state: 'unavailable', fault: `${FOLDER}/x: no` },
    ...{ filesRead: 5, filesDone: 3, filesFound: 7, chunks: 40, pictures: 2, bytes: 15_000, isTruncated: true },
  },
  secret: { paths: [FOLDER], names: ['anna'] },
};

const READY = { prefillMsPerToken: 0.123, decodeMsPerToken: 1.5 };
const ON_CPU: EngineInfo = {
  ...INFO,
  backend: 'onnx-cpu',
  isa: 'onnx',
  rejected: [{ backend: 'native', reason: `${FOLDER}/x.node: the native engine does not load` }],
  yielded: { backend: 'gpu', reason: 'other programs use the GPU' },
};
const USED = [
  { kind: 'answered', size: 'S', latencyMs: 40 } as const,
  { kind: 'shown', size: 'S' } as const,
  { kind: 'accepted', size: 'S', savedKeys: 31, again: false } as const,
]
  .map(countsOf)
  .reduce(merge, NO_USAGE);

/** With its name, which a caller may pass on unseen. */
const IMPORTED = {
  name: 'Anna’s model',
  family: 'Llama',
  parameters: 135e6,
  bits: 4,
  diskBytes: 98e6,
  broken: undefined,
  isPrefixOnly: true,
  isInUse: true,
  measured: { typicalMs: 90, bitsPerByte: { own: 0.64, shipped: 0.6013, textBytes: 91_000 } },
  sizes: [],
  elasticity: undefined,
};

describe('the diagnostics', () => {
  const cases: readonly [what: string, change: Partial<DiagnosticsFacts>, line: string][] = [
    ['the version and the package', {}, 'MatCoder 0.1.0, package for linux-x64'],
    [
      'that the package has no engine',
      { versions: { ...FACTS.versions, packageTargets: [] } },
      'MatCoder 0.1.0, package for no platform',
    ],
    ['the editor', {}, 'Visual Studio Code 1.139.1, on desktop, language de'],
    ['the system', {}, 'linux 6.1.0, x64, glibc 2.36'],
    ['the processor', {}, 'A Processor @ 3 GHz, 8 threads, 16.0 GB of memory'],
    ['the backend', {}, 'backend: native, instruction set: scalar, threads: 1'],
    [
      'why another backend is not in use, without the path',
      { engine: { kind: 'ready', info: ON_CPU } },
      'not in use: native, because <path>: the native engine does not load',
    ],
    [
      'why another backend waits',
      { engine: { kind: 'ready', info: ON_CPU } },
      'paused: gpu, because other programs use the GPU',
    ],
    [
      'why the engine failed, without the path',
      { engine: { kind: 'failed', reason: `${FOLDER}: config.json is missing` } },
      'state: failed: <path>: config.json is missing',
    ],
    [
      'the restarts, without the path',
      { restarts: { count: 2, lastReason: `it ended (${FOLDER}/engine.js:1)` } },
      'restarts after a fault: 2, the last because it ended (<path>)',
    ],
    [
      'the time of a size',
      {},
      'S: a typical completion 7.3 ms; measured at the start: prefill 0.10, decode 1.0 ms a token',
    ],
    [
      'the usage of a size',
      { total: USED, engine: { kind: 'ready', info: { ...INFO, costs: { S: READY } } } },
      'S: a typical completion 7.3 ms; measured at the start: prefill 0.12, decode 1.5 ms a token; ' +
        'requests in thirty days: 1, median 40 ms, 95% within 40 ms, 1 of 1 accepted',
    ],
    [
      'an imported model by its shape, without its name',
      { models: [IMPORTED] },
      'Llama, 135 million parameters, 4 bits, 98.0 MB, prefix alone, in use, a typical completion 90 ms, ' +
        '0.640 bits per byte, the shipped model 0.601',
    ],
    [
      'the sizes of an imported model',
      {
        models: [
          {
            ...IMPORTED,
            sizes: [
              { name: 'S', ffnShare: 0.6, bytesPerToken: 6e7, bitsPerByte: 0.71 },
              { name: 'XL', ffnShare: 1, bytesPerToken: 8e7, bitsPerByte: 0.64 },
            ],
            elasticity: { sample: 'bundled', heldOutBytes: 9e4 },
          },
        ],
      },
      'Llama, 135 million parameters, 4 bits, 98.0 MB, prefix alone, in use, a typical completion 90 ms, ' +
        '0.640 bits per byte, the shipped model 0.601, S 60% of the FFN 11% more bits, XL 100% of the FFN 0.0% more bits, sizes found on the sample',
    ],
    [
      'a broken imported model of a family with a strange name',
      {
        models: [
          {
            family: '/home/anna',
            parameters: undefined,
            bits: undefined,
            diskBytes: 1e6,
            broken: 'config.json',
            isPrefixOnly: false,
            isInUse: false,
            measured: {},
            sizes: [],
            elasticity: undefined,
          },
        ],
      },
      'unknown family, 1.0 MB, prefix and suffix, broken: config.json, a typical completion not measured',
    ],
    [
      'the usage of an imported model, without its name',
      { total: [{ kind: 'answered', size: 'Anna’s model', latencyMs: 40 } as const].map(countsOf).reduce(merge) },
      'an imported model: a typical completion not measured; requests in thirty days: 1, median 40 ms, ' +
        '95% within 40 ms, 0 of 0 accepted',
    ],
    [
      'the usage of a smaller size of an imported model, without its name',
      { total: [{ kind: 'answered', size: 'Anna’s model L', latencyMs: 40 } as const].map(countsOf).reduce(merge) },
      'an imported model, L: a typical completion not measured; requests in thirty days: 1, median 40 ms, ' +
        '95% within 40 ms, 0 of 0 accepted',
    ],
    ['that no model is open', { sizes: [] }, 'no model is open'],
    ['that there was no probe', {}, 'not done yet'],
    [
      'the findings of the probe, without its paths',
      {
        hardware: {
          machine: `${FOLDER}/model.safetensors`,
          findings: [
            { backend: 'native', kept: true, error: 0.012, costs: { XL: READY } },
            { backend: 'gpu', kept: false, reason: `no adapter (${FOLDER}/dawn.so)` },
          ],
        },
      },
      'gpu: rejected, because no adapter (<path>)',
    ],
    ['that there is no reading', {}, 'no reading'],
    [
      'the readings',
      {
        sensors: {
          powerSource: 'battery',
          chargeShare: 0.42,
          lowPower: true,
          thermal: 'fair',
          cpuBusyByOthersShare: 0.1,
          readAtMs: 0,
        },
      },
      'power: battery, 42% charged; low-power mode: on; heat: fair',
    ],
    ['that all settings are as they come', {}, 'none'],
    ['a setting', { settings: ['matcoder.modelPath: set'] }, 'matcoder.modelPath: set'],
    [
      'the outcomes, without the path',
      { outcomes: [{ outcome: `failed: ${FOLDER}/x: no`, count: 3 }] },
      '3 × failed: <path>: no',
    ],
    [
      'the memory',
      {},
      'on, files: 12, 0.4 MB, 3 unread, 2 left out: too large, only the nearest files of a larger workspace',
    ],
    [
      'the index of the search, without the path',
      {},
      'unavailable: <path>: no, 7 files, 5 read, 3 embedded, 40 pieces of code, 2 pictures, 0.0 MB, more than the index takes',
    ],
    ['the window', {}, 'folders: 2, not trusted, open for 3 min'],
  ];
  for (const [what, change, line] of cases) {
    it(`tell ${what}`, () => {
      const text = diagnosticsReport({ ...FACTS, ...change });
      assert.ok(text.split('\n').includes(`- ${line}`), text);
      assert.doesNotMatch(text, /anna|My Models/i);
    });
  }

  it('count outcomes by kind and reason, whatever the numbers in it', () => {
    const counts = new OutcomeCounts();
    for (const ms of [120, 130]) {
      counts.add({
        kind: 'declined',
        reason: phrase('the engine has used its {0} % of a core; {1}', 5, phrase('typing at {0} ms a key', ms)),
      });
    }
    counts.add({ kind: 'gated', cause: 'selection', reason: phrase('text is selected') });
    assert.deepEqual(counts.all, [
      { outcome: 'declined: the engine has used its n % of a core; typing at n ms a key', count: 2 },
      { outcome: 'gated: selection', count: 1 },
    ]);
  });

  it('know a path and a name with digits in the reason of an outcome', () => {
    const counts = new OutcomeCounts();
    counts.add({ kind: 'failed', reason: verbatim('/srv/Data 24: closed to eva85') });
    const secret = { paths: ['/srv/Data 24'], names: ['eva85'] };
    const text = diagnosticsReport({ ...FACTS, outcomes: counts.all, secret });
    assert.ok(text.includes('- 1 × failed: <path>: closed to <name>\n'), text);
  });

  it('do not grow without end', () => {
    const counts = new OutcomeCounts();
    for (let i = 0; i < 500; i++) counts.add({ kind: 'failed', reason: verbatim('x'.repeat(i)) });
    assert.ok(counts.all.length <= 61, String(counts.all.length));
    assert.equal(counts.all.find(({ outcome }) => outcome === 'failed: other reasons')?.count, 440);
  });

  it('count restarts and keep the last reason', () => {
    const restarts = new RestartCounts();
    restarts.saw({ kind: 'starting' });
    restarts.saw({ kind: 'restarting', reason: 'a', delayMs: 1 });
    restarts.saw({ kind: 'restarting', reason: 'b', delayMs: 1 });
    assert.deepEqual(restarts.all, { count: 2, lastReason: 'b' });
  });
});

describe('of the settings, the diagnostics tell', () => {
  const cases: readonly [what: string, setting: Parameters<typeof changedSettings>[0][number], lines: string[]][] = [
    ['nothing if it is as it comes', setting('matcoder.threads', 0, 0), []],
    ['a number', setting('matcoder.threads', 0, 3), ['matcoder.threads: 3']],
    ['a flag', setting('matcoder.enabled', true, false), ['matcoder.enabled: false']],
    ['the name of a size', setting('matcoder.submodel', 'auto', 'XL'), ['matcoder.submodel: "XL"']],
    ['no name that is not a size', setting('matcoder.submodel', 'auto', '/home/anna'), ['matcoder.submodel: set']],
    ['no path', setting('matcoder.modelPath', '', '/home/anna'), ['matcoder.modelPath: set']],
    ['no path that is named like a size', setting('matcoder.modelPath', '', 'XL'), ['matcoder.modelPath: set']],
    [
      'a listed value',
      { ...setting('matcoder.eagerness', 'balanced', 'eager'), enum: ['balanced', 'eager'] },
      ['matcoder.eagerness: "eager"'],
    ],
    ['nothing of an object', setting('matcoder.other', {}, { path: '/home/anna' }), ['matcoder.other: set']],
    [
      'its languages',
      { ...setting('matcoder.enabled', true, true), languages: ['markdown', 'yaml'] },
      ['matcoder.enabled, by language: markdown, yaml'],
    ],
  ];
  for (const [what, settings, lines] of cases) {
    it(what, () => {
      assert.deepEqual(changedSettings([settings], ['XS', 'XL']), lines);
    });
  }

  function setting(name: string, usual: unknown, value: unknown) {
    return { name, default: usual, value, languages: [] };
  }
});
