import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { FEATURES, featuresOf, score } from '../../completion/decode/confidence';
import type { FilterName } from '../../completion/filters';
import { Grammars } from '../../completion/syntax/grammars';
import { languageOf } from '../../completion/syntax/languages';
import { SyntaxByGrammar } from '../../completion/syntax/shape';
import { LocalEngine, openMemory } from '../../engine/native';
import { CALIBRATION_FILE } from '../../matlm/calibration';
import { openCheckpoint } from '../../matlm/checkpoint';
import { UsageError } from '../place';
import { submodelNamed } from '../submodelNamed';
import { type Bin, calibrationError, curveOf, type Figures, figuresOf, round } from './figures';
import { judge, type Judgement } from './judge';
import { fitLogistic } from './logistic';
import { type MeasureParts, show, untilGuess, type Way, WAYS, write, type Written } from './measure';
import { type Kind, KINDS, type Span, spansOf } from './spans';
import { firstWord } from './words';

export interface Source {
  readonly path: string;
  readonly text: string;
}

export interface EvaluationOptions {
  /** Names of submodels. */
  readonly submodels: readonly string[];
  /** Spans of each kind in each file. */
  readonly each: number;
  readonly seed: number;
  /** Filters of which each is left out once. */
  readonly without: readonly FilterName[];
}

/** Figures of one way to ask a submodel, or of VS Code's words. */
export interface CompletionRow extends Figures {
  readonly submodel: string;
  readonly way: Way;
  readonly without?: FilterName;
  readonly kind: Kind | 'all';
}

/** The accuracy of a submodel's scores. */
export interface CalibrationRow {
  readonly submodel: string;
  readonly error: number;
  readonly curve: readonly Bin[];
}

export interface Evaluation {
  readonly rows: readonly CompletionRow[];
  readonly calibration: readonly CalibrationRow[];
}

/** Mask spans of files, complete them, and judge the suggestions. */
export async function evaluateCompletion(
  root: string,
  model: string,
  sources: readonly Source[],
  options: EvaluationOptions,
): Promise<Evaluation> {
  const spans = sources.flatMap(({ path, text }) => spansOf(path, text, options.each, options.seed));
  return withParts(root, model, spans, async (parts) => {
    const submodels = submodelsOf(parts, options.submodels);
    const judgements = new Map<string, { row: Omit<CompletionRow, keyof Figures | 'kind'>; spans: Judged[] }>();
    const add = (row: Omit<CompletionRow, keyof Figures | 'kind'>, span: Span, judgement: Judgement) => {
      const key = JSON.stringify(row);
      const group = judgements.get(key) ?? { row, spans: [] };
      judgements.set(key, group);
      group.spans.push({ kind: span.kind, judgement });
    };
    const heads = new Map<string, Head[]>(submodels.map((name) => [name, []]));
    const weights = parts.checkpoint.calibration?.weights;
    for (const span of spans) {
      for (const submodel of submodels) {
        const written = await write(parts, span, submodel, []);
        for (const way of WAYS) add({ submodel, way }, span, judge(span, show(written, weights, way, [])));
        heads.get(submodel)?.push(...headsOf(span, written, weights));
        for (const name of options.without) {
          const other = await write(parts, span, submodel, [name]);
          const way = 'balanced';
          add({ submodel, way, without: name }, span, judge(span, show(other, weights, way, [name])));
        }
      }
      add({ submodel: 'words', way: 'by hand' }, span, judge(span, firstWord(span)));
    }
    const rows = [...judgements.values()].flatMap(({ row, spans: judged }) =>
      (['all', ...KINDS] as const).map((kind) => ({ ...row, kind, ...figuresFor(judged, kind) })),
    );
    const calibration = [...heads].map(([submodel, of]) => {
      const curve = curveOf(of);
      return { submodel, error: round(calibrationError(curve)), curve };
    });
    return { rows, calibration };
  });
}

/**
 * Fit one score for all submodels, and write it next to the weights. Separate scores would differ by chance, so a larger
 * submodel could show less than a smaller one. Submodels between the sizes would have none.
 */
export async function calibrate(
  root: string,
  model: string,
  sources: readonly Source[],
  { submodels: names, each, seed }: EvaluationOptions,
): Promise<string> {
  const spans = sources.flatMap(({ path, text }) => spansOf(path, text, each, seed));
  return withParts(root, model, spans, async (parts) => {
    const submodels = submodelsOf(parts, names);
    const heads = new Map<string, Head[]>();
    for (const submodel of submodels) {
      const of: Head[] = [];
      for (const span of spans) of.push(...headsOf(span, await write(parts, span, submodel, []), undefined));
      heads.set(submodel, of);
    }
    const all = [...heads.values()].flat();
    if (all.length === 0) throw new UsageError('--calibrate found nothing to fit: no file has a span to complete');
    const weights = fitLogistic(
      all.map(({ features }) => features),
      all.map(({ right }) => right),
    ).map(round);
    const curves: Record<string, Bin[]> = {};
    for (const [submodel, of] of heads)
      curves[submodel] = curveOf(of.map(({ features, right }) => ({ score: score(features, weights), right })));
    const file = join(model, CALIBRATION_FILE);
    await writeFile(file, `${JSON.stringify({ features: FEATURES, weights, curves }, null, 2)}\n`);
    return file;
  });
}

interface Judged {
  readonly kind: Kind;
  readonly judgement: Judgement;
}

interface Head {
  readonly features: readonly number[];
  readonly score: number;
  readonly right: boolean;
}

/** Every head of the written text, and whether the author wrote it too. */
function headsOf(span: Span, { pieces, cursor }: Written, weights: readonly number[] | undefined): Head[] {
  const tried = untilGuess(pieces);
  let text = cursor.linePrefix;
  return featuresOf(tried, cursor).map((features, i) => {
    text += tried[i]?.text ?? '';
    return { features, score: score(features, weights), right: span.original.startsWith(text) };
  });
}

function figuresFor(judged: readonly Judged[], kind: Kind | 'all'): Figures {
  const of = kind === 'all' ? judged : judged.filter((one) => one.kind === kind);
  const figures = figuresOf(of.map(({ judgement }) => judgement));
  return Object.fromEntries(
    Object.entries(figures).map(([name, value]) => [name, round(value as number)]),
  ) as unknown as Figures;
}

function submodelsOf({ checkpoint }: MeasureParts, names: readonly string[]): string[] {
  return names.map((name) => submodelNamed(checkpoint.config, '--submodels', name));
}

async function withParts<T>(
  root: string,
  model: string,
  spans: readonly Span[],
  work: (parts: MeasureParts) => Promise<T>,
): Promise<T> {
  if (spans.length === 0)
    throw new UsageError('eval found no place to complete: name files that contain lines of code');
  const checkpoint = await openCheckpoint(model);
  const grammars = new Grammars(join(root, 'dist', 'grammars'));
  const engine = new LocalEngine(root, checkpoint, 0, openMemory(root, checkpoint));
  try {
    await Promise.all([...new Set(spans.map(({ path }) => languageOf(path)))].map((id) => grammars.load(id)));
    return await work({ engine, checkpoint, syntax: new SyntaxByGrammar(grammars) });
  } finally {
    grammars.dispose();
    engine.dispose();
  }
}
