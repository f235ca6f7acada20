import { t } from '@vscode/l10n';
import { BUDGET_MS } from '../../models/elastic/stages';
import { formatList, formatNumber } from '../../localisation/language';
import type { Choice, Found } from '../../models/importProtocol';
import type { ElasticRecord } from '../../models/elastic/record';
import type { NameFault } from '../../models/modelIds';
import { SPARE_DISK_BYTES } from '../../models/room';
import { bytes, milliseconds } from '../format';

/** `135 million parameters` */
export function parameterCount(count: number): string {
  return t('{0} parameters', formatNumber(count, { notation: 'compact', compactDisplay: 'long', maximumSignificantDigits: 3 }));
}

export function bitsOf(bits: number): string {
  return t({ message: '{0} bits', args: [bits], comment: ['the precision of each weight: 4 bits, 8 bits'] });
}

/** Architectures by `model_type`, as their authors write them. */
const FAMILIES = new Map([
  ['llama', 'Llama'],
  ['mistral', 'Mistral'],
  ['qwen2', 'Qwen2'],
  ['qwen3', 'Qwen3'],
  ['granite', 'Granite'],
]);

function familyOf(type: string): string {
  return FAMILIES.get(type) ?? type;
}

/** What is known of a model in a few words: `Llama, 135 million parameters, 4 bits`. */
export function describeModel(model: {
  readonly family: string;
  readonly parameters: number | undefined;
  readonly bits: number | undefined;
}): string {
  return formatList([
    familyOf(model.family),
    ...(model.parameters === undefined ? [] : [parameterCount(model.parameters)]),
    ...(model.bits === undefined ? [] : [bitsOf(model.bits)]),
  ]);
}

/** A form in which a model can be imported, and whether this machine has room for it. */
export interface Option {
  readonly choice: Choice;
  /** Milliseconds of a typical completion; undefined if this machine was not measured. */
  readonly expectedMs: number | undefined;
}

/** The options for which the disk has room. */
export function feasible(options: readonly Option[], { freeDiskBytes }: Pick<Found, 'freeDiskBytes'>): Option[] {
  return options.filter(({ choice }) => choice.diskBytes + SPARE_DISK_BYTES <= freeDiskBytes);
}

/** Bytes that are needed and bytes that are free, rounded away from each other, so that no text says that there are enough if there are not. */
export function roomTexts(needed: number, free: number): [string, string] {
  const unit = needed < 999.5e6 ? 1e6 : 1e8;
  return [bytes(Math.ceil(needed / unit) * unit), bytes(Math.floor(free / unit) * unit)];
}

/** What an import found and what it will need, before it starts, one paragraph each. */
export function describeFound(found: Found, options: readonly Option[]): string {
  const { family, parameters, quantisation, licence, hasFim, freeDiskBytes, freeMemoryBytes } = found;
  const about = formatList([familyOf(family), parameterCount(parameters), quantisation]);
  return [
    licence === undefined ? t('{0}. It states no licence.', about) : t('{0}. Licence: {1}.', about, licence),
    hasFim
      ? t('It fills in code between the text before and after the cursor.')
      : t('It was not trained to fill in code, so it completes from the text before the cursor alone.'),
    ...options.map(describeOption),
    ...(options.some(({ choice }) => choice.memoryBytes > freeMemoryBytes)
      ? [t('Only {0} of memory are free now. It is loaded once enough is free.', bytes(freeMemoryBytes))]
      : []),
    t('{0} are free on the disk. Nothing is downloaded.', bytes(freeDiskBytes)),
  ].join('\n\n');
}

function describeOption({ choice, expectedMs }: Option): string {
  const { bits, diskBytes, memoryBytes, isExact, seconds } = choice;
  const needs = t(
    '{0}: {1} on the disk, {2} of memory, imported in about {3}.',
    bitsOf(bits),
    bytes(diskBytes),
    bytes(memoryBytes),
    duration(seconds),
  );
  const speed =
    expectedMs === undefined ? [] : [t('A typical completion will take about {0} here.', milliseconds(expectedMs))];
  const loss = isExact ? t('The weights keep their values.') : t('The weights are rounded.');
  return [needs, ...speed, loss].join(' ');
}

/** A model of the library, as far as a search for smaller sizes depends on it. */
export interface Searched {
  readonly name: string;
  readonly diskBytes: number;
  /** Of a weight; undefined if its record does not say. */
  readonly bits: number | undefined;
  readonly elasticity: Partial<ElasticRecord> | undefined;
}

/** What a search for smaller sizes means and how long it takes, before it starts, one paragraph each. */
export function describeSearch({ name, diskBytes, bits, elasticity }: Searched): string {
  return [
    t(
      'MatCoder runs {0} on your files and finds out which parts of it your code needs least. A smaller size leaves some of them out: ' +
        'it answers sooner and predicts a little worse, and Auto takes it if that is worth it. {0} itself predicts as before.',
      name,
    ),
    ...(bits === 4 && !elasticity // otherwise it has grown already
      ? [
          t(
            'A part of its weights of 4 bits has 8 then, so {0} itself gets larger and a little slower. If no size saves more than that costs, it stays as it is.',
            name,
          ),
        ]
      : []),
    t(
      'It takes about {0}, the processor is busy meanwhile, and up to {1} of the disk are needed. You can cancel it at any time.',
      duration(BUDGET_MS / 1000 + diskBytes * SORTING_SECONDS_PER_BYTE),
      bytes(2 * diskBytes),
    ),
    t('Your files stay on this machine.'),
  ].join('\n\n');
}

/** Weights are read, put in another order, and written, at 50 MB a second on a slow machine. */
const SORTING_SECONDS_PER_BYTE = 1 / 50e6;

/** `20 s`, `3 min` */
export function duration(seconds: number): string {
  return seconds < 90
    ? t({ message: '{0} s', args: [Math.max(1, Math.round(seconds))], comment: ['seconds'] })
    : t({ message: '{0} min', args: [Math.round(seconds / 60)], comment: ['minutes, a duration'] });
}

export function describeNameFault(fault: NameFault): string {
  switch (fault) {
    case 'empty':
      return t('Type a name.');
    case 'too long':
      return t('Type a shorter name.');
    case 'invisible characters':
      return t('The name has characters that are not visible.');
    case 'reserved':
      return t('MatCoder uses this name for something else. Type another.');
    case 'taken':
      return t('Another imported model has this name.');
  }
}
