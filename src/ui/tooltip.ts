import { t } from '@vscode/l10n';
import { allSizes, savedShare, type UsageCounts } from '../statistics/counts';
import { percentile } from '../statistics/latencies';
import { bytes, count, milliseconds, millisecondsOrNone, percent, percentile95, ratio } from './format';
import type { Pace } from './pace';

/** The content of the status bar's tooltip. If the engine has failed, only the reason is worth reading. */
export interface TooltipParts {
  readonly engine: string;
  /** Where the engine runs, as a sentence; undefined if there is only one machine. */
  readonly side: string | undefined;
  /** Why no suggestions come now, as a clause; undefined if they do. */
  readonly silence: string | undefined;
  /** The backends that run on this machine. */
  readonly hardware: string | undefined;
  /** The settings: `Auto` and its limits, or the fixed size. */
  readonly choice: string | undefined;
  /** What is different on a slow machine; undefined if nothing is. */
  readonly pace: Pace | undefined;
  /** The state of the imported model; undefined if none is chosen. */
  readonly imported: string | undefined;
  /** What the memory of the workspace knows. */
  readonly memory: string | undefined;
  /** How far the index of the search by meaning is; undefined if none is wanted. */
  readonly search: string | undefined;
  readonly last: { readonly submodel: string; readonly latencyMs: number; readonly reason: string } | undefined;
  readonly today: UsageCounts;
  /** Short names of the sizes, smallest first. */
  readonly order: readonly string[];
  readonly machine: readonly { readonly name: string; readonly value: string }[];
}

/** The commands behind the links, with the texts of these. */
export const TOOLTIP_COMMANDS = {
  'matcoder.whyNoSuggestion': () => t('Why no suggestion?'),
  'matcoder.pickSubmodel': () => t('Choose size'),
  'matcoder.showDashboard': () => t('Dashboard'),
  'matcoder.showLog': () => t('Show log'),
  'matcoder.restartEngine': () => t('Restart engine'),
} as const;

/** The editor puts no gap between the columns of a table. */
const BETWEEN_COLUMNS = ' | &emsp;';

/** As Markdown. */
export function tooltip({
  engine,
  side,
  silence,
  hardware,
  choice,
  pace,
  imported,
  memory,
  search,
  last,
  today,
  order,
  machine,
}: TooltipParts): string {
  const paragraphs = [
    `**MatCoder**: ${plain(engine)}`,
    ...(side === undefined ? [] : [plain(side)]),
    ...(silence === undefined ? [] : [t('Now: {0}', `**${plain(silence)}**`)]),
    ...(hardware === undefined ? [] : [t('Backends: {0}', plain(hardware))]),
    ...(choice === undefined ? [] : [t('Model size: {0}', plain(choice))]),
    ...(imported === undefined ? [] : [t('Imported model: {0}', plain(imported))]),
    ...(pace ? [`**${plain(pace.text)}** ${plain(pace.advice)}`] : []),
    ...(memory === undefined ? [] : [t('Workspace memory: {0}', plain(memory))]),
    ...(search === undefined ? [] : [t('Search by meaning: {0}', plain(search))]),
  ];
  if (last) {
    const { submodel, latencyMs, reason } = last;
    paragraphs.push(
      t({
        message: 'Last: {0} in {1} ({2})',
        args: [`**${plain(submodel)}**`, milliseconds(latencyMs), plain(reason)],
        comment: ['the last completion: its size, its latency, and the reason for the size'],
      }),
    );
  }
  const bySize = new Map(Object.entries(today.sizes));
  const used = order.flatMap((name) => {
    const size = bySize.get(name);
    return size ? [{ name, ...size }] : [];
  });
  if (used.length > 0) {
    const rows = used.map(({ name, latencies, shown, accepted }) =>
      [name, ...[0.5, 0.95].map((share) => millisecondsOrNone(percentile(latencies, share))), ratio(accepted, shown)]
        .map(plain)
        .join(BETWEEN_COLUMNS),
    );
    const head = [t('Today'), t('Median'), percentile95(), t('Accepted')].join(BETWEEN_COLUMNS);
    paragraphs.push([head, ':-- | --: | --: | --:', ...rows].join('\n'));
    const { shown, accepted } = allSizes(today);
    const saved = savedShare(today);
    paragraphs.push(
      [
        today.savedKeys === 1
          ? t('Accepted {0}, 1 keystroke saved', ratio(accepted, shown))
          : t('Accepted {0}, {1} keystrokes saved', ratio(accepted, shown), count(today.savedKeys)),
        ...(saved === undefined ? [] : [savings(saved, today)]),
      ].join('  \n'),
    );
  }
  if (machine.length > 0) paragraphs.push(machine.map(({ name, value }) => plain(`${name}: ${value}`)).join(' · '));
  const links = Object.entries(TOOLTIP_COMMANDS).map(([command, label]) => `[${label()}](command:${command})`);
  return [...paragraphs, links.join(' | ')].join('\n\n');
}

/** @param saved share of the weight bytes that XL would have read; negative if Auto read more */
function savings(saved: number, { autoBytes, autoBytesByXL }: UsageCounts): string {
  const [read, byXL] = [bytes(autoBytes), bytes(autoBytesByXL)];
  return saved >= 0
    ? t('Auto read {0} fewer weight bytes than XL would have ({1} instead of {2})', percent(saved), read, byXL)
    : t('Auto read {0} more weight bytes than XL would have ({1} instead of {2})', percent(-saved), read, byXL);
}

/** Text that Markdown shows unchanged. */
function plain(text: string): string {
  return text.replaceAll(/[\\`*_{}[\]()#+!|<>~-]/g, '\\$&');
}
