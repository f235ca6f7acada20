import { type NativeMemory, numbersOf } from '../addon';
import type { DraftCounts, EndReason, GenerateEvent, GenerateRequest } from '../engine';
import { mayReachScore, NO_TOKENS, withToken } from '../scoreBound';
import { choose, findMatch, likeliest } from './choose';
import { MAX_DRAFT, type Speculator } from './speculator';

/** The model as decoding uses it. */
export interface TokenReader {
  /**
   * Reads tokens at the end of the cache.
   * @returns logits after each of them, [tokens, vocabulary]
   */
  read(tokens: readonly number[], widths: readonly number[]): Promise<Float32Array>;
  /** Keeps the first `length` tokens of the cache. */
  truncate(length: number): void;
}

export interface Decoding {
  readonly request: GenerateRequest;
  /** After the prompt, [vocabulary]; the cache holds the prompt. */
  readonly logits: Float32Array;
  readonly speculator: Speculator;
  /** Undefined if the model decides alone. */
  readonly memory: NativeMemory | undefined;
  readonly tokenBytes: readonly Uint8Array[];
  readonly contextLength: number;
  readonly isAborted: () => boolean;
  readonly listener: (event: GenerateEvent) => void;
  /** Updated during the decode, so that the counts are right even if it throws. */
  readonly done: { tokens: number; passes: number } & DraftCounts;
}

export const noDrafts = (): DraftCounts => ({
  copiedDrafts: 0,
  copiedAccepted: 0,
  writtenDrafts: 0,
  writtenAccepted: 0,
});

/** Tokens that the target has to verify. */
interface TokenDraft {
  readonly tokens: number[];
  /** Length of the match that they were copied after; 0 if they were not copied. */
  readonly matchLength: number;
  /** The drafting submodel's probability of each; empty if they were copied. */
  readonly probabilities: number[];
}

const LINE_END = 0x0a;

const NO_DRAFT: TokenDraft = { tokens: [], matchLength: 0, probabilities: [] };

/**
 * Greedy decoding, as Decoder::decode in native/src/decoding.cc. Drafts change only the time: the target verifies all of them
 * in one pass, and rejects the first that it would not have chosen and all after it.
 */
export async function decode(reader: TokenReader, decoding: Decoding): Promise<EndReason> {
  const { request, speculator, memory, tokenBytes, contextLength, isAborted, listener, done } = decoding;
  const {
    widths,
    maxTokens,
    stopTokens,
    bannedFirstTokens = [],
    memory: place,
    expected = [],
    endsWithLine = false,
    scoreBound,
  } = request;
  const vocabulary = decoding.logits.length;
  const text = [...request.prompt];
  // Without special tokens: one separates the text before the cursor from the answer, and no match would cross it.
  const isText = (token: number) => (tokenBytes[token]?.length ?? 0) > 0;
  const spelled = withSuffixFirst(request).filter(isText);
  let healingPrefix: Uint8Array = new TextEncoder().encode(request.healingPrefix ?? '');
  let { logits } = decoding;
  let counts = NO_TOKENS;
  let isAsExpected = true;
  let draft = NO_DRAFT; // the logits were computed for it, after the last token of `text`
  /** @param beyond bytes that the last token spells after the healing prefix; undefined if it ends within the prefix */
  const reasonToEnd = (beyond: Uint8Array | undefined): EndReason | undefined => {
    if (endsWithLine && beyond?.includes(LINE_END)) return 'line';
    if (beyond && scoreBound && !mayReachScore(scoreBound, counts)) return 'scoreBound';
    if (text.length > contextLength) return 'context';
    return done.tokens === maxTokens ? 'length' : undefined;
  };
  for (;;) {
    // Row i of the logits follows i accepted drafts.
    for (let i = 0; i <= draft.tokens.length; i++) {
      if (isAborted()) return 'aborted';
      if (done.tokens === maxTokens) return 'length';
      const cached = text.length;
      const row = logits.subarray(i * vocabulary, (i + 1) * vocabulary);
      const never = done.tokens === 0 ? bannedFirstTokens : [];
      const choice =
        memory && place
          ? memory.choose(
              row,
              Int32Array.from(spelled),
              ...numbersOf(place),
              Int32Array.from(never),
              Uint8Array.from(healingPrefix),
            )
          : choose(row, { never, healingPrefix, tokenBytes });
      const { token } = choice;
      const accepted = draft.tokens[i] === token;
      if (i < draft.tokens.length) learn(draft, i, accepted, speculator, done);
      if (!accepted) reader.truncate(cached);
      isAsExpected &&= token === expected[done.tokens];
      if (stopTokens.includes(token)) {
        reader.truncate(cached);
        return 'stop';
      }
      const bytes = tokenBytes[token] ?? new Uint8Array();
      const isNew = healingPrefix.length === 0 || bytes.length > healingPrefix.length;
      const beyond = isNew ? bytes.subarray(healingPrefix.length) : undefined;
      if (isNew) counts = withToken(counts, choice);
      healingPrefix = healingPrefix.subarray(bytes.length);
      text.push(token);
      if (isText(token)) spelled.push(token);
      done.tokens++;
      listener({ type: 'token', ...choice });
      const reason = reasonToEnd(beyond);
      if (reason) {
        reader.truncate(cached);
        return reason;
      }
      if (!accepted) break;
    }
    const room = Math.min(maxTokens - done.tokens - 1, contextLength - text.length, MAX_DRAFT);
    const ahead = isAsExpected ? expected.slice(done.tokens, done.tokens + room) : [];
    draft = ahead.length > 0 ? { ...NO_DRAFT, tokens: ahead } : await makeDraft(reader, decoding, text, spelled, room);
    if (isAborted()) return 'aborted';
    const tokens = [...text.slice(-1), ...draft.tokens];
    const startMs = performance.now();
    logits = await reader.read(tokens, widths);
    done.passes++;
    speculator.targetTook(tokens.length, performance.now() - startMs);
  }
}

/** The prompt with the text before the cursor at its end, which the answer continues. */
function withSuffixFirst({ prompt, suffixAt: [begin, end] = [0, 0] }: GenerateRequest): number[] {
  return [...prompt.slice(begin, end), ...prompt.slice(0, begin), ...prompt.slice(end)];
}

/**
 * A draft of the tokens after `text`, whose last token is not in the cache yet. The cache is left unchanged.
 * @param spelled `text` without special tokens
 */
async function makeDraft(
  reader: TokenReader,
  { request, speculator, isAborted }: Decoding,
  text: readonly number[],
  spelled: readonly number[],
  left: number,
): Promise<TokenDraft> {
  const { maxTokens = 0, widths = [], always = false } = request.speculation ?? {};
  const room = Math.min(left, maxTokens);
  if (room <= 0) return NO_DRAFT;
  const explore = !always && speculator.explore();
  const match = findMatch(spelled);
  if (match.length > 0) {
    const paying = always ? room : speculator.worthCopying(match.length, room);
    const count = explore ? Math.max(paying, Math.min(2, room)) : paying;
    if (count > 0) return { tokens: copy(spelled, match.next, count), matchLength: match.length, probabilities: [] };
  }
  if (widths.length === 0) return NO_DRAFT;
  const draft: TokenDraft = { tokens: [], matchLength: 0, probabilities: [] };
  const { tokens, probabilities } = draft;
  const wanted = () => always || (explore && tokens.length === 0) || speculator.worthWriting(probabilities);
  while (tokens.length < room && !isAborted() && wanted()) {
    const startMs = performance.now();
    const { token, sum } = likeliest(await reader.read([tokens.at(-1) ?? text.at(-1) ?? 0], widths));
    speculator.draftTook(performance.now() - startMs);
    tokens.push(token);
    probabilities.push(1 / sum);
  }
  reader.truncate(text.length - 1);
  return draft;
}

/** `count` tokens from an index of the text on; the copy may run on into itself. */
function copy(text: readonly number[], from: number, count: number): number[] {
  const longer = [...text];
  for (let i = 0; i < count; i++) longer.push(longer[from + i] ?? 0);
  return longer.slice(text.length);
}

function learn(draft: TokenDraft, i: number, accepted: boolean, speculator: Speculator, counts: DraftCounts): void {
  if (draft.matchLength > 0) {
    speculator.copied(draft.matchLength + i, accepted);
    counts.copiedDrafts++;
    counts.copiedAccepted += Number(accepted);
  } else if (draft.probabilities.length > 0) {
    speculator.wrote(draft.probabilities[i] ?? 0, accepted);
    counts.writtenDrafts++;
    counts.writtenAccepted += Number(accepted);
  }
}
