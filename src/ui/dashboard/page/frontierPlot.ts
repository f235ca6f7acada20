import { t } from '@vscode/l10n';
import { bytes, decimal, nowUsed, percent } from '../../format';
import type { ChosenSubmodel, FrontierPoint } from '../state';
import { svg, table } from './dom';
import { linear, roundDomain, ticks } from './scales';

/** The id of the table of the plot's data. */
export const FRONTIER_TABLE = 'frontier-table';

const HEIGHT = 260;
const MARGIN = { top: 36, right: 22, bottom: 42, left: 52 };

/** Bits per byte over weight bytes read per token, for each submodel on the frontier; the current choice is marked. */
export function frontierPlot(
  points: readonly FrontierPoint[],
  choice: ChosenSubmodel | undefined,
  width: number,
): SVGElement {
  const inner = { right: width - MARGIN.right, bottom: HEIGHT - MARGIN.bottom };
  const xs = points.map((p) => p.bytesPerToken);
  const [least, most] = [Math.min(...xs), Math.max(...xs)];
  const pad = 0.06 * (most - least);
  const domainX = [least - pad, most + pad] as const;
  const domainY = roundDomain(
    points.map((p) => p.bitsPerByte),
    4,
  );
  const x = linear(domainX, [MARGIN.left, inner.right]);
  const y = linear(domainY, [inner.bottom, MARGIN.top]);
  const chosen = points.find(({ name }) => name === choice?.name);
  const decimals = domainY[1] - domainY[0] < 0.5 ? 2 : 1;
  const gridX = ticks(domainX, width < 420 ? 3 : 5).map((value) =>
    svg('text', { class: 'tick', x: x(value), y: inner.bottom + 16, 'text-anchor': 'middle' }, [bytes(value)]),
  );
  const gridY = ticks(domainY, 4).flatMap((value) => [
    svg('line', { class: 'grid', x1: MARGIN.left, x2: inner.right, y1: y(value), y2: y(value) }),
    svg('text', { class: 'tick', x: MARGIN.left - 8, y: y(value) + 4, 'text-anchor': 'end' }, [
      decimal(value, decimals),
    ]),
  ]);
  const path = points.map((p, i) => `${i ? 'L' : 'M'}${x(p.bytesPerToken).toFixed(1)},${y(p.bitsPerByte).toFixed(1)}`);
  const marks = points.map((p) =>
    svg('circle', {
      class: p.isSize ? 'mark size' : 'mark',
      cx: x(p.bytesPerToken),
      cy: y(p.bitsPerByte),
      r: p.isSize ? 4 : 2,
    }),
  );
  // A label that would overlap the ring's own is placed below the line.
  const isCrowded = (p: FrontierPoint) => {
    const right = chosen ? x(p.bytesPerToken) - x(chosen.bytesPerToken) : -1;
    return right >= 0 && right < 76;
  };
  const labels = points
    .filter((p) => p.isSize && p !== chosen)
    .map((p) => {
      const [dx, dy, anchor] = isCrowded(p) ? [0, 18, 'middle'] : [6, -7, 'start'];
      const place = { x: x(p.bytesPerToken) + dx, y: y(p.bitsPerByte) + dy, 'text-anchor': anchor };
      return svg('text', { class: 'label', ...place }, [p.shortName]);
    });
  const now = chosen ? present(chosen, x(chosen.bytesPerToken), y(chosen.bitsPerByte), inner.right) : [];
  const summary = chosen
    ? t(
        'The frontier: {0} submodels; now {1}, which reads {2} of weights per token and reaches {3} bits per byte.',
        points.length,
        chosen.name,
        bytes(chosen.bytesPerToken),
        decimal(chosen.bitsPerByte, 3),
      )
    : t('The frontier: {0} submodels; none is chosen yet.', points.length);
  return svg('svg', { role: 'img', 'aria-label': summary, 'aria-details': FRONTIER_TABLE, width, height: HEIGHT }, [
    ...gridX,
    ...gridY,
    svg('path', { class: 'line', d: path.join('') }),
    ...marks,
    ...labels,
    ...now,
    svg('text', { class: 'axis', x: inner.right, y: HEIGHT - 6, 'text-anchor': 'end' }, [
      t('weight bytes read per token →'),
    ]),
    svg('text', { class: 'axis', x: 4, y: 12 }, [t('bits per byte (lower is better)')]),
  ]);
}

/** A ring around the chosen submodel, and its name next to it. */
function present({ shortName, name }: FrontierPoint, x: number, y: number, right: number): SVGElement[] {
  const isNearRight = x > right - 70;
  return [
    svg('circle', { class: 'now', 'data-submodel': name, cx: x, cy: y, r: 8 }),
    svg(
      'text',
      { class: 'label now', x: isNearRight ? x : x + 12, y: y - 13, 'text-anchor': isNearRight ? 'end' : 'start' },
      [nowUsed(shortName)],
    ),
  ];
}

export function frontierTable(points: readonly FrontierPoint[], choice: ChosenSubmodel | undefined): HTMLElement {
  const columns = [
    { title: t('Submodel') },
    { title: t('Read per token'), isNumber: true },
    { title: t('Bits per byte'), isNumber: true },
    { title: t('Agrees with XL'), isNumber: true },
    { title: t('Predicted latency'), isNumber: true },
  ];
  const rows = points.map((p) => [
    p.name === choice?.name ? t('{0} (now)', p.name) : p.name,
    bytes(p.bytesPerToken),
    decimal(p.bitsPerByte, 4),
    percent(p.agreementWithXL),
    p.predictedMs === undefined ? '–' : `${decimal(p.predictedMs, 1)} ms`,
  ]);
  return table(t('Submodels on the measured frontier'), columns, rows);
}
