import assert from 'node:assert/strict';
import type { Work } from '../../../src/completion/outcome';
import type { EngineState } from '../../../src/engine/client';
import type { Decision, Declined } from '../../../src/governor/decide';
import { WINDOW_MS } from '../../../src/governor/dutyCycle';
import { UNKNOWN_MACHINE } from '../../../src/governor/machine';
import { AUTO, type GovernorSettings } from '../../../src/governor/settings';
import { submodelOf } from '../../../src/matlm/submodel';
import { savedShare } from '../../../src/statistics/counts';
import { Statistics } from '../../../src/statistics/statistics';
import { Activity } from '../../../src/ui/activity';
import { RECENT_SPAN_MS } from '../../../src/ui/dashboard/state';
import type { Here } from '../../../src/ui/here';
import { readSettings } from '../../../src/ui/settings';
import { ManualClock } from '../../manualClock';
import { exampleConfig } from '../model';
import { INFO } from '../session/fakes';

describe('the activity', () => {
  const config = exampleConfig();
  let clock: ManualClock;
  let changes: number;
  let settings: GovernorSettings;
  let statistics: Statistics;
  let activity: Activity;
  let preview: Decision | Declined;
  let engine: EngineState;

  beforeEach(() => {
    clock = new ManualClock();
    changes = 0;
    settings = AUTO;
    engine = { kind: 'starting' };
    preview = {
      submodel: submodelOf(config, 'S'),
      speculation: { widths: [], maxTokens: 0 },
      delayMs: 0,
      maxTokens: 40,
      multiline: false,
      speculateNext: false,
      situation: 'typing',
      reason: 'typing fast',
    };
    let stored: unknown;
    const storage = {
      load: () => stored,
      save: (days: unknown) => {
        stored = days;
        return Promise.resolve();
      },
    };
    statistics = new Statistics(
      storage,
      () => new Date(2026, 2, 1),
      () => undefined,
    );
    activity = new Activity({
      statistics,
      clock,
      settings: () =>
        readSettings(
          () => undefined,
          () => undefined,
        ),
      governorSettings: () => settings,
      memory: () => ({ state: 'off', files: 0, unread: 0, bytes: 0, leftOut: {}, isTruncated: false }),
      session: {
        get state() {
          return engine;
        },
        config,
        hardware: undefined,
        sensors: undefined,
        machine: UNKNOWN_MACHINE,
        preview: () => preview,
        predictMs: () => undefined,
      },
      onChange: () => {
        changes++;
      },
    });
  });

  const work = (submodel: string): Work => ({
    submodel,
    reason: 'a pause',
    promptTokens: 700,
    prefilledTokens: 20,
    decodedTokens: 10,
    passes: 9,
    prefillMs: 5,
    decodeMs: 10,
    latencyMs: 18,
  });
  const WHERE = { document: 'file:///a.ts', fileName: 'a.ts' };
  const HERE: Here = {
    document: WHERE.document,
    languageId: 'typescript',
    scheme: 'file',
    isEnabled: true,
    closed: undefined,
    showsInlineSuggestions: true,
  };
  const shown = (submodel: string) => {
    activity.outcome({ kind: 'shown', suggestion: { text: 'x', replaces: 0 }, work: work(submodel) }, WHERE);
  };

  const decline = (times: number) => {
    for (let i = 0; i < times; i++)
      activity.outcome({ kind: 'declined', reason: 'it hardly pays', considered: 'S' }, WHERE);
  };

  it('presents the governor’s choice before the first completion', () => {
    assert.deepEqual(activity.present(AUTO), { submodel: 'S', shortName: 'S', reason: 'typing fast' });
  });

  it('presents a declined submodel with the reason', () => {
    const reason = 'skipped: the engine has used its 5 % of a core (busy processor); typing at 160 ms a key';
    preview = { submodel: undefined, considered: submodelOf(config, 'M'), reason };
    assert.deepEqual(activity.present(AUTO), { submodel: 'M', shortName: 'M', reason });
  });

  it('presents the last completion’s submodel until the settings change', () => {
    shown('mix 4-4-4-4-4-8');
    assert.equal(activity.present(AUTO)?.shortName, 'S+');
    assert.equal(activity.present({ ...AUTO, latencyBudgetMs: 9 })?.reason, 'typing fast');
    assert.equal(changes, 1);
  });

  it('counts the bytes that Auto did not read as saved, and none for a fixed size', () => {
    activity.decoded(work('S'), 'requested');
    const share = savedShare(statistics.today());
    assert.ok(share !== undefined && share > 0.5 && share < 0.65, String(share));
    settings = { ...AUTO, submodel: 'XL' };
    activity.decoded(work('XL'), 'requested');
    assert.equal(savedShare(statistics.today()), share);
  });

  it('counts speculative completions too, and counts refinements against Auto', () => {
    activity.decoded(work('S'), 'speculative');
    const share = savedShare(statistics.today()) ?? NaN;
    activity.decoded(work('XL'), 'refinement');
    assert.ok(Math.abs((savedShare(statistics.today()) ?? NaN) - (share - 1)) < 1e-9);
  });

  it('gives the dashboard the answers of the last ten minutes', () => {
    shown('S');
    clock.advance(RECENT_SPAN_MS / 2);
    shown('XL');
    clock.advance(RECENT_SPAN_MS / 2 + 1);
    const { recent, choice, frontier, bySize } = activity.dashboard();
    assert.deepEqual(
      recent.map(({ shortName, agoMs, level }) => ({ shortName, agoMs, level })),
      [{ shortName: 'XL', agoMs: RECENT_SPAN_MS / 2 + 1, level: 4 }],
    );
    assert.equal(choice?.name, 'XL');
    assert.ok(frontier.some(({ name, isSize }) => name === 'XL' && isSize));
    assert.deepEqual(
      bySize.map(({ shortName, requests }) => [shortName, requests]),
      [
        ['S', 1],
        ['XL', 1],
      ],
    );
  });

  it('keeps the last completion in the status bar while requests end without work', () => {
    engine = { kind: 'ready', info: INFO };
    activity.outcome({ kind: 'gated', cause: 'selection', reason: 'text is selected' }, WHERE);
    assert.equal(activity.status(HERE, false).kind, 'waiting');
    activity.outcome({ kind: 'empty', reason: 'nothing to add', work: work('M') }, WHERE);
    activity.outcome({ kind: 'superseded', reason: 'cancelled before its decode began' }, WHERE);
    const status = activity.status(HERE, false);
    assert.deepEqual([status.kind, status.label], ['completed', 'size M, last completion in 18 ms']);
    assert.match(activity.tooltip(status), /Last: \*\*M\*\* in 18 ms/);
    activity.forget();
    assert.equal(activity.status(HERE, false).kind, 'waiting');
  });

  it('says in the status bar and its tooltip that requests are declined in this file, and explains it', () => {
    engine = { kind: 'ready', info: INFO };
    shown('M');
    decline(3);
    const status = activity.status(HERE, false);
    assert.equal(status.kind, 'declined');
    assert.match(activity.tooltip(status), /Now: \*\*quiet, because/);
    assert.equal(activity.status({ ...HERE, document: 'file:///b.ts' }, false).kind, 'completed');
    const { now, outcomes } = activity.explain(HERE);
    assert.equal(now.detail, 'It hardly pays.');
    assert.deepEqual(
      outcomes.map(({ title }) => title),
      ['Declined (S), 3 times', 'Shown by M in 18 ms'],
    );
  });

  it('shows that requests are declined until the duty cycle has forgotten them, and then changes by itself', () => {
    engine = { kind: 'ready', info: INFO };
    decline(1);
    clock.advance(5000);
    decline(1);
    activity.outcome({ kind: 'superseded', reason: 'cancelled before it began' }, WHERE);
    decline(1);
    const before = changes;
    clock.advance(WINDOW_MS - 5001);
    assert.deepEqual([activity.status(HERE, false).kind, changes], ['declined', before]);
    assert.match(activity.explain(HERE).now.title, /^The engine has used its share/);
    clock.advance(1);
    assert.deepEqual([activity.status(HERE, false).kind, changes], ['waiting', before + 1]);
    clock.advance(5000);
    assert.match(activity.explain(HERE).now.title, /^The engine had used its share .* at the last request here$/);
    assert.equal(changes, before + 1);
  });

  it('changes no more after it is disposed', () => {
    decline(3);
    const before = changes;
    activity.dispose();
    clock.advance(WINDOW_MS);
    assert.equal(changes, before);
  });

  it('forgets the outcomes of another model', () => {
    engine = { kind: 'ready', info: INFO };
    shown('M');
    decline(3);
    activity.forget();
    assert.equal(activity.status(HERE, false).kind, 'waiting');
    const { now, outcomes } = activity.explain(HERE);
    assert.deepEqual([now.title, outcomes], ['No request in this file yet', []]);
  });

  it('keeps the outcomes if only the completions are to be forgotten', () => {
    engine = { kind: 'ready', info: INFO };
    shown('M');
    activity.forgetCompletions();
    assert.equal(activity.status(HERE, false).kind, 'waiting');
    assert.equal(activity.explain(HERE).outcomes.length, 1);
  });
});
