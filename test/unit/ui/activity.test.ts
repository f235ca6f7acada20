import assert from 'node:assert/strict';
import { phrase, verbatim } from '../../../src/localisation/phrase';
import type { Work } from '../../../src/completion/outcome';
import type { EngineState } from '../../../src/engine/client';
import type { Decision, Declined } from '../../../src/governor/decide';
import { WINDOW_MS } from '../../../src/governor/dutyCycle';
import { UNKNOWN_MACHINE } from '../../../src/governor/machine';
import { AUTO, type GovernorSettings } from '../../../src/governor/settings';
import { submodelOf } from '../../../src/matlm/submodel';
import type { LibraryModel } from '../../../src/models/library';
import { modelSizesOf } from '../../../src/models/modelSizes';
import { NO_PROGRESS } from '../../../src/search/search';
import type { Session } from '../../../src/session/session';
import { savedShare } from '../../../src/statistics/counts';
import { Statistics } from '../../../src/statistics/statistics';
import { Activity } from '../../../src/ui/activity';
import { RECENT_SPAN_MS } from '../../../src/ui/dashboard/state';
import type { Here } from '../../../src/ui/here';
import type { ShelfSummary } from '../../../src/ui/models/shelf';
import { readSettings } from '../../../src/session/settings';
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
  let models: ShelfSummary;
  let imported: Session['imported'];

  beforeEach(() => {
    clock = new ManualClock();
    changes = 0;
    settings = AUTO;
    engine = { kind: 'starting' };
    models = { all: [], chosen: undefined, fault: undefined, sizeFaults: new Map() };
    imported = { choice: undefined, state: { kind: 'none' } };
    preview = {
      submodel: submodelOf(config, 'S'),
      speculation: { widths: [], maxTokens: 0 },
      delayMs: 0,
      maxTokens: 40,
      multiline: false,
      speculateNext: false,
      situation: 'typing',
      reason: phrase('typing fast'),
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
      side: undefined,
      models: () => models,
      statistics,
      clock,
      settings: () =>
        readSettings(
          () => undefined,
          () => undefined,
        ),
      governorSettings: () => settings,
      search: () => NO_PROGRESS,
      memory: () => ({ state: 'off', files: 0, unread: 0, bytes: 0, leftOut: {}, isTruncated: false }),
      session: {
        get state() {
          return engine;
        },
        config,
        get imported() {
          return imported;
        },
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
    reason: phrase('a pause'),
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
      activity.outcome({ kind: 'declined', reason: phrase('it hardly pays'), considered: 'S' }, WHERE);
  };

  const tooltip = () => activity.tooltip(activity.status(HERE, false), HERE);

  it('tells why the imported model that the settings name is not used', () => {
    assert.doesNotMatch(tooltip(), /Imported model/);
    models = { ...models, fault: phrase('there is no model {0}', 'smol') };
    assert.match(tooltip(), /Imported model: there is no model smol/);
  });

  it('tells whether the imported model is loaded, also on the dashboard', () => {
    const model = { id: 'smol', name: 'Smol', measured: {}, sizes: [] as LibraryModel['sizes'] } as LibraryModel;
    models = { ...models, all: [model, { ...model, id: 'other', name: 'Other' }], chosen: model };
    imported = {
      choice: { folder: 'smol', name: 'Smol' },
      state: { kind: 'failed', reason: 'config.json: it does not exist' },
    };
    const text = 'Smol cannot be used: config.json: it does not exist';
    assert.ok(tooltip().includes(`Imported model: ${text}`));
    assert.deepEqual(
      activity.dashboard().models.map(({ state }) => state),
      [text, undefined],
    );
  });

  it('gives the dashboard the sizes of an imported model, and why there are none if they were looked for', () => {
    const sizes = modelSizesOf({
      matformer: {
        granularities: { L: [48], XL: [64] },
        frontier: [
          { name: 'L', bytesPerToken: 7e7, bitsPerByte: 0.66 },
          { name: 'XL', bytesPerToken: 8e7, bitsPerByte: 0.6 },
        ],
      },
    });
    const elasticity = { sample: 'user', heldOutBytes: 9e4 } as const;
    const measured = { typicalMs: 90, smallerMs: { L: 70 } };
    const model = { id: 'smol', name: 'Smol', measured, sizes, elasticity } as unknown as LibraryModel;
    const plain = { ...model, id: 'plain', name: 'Plain', sizes: [], elasticity: undefined };
    models = { ...models, all: [model, plain], sizeFaults: new Map([['plain', phrase('the sample is too short')]]) };
    const [smol, other] = activity.dashboard().models;
    assert.deepEqual(
      smol?.sizes.map(({ name, moreBits, typicalMs }) => [name, moreBits?.toFixed(2), typicalMs]),
      [
        ['Smol L', '0.10', 70],
        ['Smol', '0.00', 90],
      ],
    );
    assert.deepEqual(
      [smol.elasticity, smol.canFindSizes, smol.sizesFault],
      [{ sample: 'user', heldOutBytes: 9e4 }, true, undefined],
    );
    assert.deepEqual([other?.sizes, other?.canFindSizes, other?.sizesFault], [[], true, 'the sample is too short']);
  });

  it('puts all sizes of an imported model in one row of the plot, under its name, and counts each', () => {
    const sizes = modelSizesOf({ matformer: { granularities: { L: [48], XL: [64] } } });
    models = { ...models, all: [{ id: 'smol', name: 'Smol', measured: {}, sizes } as unknown as LibraryModel] };
    shown('Smol');
    shown('Smol L');
    const { sizes: rows, recent, bySize } = activity.dashboard();
    assert.equal(rows.at(-1), 'Smol');
    assert.deepEqual(
      recent.map(({ shortName, level }) => [shortName, level]),
      [
        ['Smol', 5],
        ['Smol L', 5],
      ],
    );
    assert.deepEqual(
      bySize.map(({ shortName }) => shortName),
      ['Smol', 'Smol L'],
    );
    assert.match(tooltip(), /Last: \*\*Smol L\*\*/);
  });

  it('counts in its table of today what a model completed that is gone since', () => {
    shown('Gone');
    shown('S');
    assert.match(tooltip(), /\nS [^\n]*\nGone /);
  });

  it('presents the governor’s choice before the first completion', () => {
    assert.deepEqual(activity.present(AUTO), { submodel: 'S', shortName: 'S', reason: 'typing fast' });
  });

  it('presents a declined submodel with the reason', () => {
    const reason = 'skipped: the engine has used its 5 % of a core (busy processor); typing at 160 ms a key';
    preview = { submodel: undefined, considered: submodelOf(config, 'M'), reason: verbatim(reason) };
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
    activity.outcome({ kind: 'gated', cause: 'selection', reason: phrase('text is selected') }, WHERE);
    assert.equal(activity.status(HERE, false).kind, 'waiting');
    activity.outcome({ kind: 'empty', reason: phrase('nothing to add'), work: work('M') }, WHERE);
    activity.outcome({ kind: 'superseded', reason: phrase('cancelled before its decode began') }, WHERE);
    const status = activity.status(HERE, false);
    assert.deepEqual([status.kind, status.label], ['completed', 'size M, last completion in 18 milliseconds']);
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
    activity.outcome({ kind: 'superseded', reason: phrase('cancelled before it began') }, WHERE);
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
