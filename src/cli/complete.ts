import { join } from 'node:path';
import { decode } from '../completion/decode/decode';
import type { Piece } from '../completion/decode/confidence';
import type { Cursor } from '../completion/cursor';
import { FILTERS } from '../completion/filters';
import { gate } from '../completion/gate';
import type { Outcome } from '../completion/outcome';
import { Models } from '../completion/models';
import { Planner, requestSettings } from '../completion/plan';
import { type CompletionRequest, requestIn } from '../completion/request';
import { type Generation, generationOf, outcomeOf, workOf } from '../completion/reuse/generation';
import { Grammars } from '../completion/syntax/grammars';
import { SyntaxByGrammar } from '../completion/syntax/shape';
import type { EngineMemory } from '../engine/memory';
import { CostModel } from '../governor/costs';
import { History } from '../governor/history';
import { UNKNOWN_MACHINE } from '../governor/machine';
import { AUTO } from '../governor/settings';
import { TypingRhythm } from '../governor/typing';
import { english, verbatim } from '../localisation/phrase';
import { openCheckpoint } from '../matlm/checkpoint';
import { type Known, lastLineOf, Workspace, type WorkspaceFile } from '../replay/workspace';
import { checkOpen } from './closedFile';
import { type SourcePosition, splitAt } from './place';
import { engineFor } from './runningEngine';
import { submodelNamed } from './submodelNamed';
import { pathFrom, readWorkspace } from './workspaceFolder';

/** The output of `matcoder complete --json`. The details are missing if nothing was decoded. */
export type Completion = Answer & Partial<DecodeDetails>;

interface Answer {
  /** The text that would be inserted; empty if nothing would be shown. */
  readonly text: string;
  /** How the request ended, and the reason why nothing would be shown or why this submodel was chosen. */
  readonly outcome: { readonly kind: Outcome['kind']; readonly reason: string };
}

interface DecodeDetails {
  readonly submodel: string;
  readonly reason: string;
  readonly promptTokens: number;
  readonly prefillMs: number;
  /** As decoded, before trimming. Empty if the filter for secrets cut any of them. */
  readonly tokens: readonly { text: string; probability: number }[];
  readonly decodeMs: number;
}

/**
 * Complete at a position in a file: the same prompt, governor and trimming as in the editor when a user asks by hand.
 * @param submodel auto, or a submodel of the checkpoint
 * @param workspace the folder that the editor would have open: its files are remembered and quoted
 * @param socketFolder of the editor's engine, which is used if it runs; by default the user's
 */
export async function complete(
  root: string,
  model: string,
  place: SourcePosition,
  submodel: string,
  workspace?: string,
  socketFolder?: string,
): Promise<Completion> {
  await checkOpen(place.file);
  const { prefix, suffix } = await splitAt(place);
  const checkpoint = await openCheckpoint(model);
  const asked = submodel === 'auto' ? submodel : submodelNamed(checkpoint.config, '--submodel', submodel, ', or auto');
  const grammars = new Grammars(join(root, 'dist', 'grammars'));
  const { engine, memory, costs, dispose } = await engineFor(checkpoint, { root, folder: socketFolder });
  try {
    const files = workspace === undefined ? undefined : await readWorkspace(workspace);
    const path = pathFrom(workspace, place.file);
    const alone = requestIn(path, prefix, suffix, true);
    const gated = gate(alone);
    if (gated) return { text: '', outcome: { kind: 'gated', reason: english(gated.reason) } };
    const known = files === undefined ? {} : await knownIn(files, memory, alone, prefix + suffix);
    const request = { ...alone, ...known };
    await grammars.load(request.languageId);
    const planner = new Planner({
      models: new Models({ checkpoint, engine, costs: new CostModel(checkpoint.config, await costs()) }),
      rhythm: new TypingRhythm(),
      history: new History(),
      syntax: new SyntaxByGrammar(grammars),
      machine: () => UNKNOWN_MACHINE,
      now: () => 0,
    });
    const plan = await planner.plan(request, requestSettings({ ...AUTO, submodel: asked }, 'balanced'));
    if (!plan) throw new Error('the request was dropped');
    if (!('prompt' in plan)) return { text: '', outcome: { kind: 'declined', reason: english(plan.reason) } };
    const never = new AbortController().signal;
    const decoded = await decode(engine, checkpoint, plan.prompt, plan.decision, plan.trim, never, {
      memory: request.memory,
      urgency: 'hand',
    });
    if (decoded.fault !== undefined) throw new Error(decoded.fault);
    const reason = asked === 'auto' ? plan.decision.reason : verbatim(`${asked} was asked for`);
    const work = { ...workOf(plan, decoded, 0), reason };
    const generation = generationOf(plan, 'requested', decoded, checkpoint.calibration?.weights, work);
    return completionOf(outcomeOf(generation), generation, holdsSecret(plan.cursor, decoded.pieces));
  } finally {
    grammars.dispose();
    dispose();
  }
}

/** What the files of a workspace add to a request. */
async function knownIn(
  files: readonly WorkspaceFile[],
  memory: EngineMemory | undefined,
  request: CompletionRequest,
  text: string,
): Promise<Known> {
  const workspace = await Workspace.open(files, { memory });
  const edited = await workspace.edit(request.path);
  await edited.remember(text);
  return edited.knownAt(lastLineOf(text.slice(0, request.prefixStart + request.prefix.length)), request);
}

function completionOf(outcome: Outcome, { suggestion, pieces, work }: Generation, isSecret: boolean): Completion {
  return {
    text: suggestion?.text ?? '',
    outcome: { kind: outcome.kind, reason: english('reason' in outcome ? outcome.reason : work.reason) },
    submodel: work.submodel,
    reason: english(work.reason),
    promptTokens: work.promptTokens,
    prefillMs: round(work.prefillMs),
    tokens: isSecret ? [] : pieces.map(({ text, probability }) => ({ text, probability: round(probability) })),
    decodeMs: round(work.decodeMs),
  };
}

/** Whether the filter for secrets cuts what was decoded. */
function holdsSecret(cursor: Cursor, pieces: readonly Piece[]): boolean {
  const text = pieces.map((piece) => piece.text).join('');
  return FILTERS.secrets(cursor)({ text, replaces: 0, open: false }).text !== text;
}

function round(value: number): number {
  return Math.round(value * 1000) / 1000;
}
