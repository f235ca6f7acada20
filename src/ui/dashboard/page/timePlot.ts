import { t } from '@vscode/l10n';
import { formatList } from '../../../localisation/language';
import { agoOf, milliseconds } from '../../format';
import type { Recent } from '../state';
import { svg, table } from './dom';
import { linear, roundDomain, ticks } from './scales';

/** The id of the table of the plot's data. */
export const TIME_TABLE = 'time-table';

const LATENCY_HEIGHT = 130;
const ROW_HEIGHT = 17;
const MARGIN = { top: 22, right: 16, bottom: 40, left: 52 };
const GAP = 26;
const TABLE_ROWS = 20;
/** An imported model has a longer name than the margin has room for. */
const MAX_LABEL_CHARS = 6;

/** Latency (above) and size (below) over the last minutes. */
export function timePlot(
  recent: readonly Recent[],
  sizes: readonly string[],
  spanMs: number,
  width: number,
): SVGElement {
  const right = width - MARGIN.right;
  const latencyBottom = MARGIN.top + LATENCY_HEIGHT;
  const sizesTop = latencyBottom + GAP;
  const sizesBottom = sizesTop + ROW_HEIGHT * (sizes.length - 1);
  const height = sizesBottom + MARGIN.bottom;
  const [, most] = roundDomain([0, ...recent.map((r) => r.latencyMs)], 3);
  const x = linear([spanMs, 0], [MARGIN.left + 8, right - 8]);
  const y = linear([0, most], [latencyBottom, MARGIN.top]);
  const level = linear([0, Math.max(1, sizes.length - 1)], [sizesBottom, sizesTop]);
  const grid = (at: number, text: string) => [
    svg('line', { class: 'grid', x1: MARGIN.left, x2: right, y1: at, y2: at }),
    svg('text', { class: 'tick', x: MARGIN.left - 8, y: at + 4, 'text-anchor': 'end' }, [text]),
  ];
  const minutes = ticks([0, spanMs / 60_000], width < 420 ? 3 : 5).map((minute) =>
    svg('text', { class: 'tick', x: x(minute * 60_000), y: sizesBottom + 20, 'text-anchor': 'middle' }, [
      minute === 0
        ? t({ message: 'now', comment: ['the end of a time axis'] })
        : t({ message: '{0} min', args: [minute], comment: ['minutes ago, on a time axis'] }),
    ]),
  );
  return svg('svg', { role: 'img', 'aria-label': summary(recent, spanMs), 'aria-details': TIME_TABLE, width, height }, [
    ...ticks([0, most], 3).flatMap((ms) => grid(y(ms), ms === 0 ? '0' : milliseconds(ms))),
    ...sizes.flatMap((name, i) => grid(level(i), name.length > MAX_LABEL_CHARS ? `${name.slice(0, 5)}…` : name)),
    ...minutes,
    ...recent.map((r) => svg('circle', { class: 'mark', cx: x(r.agoMs), cy: y(r.latencyMs), r: 3 })),
    ...recent.map((r) =>
      svg('rect', { class: 'mark', x: x(r.agoMs) - 2, y: level(r.level) - 5, width: 4, height: 10 }),
    ),
    svg('text', { class: 'axis', x: 4, y: 12 }, [t('latency')]),
    svg('text', { class: 'axis', x: 4, y: sizesTop - 12 }, [
      t({ message: 'size', comment: ['the size of the model'] }),
    ]),
  ]);
}

function summary(recent: readonly Recent[], spanMs: number): string {
  const latencies = recent.map((r) => r.latencyMs);
  const names = formatList([...new Set(recent.map((r) => r.shortName))]);
  const minutes = Math.round(spanMs / 60_000);
  const [least, most] = [milliseconds(Math.min(...latencies)), milliseconds(Math.max(...latencies))];
  return recent.length === 1
    ? t('1 completion in the last {0} minutes, in {1}, by {2}.', minutes, least, names)
    : t('{0} completions in the last {1} minutes, in {2} to {3}, by {4}.', recent.length, minutes, least, most, names);
}

/** The latest first. */
export function timeTable(recent: readonly Recent[]): HTMLElement {
  const columns = [{ title: t('When') }, { title: t('Size') }, { title: t('Latency'), isNumber: true }];
  const rows = recent
    .slice(-TABLE_ROWS)
    .reverse()
    .map((r) => [agoOf(r.agoMs), r.shortName, milliseconds(r.latencyMs)]);
  return table(t('The latest completions'), columns, rows);
}
