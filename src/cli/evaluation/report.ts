import { layOut } from '../table';
import type { Evaluation } from './run';

/** The figures for a terminal. */
export function completionTables({ rows, calibration }: Evaluation): string {
  const percent = (share: number) => `${(100 * share).toFixed(1)}%`;
  const figures = [
    [
      'submodel',
      'asked',
      'without',
      'spans',
      'places',
      'exact',
      'edit similarity',
      'shown',
      'chars per place',
      'accepted',
      'right',
      'duplicates',
    ],
    ...rows.map((row) => [
      row.submodel,
      row.way,
      row.without ?? '-',
      row.kind,
      String(row.opportunities),
      percent(row.exact),
      percent(row.editSimilarity),
      percent(row.shown),
      row.charsPerOpportunity.toFixed(2),
      percent(row.accepted),
      percent(row.right),
      percent(row.duplicates),
    ]),
  ];
  const curves = [
    ['calibration', 'error', ...(calibration[0]?.curve ?? []).map(({ from }) => `from ${from}`)],
    ...calibration.map(({ submodel, error, curve }) => [
      submodel,
      percent(error),
      ...curve.map(({ heads, observed }) => (heads > 0 ? percent(observed) : '-')),
    ]),
  ];
  return `${layOut(figures, [1, 2, 3])}\n\n${layOut(curves)}`;
}
