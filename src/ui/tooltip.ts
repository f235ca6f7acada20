import { percentile } from '../statistics/latencies';
import { allSizes, savedShare, type Tally } from '../statistics/tally';
import { bytes, count, milliseconds, millisecondsOrNone, percent, ratio } from './format';

/** What the status bar's tooltip tells. */
export interface TooltipParts {
  /** How the engine is. */
  readonly engine: string;
  /** What was found of processor and GPU. */
  readonly hardware: string;
  /** What the user decided: `Auto`, and what limits it. */
  readonly choice: string;
  readonly last: { readonly submodel: string; readonly latencyMs: number; readonly reason: string } | undefined;
  readonly today: Tally;
  /** Short names of the sizes, smallest first. */
  readonly order: readonly string[];
  readonly machine: readonly { readonly name: string; readonly value: string }[];
}

export const TOOLTIP_COMMANDS = {
  'matcoder.pickSubmodel': 'Choose size',
  'matcoder.showDashboard': 'Dashboard',
  'matcoder.showLog': 'Show log',
  'matcoder.restartEngine': 'Restart engine',
} as const;

/** The editor sets a table's columns without a gap. */
const BETWEEN_COLUMNS = ' | &emsp;';

/** As Markdown. */
export function tooltip({ engine, hardware, choice, last, today, order, machine }: TooltipParts): string {
  const paragraphs = [`**MatCoder**: ${plain(engine)}`, `Hardware: ${plain(hardware)}`, `Model size: ${plain(choice)}`];
  if (last) {
    paragraphs.push(`Last: **${plain(last.submodel)}** in ${milliseconds(last.latencyMs)} (${plain(last.reason)})`);
  }
  const used = order.flatMap((name) => {
    const size = today.sizes[name];
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
              `Auto read ${saved >= 0 ? `${percent(saved)} less` : `${percent(-saved)} more`} weights than XL would ` +
                `have (${bytes(today.autoBytes)} where XL reads ${bytes(today.autoBytesByXL)})`,
            ]),
      ].join('  \n'),
    );
  }
  if (machine.length > 0) paragraphs.push(machine.map(({ name, value }) => plain(`${name}: ${value}`)).join(' · '));
  const links = Object.entries(TOOLTIP_COMMANDS).map(([command, label]) => `[${label}](command:${command})`);
  return [...paragraphs, links.join(' | ')].join('\n\n');
}

/** Text that Markdown leaves as it is. */
function plain(text: string): string {
  return text.replaceAll(/[\\`*_{}[\]()#+!|<>~-]/g, '\\$&');
}
