import { join } from 'node:path';
import { type Checkpoint, openCheckpoint } from '../matlm/checkpoint';
import type { MeasuredSubmodel } from '../matlm/config';
import type { PromptOrder } from '../matlm/promptFormat';
import { bytesPerToken, parameters } from '../matlm/submodel';
import type { Measured } from '../models/importProtocol';
import { type ImportRecord, readJson, RECORD_FILE, recordOf } from '../models/importRecord';
import { type ElasticRecord, elasticRecordOf } from '../models/elastic/record';
import { readMeasured } from '../models/measured';
import { layOut } from './table';

/** One row of `matcoder inspect`. */
export interface SubmodelRow {
  readonly name: string;
  /** Non-embedding parameters. */
  readonly parameters: number;
  /** Bytes of weights read to decode a token. */
  readonly bytesPerToken: number;
  readonly ffnWidths: readonly number[];
  /** On held-out code, if it was measured. */
  readonly bitsPerByte?: number;
  /** Share of held-out tokens for which its likeliest next token is that of the full model, 0 to 1. */
  readonly agreementWithXL?: number;
}

/** The submodels of a checkpoint, cheapest first, and what else there is to say of it, for a terminal. */
export async function inspect(model: string): Promise<{ readonly rows: SubmodelRow[]; readonly facts: string }> {
  const checkpoint = await openCheckpoint(model);
  const { config } = checkpoint;
  const rows = new Map<string, SubmodelRow>();
  const add = (name: string, widths: readonly number[], measured?: MeasuredSubmodel) =>
    rows.set(name, {
      name,
      parameters: parameters(config.model, widths),
      bytesPerToken: bytesPerToken(config.model, widths),
      ffnWidths: widths,
      ...(measured ? { bitsPerByte: measured.bitsPerByte, agreementWithXL: measured.agreementWithXL } : {}),
    });
  for (const [name, widths] of Object.entries(config.granularities)) add(name, widths);
  for (const measured of config.frontier) add(measured.name, measured.widths, measured);
  const record = recordOf(await readJson(join(model, RECORD_FILE)));
  return {
    rows: [...rows.values()].sort((a, b) => a.bytesPerToken - b.bytesPerToken),
    facts: factsOf(
      checkpoint,
      record,
      await readMeasured(model),
      elasticRecordOf(await readJson(join(model, 'config.json'))),
    ),
  };
}

/** The rows as a table for a terminal. */
export function table(rows: readonly SubmodelRow[]): string {
  const head = ['submodel', 'parameters', 'bytes per token', 'bits per byte', 'agrees with XL', 'FFN widths'];
  const body = rows.map((row) => [
    row.name,
    row.parameters.toLocaleString('en'),
    Math.round(row.bytesPerToken).toLocaleString('en'),
    row.bitsPerByte?.toFixed(3) ?? '-',
    row.agreementWithXL === undefined ? '-' : `${(100 * row.agreementWithXL).toFixed(1)}%`,
    row.ffnWidths.join(' '),
  ]);
  return layOut([head, ...body], [head.length - 1]);
}

const ORDER_NAMES: Readonly<Record<PromptOrder, string>> = {
  spm: 'the suffix, the prefix',
  joined: 'the suffix, the prefix joined with the middle',
  psm: 'the prefix, the suffix',
  none: 'the prefix alone: the model was not trained to fill in',
};

/** One fact a line. Those of which nothing is known are left out. */
function factsOf(
  { config, prompt, tensors }: Checkpoint,
  record: ImportRecord,
  measured: Measured,
  elastic: Partial<ElasticRecord> | undefined,
): string {
  const { layers, hiddenSize, heads, kvHeads, headDim, vocabularySize, contextLength, bytesPerWeight } = config.model;
  const weightBytes = Object.values(tensors).reduce((sum, { begin, end }) => sum + end - begin, 0);
  const { own, shipped } = measured.bitsPerByte ?? {};
  const facts: readonly (readonly [name: string, value: string | undefined])[] = [
    ['name', record.name],
    ['family', record.family],
    ['source', record.quantisation],
    ['licence', record.licence],
    ['page', record.page],
    ['shape', `${layers} layers of ${hiddenSize}, ${heads} heads of ${headDim}, ${kvHeads} of keys and values`],
    ['vocabulary', `${vocabularySize.toLocaleString('en')} tokens`],
    ['context', `${contextLength.toLocaleString('en')} tokens`],
    ['weights', `${(weightBytes / 1e6).toFixed(1)} MB, ${(8 * bytesPerWeight).toFixed(1)} bits each with their scales`],
    ['prompt', `${prompt.hasHeader ? 'the path, ' : ''}${ORDER_NAMES[prompt.order]}`],
    ['narrower sizes', elastic && madeWith(elastic)],
    ['workspace memory', config.gate ? 'yes' : 'no gate was fitted'],
    [
      'bits per byte of your files',
      own === undefined ? undefined : `${own.toFixed(3)}${shipped ? `, the shipped model ${shipped.toFixed(3)}` : ''}`,
    ],
  ];
  const known = facts.filter((fact): fact is [string, string] => fact[1] !== undefined);
  return layOut(known, [0, 1]);
}

/** Whose text the sizes were made with, and how much text their figures are from. */
function madeWith({ sample, heldOutBytes, createdAt }: Partial<ElasticRecord>): string {
  const text = sample === 'user' ? 'your code' : 'sources of MatCoder';
  return [
    `made from the full one with ${text}`,
    ...(heldOutBytes === undefined ? [] : [`measured on ${heldOutBytes.toLocaleString('en')} bytes of it`]),
    ...(createdAt === undefined ? [] : [createdAt.slice(0, 10)]),
  ].join(', ');
}
