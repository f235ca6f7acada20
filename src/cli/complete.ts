import { join, relative, resolve } from 'node:path';
import { cursorOf } from '../completion/cursor';
import { decode } from '../completion/decode';
import { trimAt } from '../completion/filters';
import { buildPrompt } from '../completion/prompt';
import { Grammars } from '../completion/syntax/grammars';
import { languageOf } from '../completion/syntax/languages';
import { SyntaxByGrammar } from '../completion/syntax/shape';
import { hardwareFile, machineOf, readReport } from '../engine/hardware';
import { openEngine } from '../engine/openEngine';
import { CostModel } from '../governor/costs';
import { decide, type Snapshot } from '../governor/decide';
import { History } from '../governor/history';
import { UNKNOWN_MACHINE } from '../governor/machine';
import { codePlaceAt, spotAt } from '../governor/place';
import { AUTO } from '../governor/settings';
import { openCheckpoint } from '../matlm/checkpoint';
import { type Place, splitAt } from './place';

/** What `matcoder complete --json` prints. */
export interface Completion {
  /** What would be inserted. */
  readonly text: string;
  readonly submodel: string;
  readonly reason: string;
  readonly promptTokens: number;
  readonly prefillMs: number;
  /** As decoded, before trimming. */
  readonly tokens: readonly { text: string; probability: number }[];
  readonly decodeMs: number;
}

/** Complete at a place in a file: the same prompt, governor and trimming as in the editor, asked for by hand. */
export async function complete(root: string, model: string, place: Place, submodel: string): Promise<Completion> {
  const { prefix, suffix } = await splitAt(place);
  const checkpoint = await openCheckpoint(model);
  const grammars = new Grammars(join(root, 'dist', 'grammars'));
  const report = readReport(hardwareFile(), machineOf(root, checkpoint.weightsFile));
  const engine = openEngine(root, checkpoint, 0, report);
  try {
    const costs = new CostModel(checkpoint.config, (await engine.measure()).costs);
    const path = relative(process.cwd(), resolve(place.file)).replaceAll('\\', '/');
    const excerpt = { path, prefix, prefixStart: 0, suffix };
    const languageId = languageOf(place.file);
    await grammars.load(languageId);
    const shape = await new SyntaxByGrammar(grammars).shapeAt(languageId, excerpt, true);
    const prompt = buildPrompt(checkpoint.tokenizer, excerpt, checkpoint.config.model.contextLength - 100);
    const snapshot: Snapshot = {
      explicit: true,
      gapMs: undefined,
      pauseChance: 1,
      ...spotAt(codePlaceAt(prefix)),
      newPromptTokens: prompt.tokens.length,
      block: shape.block,
      machine: UNKNOWN_MACHINE,
      nowMs: 0,
      previous: {},
    };
    const decision = decide(snapshot, costs, new History(), { ...AUTO, submodel });
    if (!decision.submodel) throw new Error(decision.reason);
    const trim = trimAt(cursorOf(prefix, suffix, decision.multiline, shape.blockEnd));
    const never = new AbortController().signal;
    const decoded = await decode(engine, checkpoint.tokenizer, prompt, decision, trim, never);
    if (decoded.fault !== undefined) throw new Error(decoded.fault);
    return {
      text: trim(decoded.pieces.map((piece) => piece.text).join(''), false).suggestion?.text ?? '',
      submodel: decision.submodel.name,
      reason: decision.reason,
      promptTokens: prompt.tokens.length,
      prefillMs: round(decoded.prefillMs),
      tokens: decoded.pieces.map(({ text, probability }) => ({ text, probability: round(probability) })),
      decodeMs: round(decoded.decodeMs),
    };
  } finally {
    grammars.dispose();
    engine.dispose();
  }
}

function round(value: number): number {
  return Math.round(value * 1000) / 1000;
}
