import { join } from 'node:path';
import { FEATURES, featuresOf, score } from '../../completion/decode/confidence';
import type { FilterName } from '../../completion/filters';
import { Grammars } from '../../completion/syntax/grammars';
import { languageOf } from '../../completion/syntax/languages';
import { SyntaxByGrammar } from '../../completion/syntax/shape';
import type { EngineMemory, MemoryStats } from '../../engine/memory';
import { LocalEngine } from '../../engine/native';
import { CALIBRATION_FILE } from '../../matlm/calibration';
import { openCheckpoint } from '../../matlm/checkpoint';
import { wholeSizes } from '../../matlm/submodel';
import type { Switch } from '../../replay/workspace';
import { openMemories } from '../memory';
import { UsageError, writeText } from '../place';
import { submodelNamed } from '../submodelNamed';
import { type Effect, effectOf } from './effect';
import { type Bin, calibrationError, curveOf, type Figures, figuresOf, round } from './figures';
import { judge, type Judgement } from './judge';
import { fitLogistic } from './logistic';
import { type MeasureParts, show, untilGuess, type Way, WAYS, write, type Written } from './measure';
import { type Kind, KINDS, type Span, spansOf } from './spans';
import { type Source, type Visit, type VisitOptions, visitsOf } from './visits';
import { firstWord } from './words';

export interface EvaluationOptions extends VisitOptions {
  /** Names of submodels; undefined for the sizes that skip no layer. */
  readonly submodels?: readonly string[] | undefined;
  /** Filters of which each is left out once. */
  readonly without: readonly FilterName[];
}

/** Figures of one way to ask a submodel, or of VS Code's words. */
export interface CompletionRow extends Figures {
  readonly submodel: string;
  readonly way: Way;
  readonly without?: FilterName;
  /** Undefined if the files have no workspace. */
  readonly memory?: Switch;
  readonly kind: Kind | 'all';
}

/** The effect of the memory on a submodel at places of one kind or one language, or at all. */
export interface EffectRow extends Effect {
  readonly submodel: string;
  readonly way: Way;
  readonly of: string;
}

/** The accuracy of a submodel's scores. */
export interface CalibrationRow {
  readonly submodel: string;
  readonly memory?: Switch;
  readonly error: number;
  readonly curve: readonly Bin[];
}

export interface Evaluation {
  readonly rows: readonly CompletionRow[];
  /** Empty unless all places were visited without and with the memory. */
  readonly effects: readonly EffectRow[];
  /** What the memory held of the largest workspace; undefined if it was not used. */
  readonly memory?: MemoryStats;
  readonly calibration: readonly CalibrationRow[];
}

/** Mask spans of files, complete them, and judge the suggestions. */
export async function evaluateCompletion(
  root: string,
  model: string,
  sources: readonly Source[],
  options: EvaluationOptions,
): Promise<Evaluation> {
  return withParts(root, model, sources, options, async (parts, memory) => {
    const submodels = submodelsOf(parts, options.submodels);
    const groups = new Map<string, Group>();
    const add = (row: Group['row'], { place, source, span }: Visit, judgement: Judgement) => {
      const key = JSON.stringify(row);
      const group = groups.get(key) ?? { row, judged: new Map<string, Judged>() };
      groups.set(key, group);
      group.judged.set(place, { kind: span.kind, source, judgement });
    };
    const heads = new Map<string, { row: Pick<CalibrationRow, 'submodel' | 'memory'>; heads: Head[] }>();
    const weights = parts.checkpoint.calibration?.weights;
    let most: MemoryStats | undefined;
    const onOpen = (stats: MemoryStats) => {
      if (stats.bytes >= (most?.bytes ?? 0)) most = stats;
    };
    for await (const visit of visitsOf(sources, options, memory, onOpen)) {
      const { span, request } = visit;
      const arm = visit.memory ? { memory: visit.memory } : {};
      for (const submodel of submodels) {
        const written = await write(parts, request, submodel, []);
        for (const way of WAYS) add({ submodel, way, ...arm }, visit, judge(span, show(written, weights, way, [])));
        const row = { submodel, ...arm };
        const of = heads.get(JSON.stringify(row)) ?? { row, heads: [] };
        heads.set(JSON.stringify(row), of);
        of.heads.push(...headsOf(span, written, weights));
        for (const name of options.without) {
          const other = await write(parts, request, submodel, [name]);
          const way = 'balanced';
          add({ submodel, way, ...arm, without: name }, visit, judge(span, show(other, weights, way, [name])));
        }
      }
      add({ submodel: 'words', way: 'by hand' }, visit, judge(span, firstWord(span)));
    }
    const rows = [...groups.values()].flatMap(({ row, judged }) =>
      (['all', ...KINDS] as const).map((kind) => ({ ...row, kind, ...figuresFor([...judged.values()], kind) })),
    );
    const calibration = [...heads.values()].map(({ row, heads: of }) => {
      const curve = curveOf(of);
      return { ...row, error: round(calibrationError(curve)), curve };
    });
    return { rows, effects: effectsOf([...groups.values()]), calibration, ...(most && { memory: most }) };
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
  options: EvaluationOptions,
): Promise<string> {
  return withParts(root, model, sources, options, async (parts, memory) => {
    const submodels = submodelsOf(parts, options.submodels);
    const heads = new Map<string, Head[]>(submodels.map((submodel) => [submodel, []]));
    for await (const { span, request } of visitsOf(sources, options, memory)) {
      for (const [submodel, of] of heads)
        of.push(...headsOf(span, await write(parts, request, submodel, []), undefined));
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
    await writeText(file, `${JSON.stringify({ features: FEATURES, weights, curves }, null, 2)}\n`);
    return file;
  });
}

/** The judgements of one row, by place. */
interface Group {
  readonly row: Omit<CompletionRow, keyof Figures | 'kind'>;
  readonly judged: Map<string, Judged>;
}

interface Judged {
  readonly kind: Kind;
  readonly source: Source;
  readonly judgement: Judgement;
}

/** Each row with the memory against the same row without it. */
function effectsOf(groups: readonly Group[]): EffectRow[] {
  const compared = groups.filter(({ row }) => row.memory === 'on' && row.without === undefined);
  return compared.flatMap(({ row: { submodel, way }, judged }) => {
    const without = groups.find(
      ({ row }) => row.submodel === submodel && row.way === way && row.memory === 'off' && row.without === undefined,
    );
    const pairs = [...judged].flatMap(([place, { kind, source, judgement: on }]) => {
      const off = without?.judged.get(place)?.judgement;
      return off ? [{ kind, language: source.language, file: place.replace(/:.*/, ''), off, on }] : [];
    });
    if (pairs.length === 0) return [];
    const row = (of: string, chosen: typeof pairs) => ({ submodel, way, of, ...effectOf(chosen) });
    const languages = [...new Set(pairs.flatMap(({ language }) => language ?? []))].sort();
    return [
      row('all', pairs),
      ...KINDS.map((kind) =>
        row(
          kind,
          pairs.filter((pair) => pair.kind === kind),
        ),
      ),
      ...languages.map((language) =>
        row(
          language,
          pairs.filter((pair) => pair.language === language),
        ),
      ),
    ];
  });
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

function submodelsOf({ checkpoint }: MeasureParts, names: readonly string[] | undefined): string[] {
  const { config } = checkpoint;
  return names?.map((name) => submodelNamed(config, '--submodels', name)) ?? wholeSizes(config);
}

async function withParts<T>(
  root: string,
  model: string,
  sources: readonly Source[],
  { each, seed, memory: switches }: EvaluationOptions,
  work: (parts: MeasureParts, memory: EngineMemory | undefined) => Promise<T>,
): Promise<T> {
  if (sources.every(({ path, text }) => spansOf(path, text, each, seed).length === 0))
    throw new UsageError('eval found no place to complete: name files that contain lines of code');
  const checkpoint = await openCheckpoint(model);
  const grammars = new Grammars(join(root, 'dist', 'grammars'));
  const hasWorkspace = sources.some(({ workspace }) => workspace);
  const { native, memory } = openMemories(root, checkpoint, hasWorkspace && switches.includes('on'));
  const engine = new LocalEngine(root, checkpoint, 0, native);
  try {
    await Promise.all([...new Set(sources.map(({ path }) => languageOf(path)))].map((id) => grammars.load(id)));
    return await work({ engine, checkpoint, syntax: new SyntaxByGrammar(grammars) }, memory);
  } finally {
    grammars.dispose();
    engine.dispose();
  }
}
