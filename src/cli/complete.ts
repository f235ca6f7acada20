import { join, relative, resolve } from 'node:path';
import { decode } from '../completion/decode/decode';
import { Planner, requestSettings } from '../completion/plan';
import { requestIn } from '../completion/request';
import { Grammars } from '../completion/syntax/grammars';
import { SyntaxByGrammar } from '../completion/syntax/shape';
import { hardwareFile, readReport } from '../engine/hardwareFile';
import { machineOf } from '../engine/thisMachine';
import { openEngine } from '../engine/openEngine';
import { CostModel } from '../governor/costs';
import { History } from '../governor/history';
import { UNKNOWN_MACHINE } from '../governor/machine';
import { AUTO } from '../governor/settings';
import { TypingRhythm } from '../governor/typing';
import { openCheckpoint } from '../matlm/checkpoint';
import type { CheckpointConfig } from '../matlm/config';
import { submodelOf } from '../matlm/submodel';
import { type SourcePosition, splitAt, UsageError } from './place';

/** The output of `matcoder complete --json`. */
export interface Completion {
  /** The text that would be inserted. */
  readonly text: string;
  readonly submodel: string;
  readonly reason: string;
  readonly promptTokens: number;
  readonly prefillMs: number;
  /** As decoded, before trimming. */
  readonly tokens: readonly { text: string; probability: number }[];
  readonly decodeMs: number;
}

/**
 * Complete at a position in a file: the same prompt, governor and trimming as in the editor when a user asks by hand.
 * @param submodel auto, or a submodel of the checkpoint
 */
export async function complete(
  root: string,
  model: string,
  place: SourcePosition,
  submodel: string,
): Promise<Completion> {
  const { prefix, suffix } = await splitAt(place);
  const checkpoint = await openCheckpoint(model);
  if (submodel !== 'auto') checkSubmodel(checkpoint.config, submodel);
  const grammars = new Grammars(join(root, 'dist', 'grammars'));
  const report = readReport(hardwareFile(), machineOf(root, checkpoint.weightsFile));
  const engine = openEngine(root, checkpoint, 0, report);
  try {
    const path = relative(process.cwd(), resolve(place.file)).replaceAll('\\', '/');
    const request = requestIn(path, prefix, suffix, true);
    await grammars.load(request.languageId);
    const planner = new Planner({
      checkpoint,
      costs: new CostModel(checkpoint.config, (await engine.measure()).costs),
      rhythm: new TypingRhythm(),
      history: new History(),
      syntax: new SyntaxByGrammar(grammars),
      machine: () => UNKNOWN_MACHINE,
      now: () => 0,
    });
    const plan = await planner.plan(request, requestSettings({ ...AUTO, submodel }, 'balanced'));
    if (!plan || !('prompt' in plan)) throw new Error(plan?.reason);
    const { prompt, decision, trim } = plan;
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

function checkSubmodel(config: CheckpointConfig, name: string): void {
  try {
    submodelOf(config, name);
  } catch (error) {
    throw new UsageError(`--submodel ${name}: ${(error as Error).message}, or auto`);
  }
}

function round(value: number): number {
  return Math.round(value * 1000) / 1000;
}
