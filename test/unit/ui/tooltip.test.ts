import assert from 'node:assert/strict';
import { countsOf, merge, NO_USAGE } from '../../../src/statistics/counts';
import { tooltip, type TooltipParts } from '../../../src/ui/tooltip';

const QUIET: TooltipParts = {
  engine: 'ready',
  side: undefined,
  silence: undefined,
  hardware: 'not tried yet',
  memory: '312 files, 1.2 MB',
  search: 'found by words so far: 1,240 files',
  choice: 'Auto',
  pace: undefined,
  imported: undefined,
  last: undefined,
  today: NO_USAGE,
  order: ['S', 'M', 'M+', 'XL'],
  machine: [],
};

const USED = [
  { kind: 'answered', size: 'XL', latencyMs: 40 } as const,
  { kind: 'answered', size: 'M+', latencyMs: 10 } as const,
  { kind: 'read', bytes: 3e9, bytesByXL: 7.5e9 } as const,
  { kind: 'shown', size: 'M+' } as const,
  { kind: 'accepted', size: 'M+', savedKeys: 31, again: false } as const,
]
  .map(countsOf)
  .reduce(merge, NO_USAGE);

describe('the tooltip', () => {
  it('says little before the first completion', () => {
    assert.equal(
      tooltip(QUIET).split('\n\n').slice(0, -1).join('; '),
      '**MatCoder**: ready; Backends: not tried yet; Model size: Auto; Workspace memory: 312 files, 1.2 MB; Search by meaning: found by words so far: 1,240 files',
    );
  });

  it('says where the engine runs, in a remote window', () => {
    const side = 'The engine runs on this computer';
    assert.match(tooltip({ ...QUIET, side }), /^\*\*MatCoder\*\*: ready\n\nThe engine runs on this computer\n\n/);
  });

  it('says how the imported model is', () => {
    assert.match(
      tooltip({ ...QUIET, imported: 'Smol is not loaded: it is loaded in the next pause' }),
      /^Imported model: Smol is not loaded/m,
    );
  });

  it('says why the last size was chosen', () => {
    const last = { submodel: 'mix 4-8', latencyMs: 17.6, reason: 'typing at 120 ms a key' };
    assert.match(tooltip({ ...QUIET, last }), /Last: \*\*mix 4\\-8\*\* in 18 ms \(typing at 120 ms a key\)/);
  });

  it('has a row for each size that was used today, smallest first', () => {
    const rows = tooltip({ ...QUIET, today: USED })
      .replaceAll('&emsp;', '')
      .split('\n')
      .filter((line) => / \| .* ms/.test(line));
    assert.deepEqual(rows, ['M\\+ | 10 ms | 10 ms | 100% \\(1 of 1\\)', 'XL | 40 ms | 40 ms | –']);
  });

  it('shows the savings by accepting and by Auto', () => {
    const text = tooltip({ ...QUIET, today: USED });
    assert.match(text, /31 keystrokes saved/);
    assert.match(tooltip({ ...QUIET, today: { ...USED, savedKeys: 1 } }), / 1 keystroke saved/);
    assert.match(text, /Auto read 60% fewer weight bytes than XL would have \(3\.0 GB instead of 7\.5 GB\)/);
  });

  it('says why no suggestions come, and always links to the explanation', () => {
    assert.match(tooltip({ ...QUIET, silence: 'off here' }), /\n\nNow: \*\*off here\*\*\n\n/);
    assert.match(tooltip(QUIET), /\[Why no suggestion\?\]\(command:matcoder\.whyNoSuggestion\)/);
  });

  it('has a row for a size that is named like a property of every object', () => {
    const counts = countsOf({ kind: 'answered', size: 'constructor', latencyMs: 5 });
    assert.match(tooltip({ ...QUIET, today: counts, order: ['constructor'] }), /^constructor \|/m);
    assert.doesNotMatch(tooltip({ ...QUIET, order: ['constructor'] }), /^constructor/m);
  });

  it('escapes Markdown in its input', () => {
    assert.match(tooltip({ ...QUIET, engine: 'stopped: /tmp/_a_/[b](c)' }), /\/tmp\/\\_a\\_\/\\\[b\\\]\\\(c\\\)/);
  });
});
