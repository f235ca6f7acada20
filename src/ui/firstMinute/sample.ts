import { t } from '@vscode/l10n';

/** A text with the place of the cursor. */
export interface Sample {
  readonly languageId: string;
  readonly text: string;
  /** In characters. */
  readonly offset: number;
}

/** The mark of the cursor. */
const CURSOR = '█';

const CODE = `
interface Reading {
  temperature: number;
  humidity: number;
  wind: number;
}

function mean(values: number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

function meanTemperature(readings: Reading[]): number {
  return mean(readings.map((reading) => reading.temperature));
}

function meanHumidity(readings: Reading[]): number {
  return mean(readings.map((reading) => reading.humidity));
}

function meanWind(readings: Reading[]): ${CURSOR}
`;

/** A place whose continuation is clear to every size from S on: a function like the two above it. */
export function sample(): Sample {
  const hints = [t('MatCoder suggests the grey text below.'), t('Tab accepts it, Escape dismisses it.')];
  const head = hints.map((hint) => `// ${hint}\n`).join('');
  const [before = '', after = ''] = `${head}${CODE}`.split(CURSOR);
  return { languageId: 'typescript', text: before + after, offset: before.length };
}
