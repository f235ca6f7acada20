import assert from 'node:assert/strict';
import { phrase } from '../../../src/localisation/phrase';
import { UNKNOWN_MACHINE, type Machine } from '../../../src/governor/machine';
import { explainSilence, type RemedyAction, type SilenceFacts } from '../../../src/ui/explainSilence';
import type { Here } from '../../../src/ui/here';
import type { PastOutcome } from '../../../src/ui/pastOutcomes';
import { strainOf } from '../../../src/ui/strain';
import { INFO } from '../session/fakes';

const HERE: Here = {
  document: 'file:///a.ts',
  languageId: 'typescript',
  scheme: 'file',
  isEnabled: true,
  closed: undefined,
  showsInlineSuggestions: true,
};

function past(kind: PastOutcome['kind'], change: Partial<PastOutcome> = {}): PastOutcome {
  return { kind, reason: undefined, document: HERE.document, fileName: 'a.ts', timeMs: 0, times: 1, ...change };
}

const FACTS: SilenceFacts = {
  engine: { kind: 'ready', info: INFO },
  here: HERE,
  manualOnly: false,
  submodel: 'auto',
  eagerness: 'balanced',
  strains: [],
  lastHere: undefined,
  outcomes: [],
  nowMs: 12_000,
};

const BUSY = strainOf({ ...UNKNOWN_MACHINE, cpuBusyByOthersShare: 0.9 });

describe('a missing suggestion is explained', () => {
  const cases: [string, Partial<SilenceFacts>, title: RegExp, detail: RegExp, remedies: RemedyAction[]][] = [
    [
      'by an engine that failed, before all else',
      { engine: { kind: 'failed', reason: 'model.safetensors: it is truncated' }, here: { ...HERE, isEnabled: false } },
      /^The engine has stopped$/,
      /^model\.safetensors: it is truncated\.$/,
      ['restartEngine', 'openModelSetting'],
    ],
    [
      'by an engine that is not there',
      { engine: { kind: 'failed', reason: 'MatCoder has no engine for aix-ppc64', lacksEngine: true } },
      /^The engine of this platform is not there$/,
      /no engine for aix-ppc64\.$/,
      ['openExtension', 'restartEngine'],
    ],
    ['by an engine that starts', { engine: { kind: 'starting' } }, /is starting$/, /when it is ready/, []],
    [
      'by an engine that restarts',
      { engine: { kind: 'restarting', reason: 'the engine ended by SIGKILL', delayMs: 1 } },
      /restarts after a fault/,
      /^The engine ended by SIGKILL\.$/,
      ['restartEngine'],
    ],
    [
      'by an engine that was stopped',
      { engine: { kind: 'stopped' } },
      /is stopped/,
      /not been started/,
      ['restartEngine'],
    ],
    ['by no editor', { here: undefined }, /^No editor is active$/, /has the cursor/, ['trySample']],
    [
      'by a document that nobody edits',
      { here: { ...HERE, scheme: 'git', isEnabled: false } },
      /off in this document/,
      /^Documents of the scheme git are read-only\.$/,
      [],
    ],
    [
      'by a file that is ignored',
      { here: { ...HERE, closed: phrase('.matcoderignore lists the file') } },
      /off in this file/,
      /^\.matcoderignore lists the file\.$/,
      [],
    ],
    [
      'by VS Code’s own setting',
      { here: { ...HERE, showsInlineSuggestions: false }, manualOnly: true },
      /VS Code shows no inline suggestions/,
      /editor\.inlineSuggest\.enabled is off/,
      ['openInlineSuggestSetting'],
    ],
    [
      'by a language that is off',
      { here: { ...HERE, languageId: 'markdown', isEnabled: false }, manualOnly: true },
      /^MatCoder is off for markdown$/,
      /matcoder\.enabled is off for this language/,
      ['enableLanguage', 'trigger'],
    ],
    [
      'by a setting',
      { manualOnly: true, lastHere: past('shown') },
      /only when asked by hand/,
      /matcoder\.manualOnly is on/,
      ['suggestWhileTyping', 'trigger'],
    ],
    ['by no request yet', {}, /^No request in this file yet$/, /when you type/, ['trigger']],
    [
      'by several cursors',
      { lastHere: past('gated', { cause: 'several cursors', reason: phrase('there is more than one cursor') }) },
      /more than one cursor/,
      /Escape/,
      [],
    ],
    [
      'by a selection',
      { lastHere: past('gated', { cause: 'selection', reason: phrase('text is selected') }) },
      /^Text is selected$/,
      /without a selection/,
      [],
    ],
    [
      'by code after the cursor',
      { lastHere: past('gated', { cause: 'code follows', reason: phrase('code follows on the line') }) },
      /^Code follows the cursor/,
      /only if nothing but closing brackets/,
      ['trigger'],
    ],
    [
      'by a line that is too long',
      { lastHere: past('gated', { cause: 'long line', reason: phrase('the line is longer than 2000 characters') }) },
      /No suggestion is wanted here/,
      /^The line is longer than 2000 characters\.$/,
      [],
    ],
    [
      'by a busy machine',
      { lastHere: past('declined', { reason: phrase('over the allowance') }), strains: BUSY },
      /^MatCoder saves work, because other programs use the processor$/,
      /^Over the allowance\.$/,
      ['trigger', 'chooseSize'],
    ],
    [
      'by the governor on a quiet machine',
      { lastHere: past('declined', { reason: phrase('typing at 90 ms a key') }) },
      /engine has used its share of the processor for now/,
      /^Typing at 90 ms a key\.$/,
      ['trigger', 'chooseSize'],
    ],
    [
      'by a model that was not confident',
      { lastHere: past('unsure', { size: 'M', reason: phrase('the score was too low') }) },
      /^M was not confident enough$/,
      /The score was too low\. The eagerness is balanced\.$/,
      ['beEager', 'trigger'],
    ],
    [
      'by the largest model that was not confident at the highest eagerness',
      { lastHere: past('unsure', { size: 'XL' }), eagerness: 'eager' },
      /^XL was not confident/,
      /eager\.$/,
      ['trigger'],
    ],
    [
      'by a model without a suggestion',
      { lastHere: past('empty', { size: 'S', reason: phrase('the filter loops removed all of it') }) },
      /^S had nothing to suggest$/,
      /filter loops removed all of it\.$/,
      ['trigger'],
    ],
    [
      'by typing that was faster than a fixed size',
      { lastHere: past('superseded', { reason: phrase('cancelled before its decode began') }), submodel: 'XL' },
      /typed on before the answer was ready/,
      /^Cancelled before its decode began\.$/,
      ['chooseSize', 'trigger'],
    ],
    ['by typing that was faster than Auto', { lastHere: past('superseded') }, /typed on/, /^$/, ['trigger']],
    [
      'by a request that failed',
      { lastHere: past('failed', { reason: phrase('the engine ended by SIGKILL') }) },
      /^The last request failed$/,
      /SIGKILL/,
      ['restartEngine'],
    ],
    [
      'by a suggestion that came',
      { lastHere: past('shown', { size: 'M', latencyMs: 43 }), strains: BUSY },
      /showed a suggestion$/,
      /^By M in 43 ms\. VS Code hides/,
      ['trigger'],
    ],
    ['by a suggestion that came again', { lastHere: past('reused', { size: 'M' }) }, /showed/, /^By M\. /, ['trigger']],
  ];
  for (const [what, change, title, detail, remedies] of cases) {
    it(what, () => {
      const { now, remedies: offered } = explainSilence({ ...FACTS, ...change });
      assert.match(now.title, title);
      assert.match(now.detail, detail);
      // The log has the details of every case, and the diagnostics help whoever else looks at it.
      assert.deepEqual(
        offered.map(({ action }) => action),
        [...remedies, 'showLog', 'copyDiagnostics'],
      );
      for (const text of [now.title, ...offered.map((remedy) => remedy.title)]) assert.ok(text.length <= 90, text);
    });
  }

  it('with the last outcomes in words', () => {
    const outcomes = [
      past('shown', { size: 'M', latencyMs: 43.4, timeMs: 9_000 }),
      past('declined', {
        size: 'S',
        reason: phrase('typing at 90 ms a key'),
        times: 7,
        fileName: 'b.ts',
        timeMs: 2_000,
      }),
      past('superseded', { reason: phrase('cancelled, but its decode continues'), times: 2 }),
      past('unsure', { size: 'S', latencyMs: 64, reason: phrase('src/a.ts is new') }),
    ];
    assert.deepEqual(
      explainSilence({ ...FACTS, outcomes }).outcomes.map(({ when, title, detail }) => [when, title, detail]),
      [
        ['3 s ago, a.ts', 'Shown by M in 43 ms', ''],
        ['10 s ago, b.ts', 'Declined (S), 7 times', 'Typing at 90 ms a key.'],
        ['12 s ago, a.ts', 'Superseded by typing, 2 times', 'Cancelled, but its decode continues.'],
        ['12 s ago, a.ts', 'Not confident enough (S, 64 ms)', 'src/a.ts is new.'],
      ],
    );
  });
});

describe('the strain of a machine', () => {
  const cases: [string, Partial<Machine>, string][] = [
    ['unknown', {}, ''],
    ['idle on mains', { powerSource: 'mains', cpuBusyByOthersShare: 0.2, thermal: 'fair' }, ''],
    ['used by others', { cpuBusyByOthersShare: 0.9 }, 'busy'],
    ['with a used GPU that the engine does not need', { gpu: { name: 'g', busyByOthersShare: 0.9 } }, ''],
    ['with a used GPU', { gpu: { name: 'g', busyByOthersShare: 0.9 }, runsOnGpu: true }, 'busy'],
    ['hot on battery', { thermal: 'critical', powerSource: 'battery' }, 'hot, power'],
    ['that saves power', { lowPower: true }, 'power'],
  ];
  for (const [what, machine, expected] of cases) {
    it(`${what} is ${expected || 'none'}`, () => {
      const strains = strainOf({ ...UNKNOWN_MACHINE, ...machine });
      assert.equal(strains.map(({ short }) => short).join(', '), expected);
    });
  }
});
