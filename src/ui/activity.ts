import type { Purpose } from '../completion/reuse/generation';
import type { Outcome, Work } from '../completion/outcome';
import type { Offer } from '../completion/editor/provider';
import type { EngineState } from '../engine/client';
import { describeHardware } from '../engine/describe';
import type { HardwareReport } from '../engine/hardware';
import type { CostModel } from '../governor/costs';
import type { Decision, Declined } from '../governor/decide';
import { type GovernorSettings, settingsKey } from '../governor/settings';
import type { MachineState } from '../machine/state';
import type { CheckpointConfig } from '../matlm/config';
import { SuggestionLives } from '../statistics/life';
import type { Statistics } from '../statistics/statistics';
import { dashboardState, shortNames } from './dashboard/build';
import { type DashboardState, RECENT_SPAN_MS } from './dashboard/state';
import { describeEngine } from './describeEngine';
import { describeMachine } from './describeMachine';
import { describeSettings } from './describeSettings';
import { RecentAnswers } from './recent';
import { standingOf } from './sizes';
import { tooltip } from './tooltip';
import { weightsRead } from './weightsRead';

export interface ActivityParts {
  readonly statistics: Statistics;
  /** Milliseconds of a clock that never goes back. */
  readonly now: () => number;
  readonly settings: () => GovernorSettings;
  readonly engine: () => EngineState;
  /** What a probe found here; undefined where none was made. */
  readonly hardware: () => HardwareReport | undefined;
  readonly config: () => CheckpointConfig | undefined;
  readonly costs: () => CostModel | undefined;
  readonly machine: () => MachineState | undefined;
  /** What the governor would take for a request made now. */
  readonly preview: (settings: GovernorSettings) => Decision | Declined | undefined;
  /** Something that is shown has changed. */
  readonly onChange: () => void;
}

/** A typical request, for predictions: a line's worth of new prompt and of text. */
export const TYPICAL = { promptTokens: 24, newTokens: 12 };

/** A submodel with its short name, and why it is the one. */
export interface PresentChoice {
  readonly submodel: string;
  readonly shortName: string;
  readonly reason: string;
}

/** What happens while the user types, as the status bar, the picker and the dashboard tell it. */
export class Activity {
  readonly suggestions: SuggestionLives;
  private readonly recent = new RecentAnswers();
  private last: { readonly work: Work; readonly settings: string } | undefined;

  constructor(private readonly parts: ActivityParts) {
    this.suggestions = new SuggestionLives((happening) => {
      parts.statistics.add(happening);
      parts.onChange();
    });
  }

  outcome(outcome: Outcome): void {
    if (!('work' in outcome)) return;
    const { work } = outcome;
    const { statistics, now, onChange } = this.parts;
    const settings = this.parts.settings();
    const config = this.parts.config();
    if (!config) return;
    this.last = { work, settings: settingsKey(settings) };
    this.recent.add({ timeMs: now(), submodel: work.submodel, latencyMs: work.latencyMs });
    const { shortName } = standingOf(config, work.submodel);
    statistics.add({ kind: 'answered', size: shortName, latencyMs: work.latencyMs });
    onChange();
  }

  /** A decode has ended, asked for or not. One for something better XL alone would never have made. */
  decoded({ submodel, prefilledTokens, passes }: Work, purpose: Purpose): void {
    const config = this.parts.config();
    if (!config || this.parts.settings().submodel !== 'auto') return;
    const { bytes, bytesByXL } = weightsRead(config, submodel, prefilledTokens, passes);
    this.parts.statistics.add({ kind: 'read', bytes, bytesByXL: purpose === 'refinement' ? 0 : bytesByXL });
  }

  offered({ request, document, offset, text, submodel }: Offer): void {
    const config = this.parts.config();
    if (!config) return;
    const { shortName: size } = standingOf(config, submodel);
    this.suggestions.offered({ request, document, offset, text, size }, this.parts.now());
  }

  /** The last completion; undefined where none was made, or by a checkpoint that is gone. */
  get completed(): { readonly shortName: string; readonly latencyMs: number } | undefined {
    const config = this.parts.config();
    if (!config || !this.last) return undefined;
    const { submodel, latencyMs } = this.last.work;
    return { shortName: standingOf(config, submodel).shortName, latencyMs };
  }

  /**
   * The submodel under the given settings: that of the last completion where it was made under them, else what a request
   * now would take or not be worth.
   */
  present(settings: GovernorSettings): PresentChoice | undefined {
    const config = this.parts.config();
    if (!config) return undefined;
    const chosen = (submodel: string, reason: string) => ({
      submodel,
      shortName: standingOf(config, submodel).shortName,
      reason,
    });
    if (this.last?.settings === settingsKey(settings)) return chosen(this.last.work.submodel, this.last.work.reason);
    const decision = this.parts.preview({ ...settings, manualOnly: false });
    const submodel = decision && (decision.submodel ?? decision.considered);
    return submodel && chosen(submodel.name, decision.reason);
  }

  /** Milliseconds of a typical completion; undefined where nothing was measured. */
  predictMs(submodel: string): number | undefined {
    const costs = this.parts.costs();
    return costs?.predictMs(costs.named(submodel).submodel, TYPICAL.promptTokens, TYPICAL.newTokens);
  }

  /** Forget the completions of another checkpoint. */
  forget(): void {
    this.last = undefined;
    this.recent.clear();
  }

  tooltip(): string {
    const { engine, hardware, settings, config, statistics, machine } = this.parts;
    const opened = config();
    return tooltip({
      engine: describeEngine(engine()),
      hardware: describeHardware(hardware()),
      choice: describeSettings(settings()),
      last: this.last?.work,
      today: statistics.today(),
      order: opened ? shortNames(opened) : [],
      machine: describeMachine(machine()),
    });
  }

  dashboard(): DashboardState {
    const { engine, settings, config, statistics, machine, now } = this.parts;
    const state = engine();
    const nowMs = now();
    const choice = this.present(settings());
    return dashboardState({
      engine: { ready: state.kind === 'ready', text: describeEngine(state) },
      config: config(),
      choice: choice && { ...choice, by: describeSettings(settings()) },
      predictMs: (submodel) => this.predictMs(submodel),
      answers: this.recent.since(nowMs - RECENT_SPAN_MS),
      nowMs,
      today: statistics.today(),
      total: statistics.total(),
      machine: describeMachine(machine()),
    });
  }
}
