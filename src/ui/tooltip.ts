import { allSizes, savedShare, type UsageCounts } from '../statistics/counts';
import { percentile } from '../statistics/latencies';
import { bytes, count, milliseconds, millisecondsOrNone, percent, ratio } from './format';

/** The content of the status bar's tooltip. */
export interface TooltipParts {
  readonly engine: string;
  /** Why no suggestions come now, as a clause; undefined if they do. */
  readonly silence: string | undefined;
  /** The backends that run on this machine. */
  readonly hardware: string;
  /** The settings: `Auto` and its limits, or the fixed size. */
  readonly choice: string;
  /** What the memory of the workspace knows. */
  readonly memory: string;
  readonly last: { readonly submodel: string; readonly latencyMs: number; readonly reason: string } | undefined;
  readonly today: UsageCounts;
  /** Short names of the sizes, smallest first. */
  readonly order: readonly string[];
  readonly machine: readonly { readonly name: string; readonly value: string }[];
}

export const TOOLTIP_COMMANDS = {
  'matcoder.whyNoSuggestion': 'Why no suggestion?',
  'matcoder.pickSubmodel': 'Choose size',
  'matcoder.showDashboard': 'Dashboard',
  'matcoder.showLog': 'Show log',
  'matcoder.restartEngine': 'Restart engine',
} as const;

/** The editor puts no gap between the columns of a table. */
const BETWEEN_COLUMNS = ' | &emsp;';

/** As Markdown. */
export function tooltip({
  engine,
  silence,
  hardware,
  choice,
  memory,
  last,
  today,
  order,
  machine,
}: TooltipParts): string {
  const paragraphs = [
    `**MatCoder**: ${plain(engine)}`,
    ...(silence === undefined ? [] : [`Now: **${plain(silence)}**`]),
    `Backends: ${plain(hardware)}`,
    `Model size: ${plain(choice)}`,
    `Workspace memory: ${plain(memory)}`,
  ];
  if (last) {
    paragraphs.push(`Last: **${plain(last.submodel)}** in ${milliseconds(last.latencyMs)} (${plain(last.reason)})`);
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
    const head = ['Today', 'Median', '95%', 'Accepted'].join(BETWEEN_COLUMNS);
    paragraphs.push([head, ':-- | --: | --: | --:', ...rows].join('\n'));
    const { shown, accepted } = allSizes(today);
    const saved = savedShare(today);
    paragraphs.push(
      [
        `Accepted ${ratio(accepted, shown)}, ${count(today.savedKeys)} ${today.savedKeys === 1 ? 'keystroke' : 'keystrokes'} saved`,
        ...(saved === undefined
          ? []
          : [
              `Auto read ${saved >= 0 ? `${percent(saved)} fewer` : `${percent(-saved)} more`} weight bytes than XL would ` +
                `have (${bytes(today.autoBytes)} instead of ${bytes(today.autoBytesByXL)})`,
            ]),
      ].join('  \n'),
    );
  }
  if (machine.length > 0) paragraphs.push(machine.map(({ name, value }) => plain(`${name}: ${value}`)).join(' · '));
  const links = Object.entries(TOOLTIP_COMMANDS).map(([command, label]) => `[${label}](command:${command})`);
  return [...paragraphs, links.join(' | ')].join('\n\n');
}

/** Text that Markdown shows unchanged. */
function plain(text: string): string {
  return text.replaceAll(/[\\`*_{}[\]()#+!|<>~-]/g, '\\$&');
}
