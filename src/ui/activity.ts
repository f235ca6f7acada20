import type { OfferedText } from '../completion/editor/provider';
import type { Outcome, Work } from '../completion/outcome';
import type { Purpose } from '../completion/plan';
import { describeHardware } from '../engine/describe';
import { type GovernorSettings, settingsKey } from '../governor/settings';
import { latencyBudgetMs } from '../governor/situation';
import { localised, type Phrase } from '../localisation/phrase';
import type { Clock } from '../machine/clock';
import { submodelNames } from '../matlm/submodel';
import { describeImported } from '../session/importedModel';
import type { SearchProgress } from '../search/search';
import type { Session } from '../session/session';
import type { Statistics } from '../statistics/statistics';
import { SuggestionTracker } from '../statistics/suggestionTracker';
import { dashboardState, shortNames } from './dashboard/build';
import { type DashboardState, RECENT_SPAN_MS } from './dashboard/state';
import { describeEngine } from './describeEngine';
import { describeMachine } from './describeMachine';
import { describeSettings } from './describeSettings';
import { OutcomeCounts } from './diagnostics/outcomeCounts';
import { type Explanation, explainSilence } from './explainSilence';
import { type Here, offHere } from './here';
import { type Pace, paceOf } from './pace';
import { type PastOutcome, PastOutcomes } from './pastOutcomes';
import { RecentAnswers } from './recent';
import { RecentDeclines } from './recentDeclines';
import { describeSearch } from './search/describeSearch';
import type { Settings } from '../session/settings';
import type { ShelfSummary } from './models/shelf';
import { labelOf, sizesOf } from './sizes';
import { DECLINED_FROM, statusOf, type StatusView } from './status';
import { strainOf } from './strain';
import { describeMemory, type MemorySummary } from '../workspace/memory/summary';
import { tooltip } from './tooltip';
import { weightsRead } from './weightsRead';

export interface ActivityParts {
  readonly statistics: Statistics;
  readonly clock: Clock;
  readonly settings: () => Settings;
  /** The settings that choose a size, as they hold for the model that runs. */
  readonly governorSettings: () => GovernorSettings;
  readonly session: Pick<
    Session,
    'state' | 'config' | 'imported' | 'hardware' | 'sensors' | 'machine' | 'preview' | 'predictMs'
  >;
  readonly memory: () => MemorySummary;
  readonly search: () => SearchProgress;
  readonly models: () => ShelfSummary;
  /** Where the engine runs; undefined if there is only one machine. */
  readonly side: string | undefined;
  /** Something visible has changed. */
  readonly onChange: () => void;
}

/** A submodel, its short name, and why it is used. */
export interface CurrentChoice {
  readonly submodel: string;
  readonly shortName: string;
  /** In the display language. */
  readonly reason: string;
}

/** Outcomes that the explanation of a missing suggestion lists. */
const LISTED_OUTCOMES = 10;

/** Collects events for the status bar, the picker, the dashboard and the explanation of a missing suggestion. */
export class Activity {
  readonly suggestions: SuggestionTracker;
  /** Of all requests since the start of the extension. */
  readonly outcomes = new OutcomeCounts();
  private readonly recent = new RecentAnswers();
  private readonly past = new PastOutcomes();
  private readonly declines = new RecentDeclines();
  private cancelChange: () => void = () => undefined;
  private last: { readonly work: Work; readonly settings: string } | undefined;

  constructor(private readonly parts: ActivityParts) {
    this.suggestions = new SuggestionTracker((event) => {
      parts.statistics.add(event);
      parts.onChange();
    });
  }

  /** A request has ended. @param source the URI of its document, and the name of the file */
  outcome(outcome: Outcome, source: { readonly document: string; readonly fileName: string }): void {
    const timeMs = this.parts.clock.now();
    this.outcomes.add(outcome);
    this.past.add({ ...this.summaryOf(outcome), ...source, timeMs });
    if (outcome.kind === 'declined') this.declines.add(source.document, timeMs);
    else if (outcome.kind !== 'superseded') this.declines.end(source.document);
    this.changeOnExpiry();
    if ('work' in outcome) this.answered(outcome.work, timeMs);
    this.parts.onChange();
  }

  /** A decode has ended, whether or not a request was waiting for it. XL alone would not have needed a refinement. */
  decoded({ submodel, prefilledTokens, passes }: Work, purpose: Purpose): void {
    const { session, governorSettings, statistics } = this.parts;
    if (!session.config || governorSettings().submodel !== 'auto') return;
    // The counts compare the sizes of the main model.
    if (!submodelNames(session.config).includes(submodel)) return;
    const { bytes, bytesByXL } = weightsRead(session.config, submodel, prefilledTokens, passes);
    statistics.add({ kind: 'read', bytes, bytesByXL: purpose === 'refinement' ? 0 : bytesByXL });
  }

  /** The editor was given ghost text. */
  offered({ request, document, offset, text, submodel }: OfferedText): void {
    const size = this.shortNameOf(submodel);
    if (size === undefined) return;
    this.suggestions.offered({ request, document, offset, text, size }, this.parts.clock.now());
  }

  /**
   * The submodel under the given settings: that of the last completion if it was made under them, otherwise the one that
   * the governor would choose now or that it considers and declines.
   */
  present(settings: GovernorSettings): CurrentChoice | undefined {
    const { session } = this.parts;
    const chosen = (submodel: string, reason: Phrase) => {
      const shortName = this.shortNameOf(submodel);
      return shortName === undefined ? undefined : { submodel, shortName, reason: localised(reason) };
    };
    if (this.last?.settings === settingsKey(settings)) return chosen(this.last.work.submodel, this.last.work.reason);
    const decision = session.preview({ ...settings, manualOnly: false });
    const submodel = decision && (decision.submodel ?? decision.considered);
    return submodel && chosen(submodel.name, decision.reason);
  }

  /** Forget everything about another checkpoint: its completions, and the outcomes of its requests. */
  forget(): void {
    this.forgetCompletions();
    this.past.clear();
    this.declines.clear();
    this.cancelChange();
  }

  /** Forget the completions, but keep the outcomes that explain a missing suggestion. */
  forgetCompletions(): void {
    this.last = undefined;
    this.recent.clear();
  }

  dispose(): void {
    this.cancelChange();
  }

  /** @param here the active document; undefined if there is none */
  status(here: Here | undefined, isBusy: boolean): StatusView {
    const { session, governorSettings, clock } = this.parts;
    return statusOf({
      engine: session.state,
      off: here && offHere(here),
      manualOnly: governorSettings().manualOnly,
      declinedInARow: here ? this.declines.count(here.document, clock.now()) : 0,
      strains: strainOf(session.machine),
      last: this.completed,
      isBusy,
    });
  }

  /** The newest outcome in a document, by its URI, without superseded ones if there is another. */
  lastIn(document: string): PastOutcome | undefined {
    return this.past.lastIn(document);
  }

  /** What is different because this machine is slow or saves work; undefined if nothing is. */
  pace(here: Here | undefined): Pace | undefined {
    const { session, governorSettings, clock } = this.parts;
    const sizes = session.config ? sizesOf(session.config) : [];
    return paceOf({
      sizes: sizes.map(({ name }) => ({ name, predictedMs: session.predictMs(name) })),
      budgetMs: latencyBudgetMs({ gapMs: undefined }, 'pause', governorSettings()),
      strains: strainOf(session.machine),
      isDeclining: here !== undefined && this.declines.count(here.document, clock.now()) >= DECLINED_FROM,
    });
  }

  /** The reason why there is no suggestion in the active document. */
  explain(here: Here | undefined): Explanation {
    const { session, settings, governorSettings, clock } = this.parts;
    return explainSilence({
      engine: session.state,
      here,
      manualOnly: settings().manualOnly,
      submodel: governorSettings().submodel,
      eagerness: settings().eagerness,
      strains: strainOf(session.machine),
      lastHere: here && this.past.lastIn(here.document),
      outcomes: this.past.last(LISTED_OUTCOMES),
      nowMs: clock.now(),
    });
  }

  /** As Markdown. @param status as the status bar shows it @param here the active document */
  tooltip(status: StatusView, here?: Here): string {
    const { session, governorSettings, statistics, memory } = this.parts;
    const search = describeSearch(this.parts.search());
    const isRunning = session.state.kind !== 'failed';
    const today = statistics.today();
    const sizes = session.config ? shortNames(session.config) : [];
    return tooltip({
      engine: describeEngine(session.state),
      side: this.parts.side,
      silence: status.command === 'matcoder.whyNoSuggestion' ? status.label : undefined,
      hardware: isRunning ? localised(describeHardware(session.hardware)) : undefined,
      choice: isRunning ? describeSettings(governorSettings()) : undefined,
      pace: this.pace(here),
      imported: this.imported,
      memory: isRunning ? localised(describeMemory(memory())) : undefined,
      search: search && localised(search),
      last: this.last && { ...this.last.work, reason: localised(this.last.work.reason) },
      today,
      // Then imported models, also those that were renamed or deleted since.
      order: [...sizes, ...Object.keys(today.sizes).filter((name) => !sizes.includes(name))],
      machine: isRunning ? describeMachine(session.sensors) : [],
    });
  }

  dashboard(): DashboardState {
    const { session, governorSettings, statistics, clock } = this.parts;
    const { state, config } = session;
    const nowMs = clock.now();
    const choice = this.present(governorSettings());
    return dashboardState({
      engine: { ready: state.kind === 'ready', text: describeEngine(state) },
      config,
      choice: choice && { ...choice, by: describeSettings(governorSettings()) },
      predictMs: (submodel) => session.predictMs(submodel),
      answers: this.recent.since(nowMs - RECENT_SPAN_MS),
      nowMs,
      today: statistics.today(),
      total: statistics.total(),
      machine: describeMachine(session.sensors),
      models: this.parts.models().all,
      modelInUse: this.parts.models().chosen?.id,
      sizeFaults: this.parts.models().sizeFaults,
      importedState: this.imported,
      isMainShipped: this.parts.settings().modelPath === '',
    });
  }

  /** The state of the imported model as a sentence; undefined if none is chosen. */
  private get imported(): string | undefined {
    const { choice, state } = this.parts.session.imported;
    const { chosen, fault } = this.parts.models();
    const phrase = fault ?? describeImported(state, choice?.name ?? chosen?.name ?? '');
    return phrase && localised(phrase);
  }

  /** The status changes by itself when declined requests are no longer recent. */
  private changeOnExpiry(): void {
    const { clock, onChange } = this.parts;
    this.cancelChange();
    const nowMs = clock.now();
    const atMs = this.declines.fallsBelowAtMs(DECLINED_FROM, nowMs);
    if (atMs === undefined) return;
    this.cancelChange = clock.after(atMs - nowMs, () => {
      onChange();
      this.changeOnExpiry();
    });
  }

  private answered(work: Work, timeMs: number): void {
    const { governorSettings, statistics } = this.parts;
    const { submodel, latencyMs } = work;
    const size = this.shortNameOf(submodel);
    if (size === undefined) return;
    this.last = { work, settings: settingsKey(governorSettings()) };
    this.recent.add({ timeMs, submodel, latencyMs });
    statistics.add({ kind: 'answered', size, latencyMs });
  }

  /** The last completion; undefined if there was none by this checkpoint. */
  private get completed(): { readonly shortName: string; readonly latencyMs: number } | undefined {
    const { last } = this;
    const shortName = last && this.shortNameOf(last.work.submodel);
    return last && shortName !== undefined ? { shortName, latencyMs: last.work.latencyMs } : undefined;
  }

  private summaryOf(outcome: Outcome) {
    const { kind } = outcome;
    const work = 'work' in outcome ? outcome.work : undefined;
    const submodel =
      'considered' in outcome ? outcome.considered : 'submodel' in outcome ? outcome.submodel : work?.submodel;
    const size = submodel === undefined ? undefined : this.shortNameOf(submodel);
    return {
      kind,
      reason: 'reason' in outcome ? outcome.reason : undefined,
      ...('cause' in outcome ? { cause: outcome.cause } : {}),
      ...(size === undefined ? {} : { size }),
      ...(work && kind !== 'kept' ? { latencyMs: work.latencyMs } : {}),
    };
  }

  /** Undefined if no checkpoint is open. */
  private shortNameOf(submodel: string): string | undefined {
    const { config } = this.parts.session;
    return config && labelOf(config, submodel).shortName;
  }
}
