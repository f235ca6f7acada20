import { parseLog } from './reading.ts';
import { formatReport } from './report.ts';

declare const console: { log(text: string): void };

/** Two stations on a day in April. */
const log = `
2026-04-01T00:00Z,north,6.1,1012.4,82,2.1
2026-04-01T06:00Z,north,5.2,1013.0,88,1.4
2026-04-01T12:00Z,north,11.8,1013.9,61,4.0
2026-04-01T18:00Z,north,9.3,1014.6,70,3.2
2026-04-01T00:00Z,harbour,8.0,1012.1,79,5.5
2026-04-01T06:00Z,harbour,7.4,1012.8,84,4.9
2026-04-01T12:00Z,harbour,10.9,1013.7,68,7.8
2026-04-01T18:00Z,harbour,9.9,1014.3,72,6.3
`;

const readings = parseLog(log);

console.log(formatReport(readings));
console.log('');
console.log(formatReport(readings, { title: 'The same in Fahrenheit', temperatureUnit: 'fahrenheit' }));
