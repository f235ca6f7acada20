import { layOut } from '../table';
import type { Evaluation } from './run';

/** The figures for a terminal. */
export function completionTables({ rows, effects, calibration, memory }: Evaluation): string {
  const percent = (share: number) => `${(100 * share).toFixed(1)}%`;
  const number = (value: number) => (Number.isFinite(value) ? value.toFixed(2) : '-');
  const figures = [
    [
      'submodel',
      'asked',
      'without',
      'memory',
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
      row.memory ?? '-',
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
    ['calibration', 'memory', 'error', ...(calibration[0]?.curve ?? []).map(({ from }) => `from ${from}`)],
    ...calibration.map(({ submodel, memory: one, error, curve }) => [
      submodel,
      one ?? '-',
      percent(error),
      ...curve.map(({ heads, observed }) => (heads > 0 ? percent(observed) : '-')),
    ]),
  ];
  const compared = [
    [
      'memory, on less off',
      'asked',
      'spans',
      'places',
      'exact',
      'se',
      'shown',
      'se',
      'chars per place',
      'se',
      'times',
      '95%',
    ],
    ...effects.map(({ submodel, way, of, places, exact, shown, chars, charsRatio }) => [
      submodel,
      way,
      of,
      String(places),
      ...[exact, shown].flatMap(({ mean, standardError }) => [percent(mean), percent(standardError)]),
      ...[chars.mean, chars.standardError, charsRatio.value].map(number),
      `${number(charsRatio.interval.low)} to ${number(charsRatio.interval.high)}`,
    ]),
  ];
  const held = memory && `The memory: ${memory.documents} documents, ${memory.tokens} tokens, ${memory.bytes} bytes`;
  const parts = [
    layOut(figures, [1, 2, 3, 4]),
    effects.length > 0 && layOut(compared, [1, 2]),
    layOut(curves, [1]),
    held,
  ];
  return parts.filter((part) => typeof part === 'string').join('\n\n');
}
