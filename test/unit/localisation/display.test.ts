import assert from 'node:assert/strict';
import { keyOf, LANGUAGES, messagesIn, readBundle } from '../../../scripts/lib/messages.mjs';
import { describeHardware } from '../../../src/engine/describe';
import { explain } from '../../../src/governor/reason';
import { UNKNOWN_MACHINE } from '../../../src/governor/machine';
import { AUTO } from '../../../src/governor/settings';
import { type Bundle, useLanguage } from '../../../src/localisation/language';
import { localised } from '../../../src/localisation/phrase';
import { submodelOf } from '../../../src/matlm/submodel';
import { NO_PROGRESS } from '../../../src/search/search';
import { countsOf, merge, NO_USAGE } from '../../../src/statistics/counts';
import { describeEngine } from '../../../src/ui/describeEngine';
import { describeMachine } from '../../../src/ui/describeMachine';
import { describeSettings } from '../../../src/ui/describeSettings';
import { explainSilence, type SilenceFacts } from '../../../src/ui/explainSilence';
import type { Here } from '../../../src/ui/here';
import { statusOf, type StatusInput } from '../../../src/ui/status';
import { strainOf } from '../../../src/ui/strain';
import { describeSearch } from '../../../src/ui/search/describeSearch';
import { tooltip } from '../../../src/ui/tooltip';
import { describeMemory } from '../../../src/workspace/memory/summary';
import { exampleConfig } from '../model';
import { INFO } from '../session/fakes';

const config = exampleConfig();
const HERE: Here = {
  document: 'file:///a.ts',
  languageId: 'cobol',
  scheme: 'file',
  isEnabled: false,
  closed: undefined,
  showsInlineSuggestions: true,
};

/** Everything that the status bar, its tooltip and the explanation of a missing suggestion show in some typical states. */
function shown(): string[] {
  const machine = { ...UNKNOWN_MACHINE, powerSource: 'battery', cpuBusyByOthersShare: 0.9 } as const;
  const submodel = submodelOf(config, 'M');
  const moment = { explicit: false, gapMs: 180, place: 'line start', pauseChance: 0, machine } as const;
  const reason = explain(moment, 'start', { submodel }, 20, 100);
  const ready = { kind: 'ready', info: INFO } as const;
  const status: StatusInput = {
    engine: ready,
    off: undefined,
    manualOnly: false,
    declinedInARow: 5,
    strains: strainOf(machine),
    last: { shortName: 'M', latencyMs: 1234 },
    isBusy: false,
  };
  const statuses = [
    status,
    { ...status, declinedInARow: 0 },
    { ...status, manualOnly: true },
    { ...status, engine: { kind: 'starting' } },
  ] as const;
  const facts: SilenceFacts = {
    engine: ready,
    here: HERE,
    manualOnly: false,
    submodel: 'auto',
    eagerness: 'balanced',
    strains: strainOf(machine),
    lastHere: undefined,
    outcomes: [{ kind: 'declined', reason, size: 'M', times: 3, document: '', fileName: 'a.ts', timeMs: 0 }],
    nowMs: 12_000,
  };
  const why = explainSilence(facts);
  const used = [
    { kind: 'answered', size: 'M', latencyMs: 40 } as const,
    { kind: 'shown', size: 'M' } as const,
    { kind: 'accepted', size: 'M', savedKeys: 31, again: false } as const,
    { kind: 'read', bytes: 3e9, bytesByXL: 7.5e9 } as const,
  ];
  const memory = {
    state: 'on',
    files: 312,
    unread: 20,
    bytes: 1.2e6,
    leftOut: { minified: 1 },
    isTruncated: true,
  } as const;
  const search = describeSearch({ ...NO_PROGRESS, now: { state: 'waiting', for: 'mains' } });
  return [
    ...statuses.map(statusOf).flatMap(({ text, label }) => [text, label]),
    ...[why.now, ...why.remedies, ...why.outcomes].flatMap(({ title, detail }) => [title, detail]),
    ...why.outcomes.map(({ when }) => when),
    tooltip({
      side: undefined,
      engine: describeEngine(ready),
      silence: statusOf(status).label,
      hardware: localised(describeHardware(undefined)),
      choice: describeSettings({ ...AUTO, batteryCap: 'S', latencyBudgetMs: 60, manualOnly: true }),
      imported: undefined,
      pace: undefined,
      memory: localised(describeMemory(memory)),
      search: search && localised(search),
      last: { submodel: 'M', latencyMs: 18, reason: localised(reason) },
      today: used.map(countsOf).reduce(merge, NO_USAGE),
      order: ['M'],
      machine: describeMachine({
        powerSource: 'battery',
        chargeShare: 0.5,
        lowPower: false,
        thermal: 'serious',
        gpu: { name: 'A100' },
        readAtMs: 0,
      }),
    }),
  ];
}

describe('the user interface in another language', () => {
  afterEach(() => {
    useLanguage('en', undefined);
  });

  it('has no word of English: all of it is translated', () => {
    const marked = messagesIn().messages.map((m) => [
      keyOf(m),
      `⟦${m.message.replaceAll(/[^{}\d]+(?![^{]*\})/g, '·')}⟧`,
    ]);
    useLanguage('en', Object.fromEntries(marked) as Bundle);
    const data =
      /MatCoder|seconds|cobol|a\.ts|scalar|A100|Auto|command:matcoder\.\w+|\$\([\w~-]+\)|&emsp;|\b(M|S|MB|GB|ms|s|kB|and)\b/g;
    for (const text of shown()) assert.doesNotMatch(text.replaceAll(data, ''), /[A-Za-z]{2,}/, text);
  });

  for (const language of LANGUAGES) {
    it(`is complete in ${language}`, () => {
      const english = shown();
      useLanguage(language, readBundle(language));
      const translated = shown();
      assert.equal(translated.length, english.length);
      for (const [i, text] of translated.entries()) {
        assert.doesNotMatch(text, /\{\d\}/);
        if (/[a-z]{3}/.test(english[i]!.replaceAll(/\$\(.*?\)|a\.ts/g, ''))) assert.notEqual(text, english[i]);
      }
    });
  }

  it('is German in Germany', () => {
    useLanguage('de', readBundle('de'));
    const texts = shown();
    assert.ok(texts.includes('Größe M, letzte Vervollständigung in 1,2 Sekunden'), texts.join('\n'));
    assert.ok(
      texts.includes('pausiert: andere Programme nutzen den Prozessor und der Computer läuft im Akkubetrieb'),
      texts.join('\n'),
    );
    assert.match(texts.at(-1)!, /31 Tastendrücke gespart/);
    assert.match(
      texts.at(-1)!,
      /Auto hat 60\s% weniger Gewichtsbytes gelesen, als XL gelesen hätte \(3,0\sGB statt 7,5\sGB\)/,
    );
  });
});
