import assert from 'node:assert/strict';
import type { Work } from '../../../src/completion/outcome';
import type { Decision, Declined } from '../../../src/governor/decide';
import { AUTO, type GovernorSettings } from '../../../src/governor/settings';
import { submodelOf } from '../../../src/matlm/submodel';
import { Statistics } from '../../../src/statistics/statistics';
import { savedShare } from '../../../src/statistics/tally';
import { Activity } from '../../../src/ui/activity';
import { RECENT_SPAN_MS } from '../../../src/ui/dashboard/state';
import { exampleConfig } from '../model';

describe('the activity', () => {
  const config = exampleConfig();
  let nowMs: number;
  let changes: number;
  let settings: GovernorSettings;
  let statistics: Statistics;
  let activity: Activity;
  let preview: Decision | Declined;

  beforeEach(() => {
    nowMs = 0;
    changes = 0;
    settings = AUTO;
    preview = {
      submodel: submodelOf(config, 'S'),
      draft: { widths: [], maxTokens: 0 },
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
      now: () => nowMs,
      settings: () => settings,
      engine: () => ({ kind: 'starting' }),
      hardware: () => undefined,
      config: () => config,
      costs: () => undefined,
      machine: () => undefined,
      preview: () => preview,
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
  const shown = (submodel: string) => {
    activity.outcome({ kind: 'shown', suggestion: { text: 'x', replaces: 0 }, work: work(submodel) });
  };

  it('has the governor’s choice as the present one before the first completion', () => {
    assert.deepEqual(activity.present(AUTO), { submodel: 'S', shortName: 'S', reason: 'typing fast' });
  });

  it('has what is not worth its time now as the present one, and says so', () => {
    const reason = 'what M would add is not worth its time';
    preview = { submodel: undefined, considered: submodelOf(config, 'M'), reason };
    assert.deepEqual(activity.present(AUTO), { submodel: 'M', shortName: 'M', reason });
  });

  it('has the last completion’s submodel as the present choice, until the settings change', () => {
    shown('mix 4-4-4-4-4-8');
    assert.equal(activity.present(AUTO)?.shortName, 'S+');
    assert.equal(activity.present({ ...AUTO, latencyBudgetMs: 9 })?.reason, 'typing fast');
    assert.equal(changes, 1);
  });

  it('counts as saved what Auto did not read, and nothing of a fixed size', () => {
    activity.decoded(work('S'), 'requested');
    const share = savedShare(statistics.today());
    assert.ok(share !== undefined && share > 0.5 && share < 0.65, String(share));
    settings = { ...AUTO, submodel: 'XL' };
    activity.decoded(work('XL'), 'requested');
    assert.equal(savedShare(statistics.today()), share);
  });

  it('counts what was decoded ahead too, and against Auto what is made again by a larger one', () => {
    activity.decoded(work('S'), 'speculative');
    const share = savedShare(statistics.today()) ?? NaN;
    activity.decoded(work('XL'), 'refinement');
    assert.ok(Math.abs((savedShare(statistics.today()) ?? NaN) - (share - 1)) < 1e-9);
  });

  it('shows the dashboard what came in the last ten minutes', () => {
    shown('S');
    nowMs = RECENT_SPAN_MS / 2;
    shown('XL');
    nowMs = RECENT_SPAN_MS + 1;
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

  it('passes over what has no work, and what ends with none to show', () => {
    activity.outcome({ kind: 'gated', cause: 'language off', reason: 'off' });
    assert.equal(changes, 0);
    activity.outcome({ kind: 'empty', reason: 'nothing to add', work: work('M') });
    assert.equal(activity.completed?.shortName, 'M');
  });
});
