import { agoOf, milliseconds } from '../../format';
import type { Recent } from '../state';
import { svg, table } from './dom';
import { linear, roundDomain, ticks } from './scales';

const LATENCY_HEIGHT = 130;
const ROW_HEIGHT = 17;
const MARGIN = { top: 22, right: 16, bottom: 40, left: 52 };
const GAP = 26;
const TABLE_ROWS = 20;

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
      minute === 0 ? 'now' : `${minute} min`,
    ]),
  );
  return svg('svg', { role: 'img', 'aria-label': summary(recent, spanMs), width, height }, [
    ...ticks([0, most], 3).flatMap((ms) => grid(y(ms), ms === 0 ? '0' : milliseconds(ms))),
    ...sizes.flatMap((name, i) => grid(level(i), name)),
    ...minutes,
    ...recent.map((r) => svg('circle', { class: 'mark', cx: x(r.agoMs), cy: y(r.latencyMs), r: 3 })),
    ...recent.map((r) =>
      svg('rect', { class: 'mark', x: x(r.agoMs) - 2, y: level(r.level) - 5, width: 4, height: 10 }),
    ),
    svg('text', { class: 'axis', x: 4, y: 12 }, ['latency']),
    svg('text', { class: 'axis', x: 4, y: sizesTop - 12 }, ['size']),
  ]);
}

function summary(recent: readonly Recent[], spanMs: number): string {
  const latencies = recent.map((r) => r.latencyMs);
  const names = [...new Set(recent.map((r) => r.shortName))].join(', ');
  return (
    `${recent.length} completions in the last ${Math.round(spanMs / 60_000)} minutes, ` +
    `in ${milliseconds(Math.min(...latencies))} to ${milliseconds(Math.max(...latencies))}, by ${names}.`
  );
}

/** The latest first. */
export function timeTable(recent: readonly Recent[]): HTMLElement {
  const columns = [{ title: 'When' }, { title: 'Size' }, { title: 'Latency', isNumber: true }];
  const rows = recent
    .slice(-TABLE_ROWS)
    .reverse()
    .map((r) => [agoOf(r.agoMs), r.shortName, milliseconds(r.latencyMs)]);
  return table('The latest completions', columns, rows);
}
