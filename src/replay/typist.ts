import type { Outcome } from '../completion/outcome';
import type { Pipeline } from '../completion/pipeline';
import { type CompletionRequest, requestIn } from '../completion/request';
import { languageOf } from '../completion/syntax/languages';
import { codePlaceAt } from '../governor/place';
import { TYPING_GAP_MS, type TypingRhythm } from '../governor/typing';
import { AutoClosed } from './autoClosed';
import type { VirtualClock } from './clock';
import type { Hand } from './hand';

/** A stretch of a file that is to be typed where the rest stands already. */
export interface Task {
  readonly path: string;
  readonly before: string;
  readonly stretch: string;
  readonly after: string;
}

/** What came of typing it. */
export interface Typed {
  /** Keys that it takes without suggestions: the blanks at a line's head come with the Enter key. */
  readonly keysByHand: number;
  /** Keys that it took: Tab counts as one. */
  readonly keys: number;
  /** Texts that newly appeared at the cursor. */
  readonly shown: number;
  readonly accepted: number;
  readonly acceptedCharacters: number;
  /** Milliseconds from the last key to each text that newly appeared. */
  readonly latenciesMs: readonly number[];
  /** Times that the hand rested for TYPING_GAP_MS or more, or would have if it had not accepted a suggestion first. */
  readonly pauses: number;
  /** Those of them in which text stood at the cursor. */
  readonly pausesWithText: number;
  /** Milliseconds from the last key before a pause to the first text that newly appeared in it. */
  readonly pauseLatenciesMs: readonly number[];
  /** Tokens of the texts that appeared, of those that were decoded for them. */
  readonly shownTokens: number;
  /** How requests ended, by kind. */
  readonly outcomes: Readonly<Record<string, number>>;
  readonly text: string;
}

/** VS Code waits so long after a change before it asks for a suggestion, and drops the request at the next. */
const EDITOR_DEBOUNCE_MS = 50;

export interface TypistParts {
  readonly pipeline: Pipeline;
  readonly rhythm: TypingRhythm;
  readonly clock: VirtualClock;
  /** Tokens in a text. */
  readonly tokens: (text: string) => number;
}

/** Ghost text at the cursor. */
interface Ghost {
  readonly text: string;
  /** Characters after the cursor that it replaces. */
  readonly replaces: number;
  /** When it appeared, whole; typing along does not begin the reading anew. */
  readonly sinceMs: number;
  readonly asFirstShown: string;
}

/** An editor with a hand at it, as far as suggestions can tell. */
export class Typist {
  private readonly closed: AutoClosed;
  private position = 0;
  private ghost: Ghost | undefined;
  private request = new AbortController();
  private lastKeyMs = 0;
  private cancelAsk: () => void = () => undefined;
  private cancelKey: () => void = () => undefined;
  private cancelAccept: () => void = () => undefined;
  private readonly latenciesMs: number[] = [];
  private readonly outcomes: Record<string, number> = {};
  private readonly pauseLatenciesMs: number[] = [];
  private pauses = 0;
  private pausesWithText = 0;
  /** The hand rests before its next key. */
  private isPausing = false;
  /** Since the last key: whether text stood there from the beginning, and when the first text newly appeared. */
  private sinceKey: { readonly hadText: boolean; readonly firstTextMs?: number } = { hadText: false };
  /** Struck by mistake and not taken back yet. */
  private wrong = '';
  private mistake: { readonly keys: string; readonly offset: number; step: number } | undefined;
  private text = '';
  private keys = 0;
  private shown = 0;
  private accepted = 0;
  private acceptedCharacters = 0;
  private shownTokens = 0;

  constructor(
    private readonly parts: TypistParts,
    private readonly hand: Hand,
    private readonly task: Task,
  ) {
    this.closed = new AutoClosed(languageOf(task.path));
  }

  /** Type the stretch from its beginning to its end. */
  async type(): Promise<Typed> {
    const { stretch } = this.task;
    this.write(leadingBlanks(stretch, 0));
    this.planKey();
    await this.parts.clock.run(() => this.position >= stretch.length);
    this.cancelAsk();
    this.cancelKey();
    this.cancelAccept();
    this.request.abort('a key was struck');
    return {
      keysByHand: keysByHand(stretch) + this.keysOfMistakes(),
      keys: this.keys,
      shown: this.shown,
      accepted: this.accepted,
      acceptedCharacters: this.acceptedCharacters,
      latenciesMs: this.latenciesMs,
      pauses: this.pauses,
      pausesWithText: this.pausesWithText,
      pauseLatenciesMs: this.pauseLatenciesMs,
      shownTokens: this.shownTokens,
      outcomes: this.outcomes,
      text: this.text,
    };
  }

  private planKey(): void {
    const { clock } = this.parts;
    const { stretch } = this.task;
    const { mistake } = this;
    const gapMs =
      mistake && mistake.step > 0
        ? this.hand.mistakeGapMs(mistake, mistake.offset, mistake.step)
        : this.hand.gapMs(stretch, this.position);
    this.isPausing = gapMs >= TYPING_GAP_MS;
    this.cancelKey = clock.at(clock.now() + gapMs, () => {
      this.keys++;
      if (!this.err()) this.strike();
    });
  }

  /** Strike the key that comes next. */
  private strike(): void {
    const { stretch } = this.task;
    const key = stretch.charAt(this.position);
    const typed = key === '\n' ? key + leadingBlanks(stretch, this.position + 1) : key;
    this.mistake = undefined;
    const line = this.prefix.slice(this.prefix.lastIndexOf('\n') + 1);
    this.closed.typed(typed, line, stretch.slice(this.position + typed.length));
    this.change(typed);
  }

  /** Strike the next key of a mistake, or take back the last one; false if there is no mistake here any more. */
  private err(): boolean {
    const { position } = this;
    if (this.mistake?.offset !== position) {
      const made = this.hand.mistakeAt(this.task.stretch, position);
      this.mistake = made && { ...made, offset: position, step: 0 };
    }
    const { mistake } = this;
    if (!mistake || mistake.step === 2 * mistake.keys.length) return false;
    const key = mistake.keys[mistake.step++];
    if (key !== undefined) {
      this.wrong += key;
      this.change(key, 0);
    } else {
      this.wrong = this.wrong.slice(0, -1);
      this.change('', 1);
    }
    return true;
  }

  /** Keys that all mistakes of the stretch take if nothing is accepted: each is struck and taken back. */
  private keysOfMistakes(): number {
    const { stretch } = this.task;
    const keysAt = (offset: number) => 2 * (this.hand.mistakeAt(stretch, offset)?.keys.length ?? 0);
    return Array.from(stretch, (_, offset) => keysAt(offset)).reduce((sum, keys) => sum + keys, 0);
  }

  /**
   * The text changed at the cursor: what the editor does then.
   * @param removed characters before the cursor; undefined if the text is right and to stay
   */
  private change(text: string, removed?: number): void {
    const { clock, pipeline, rhythm } = this.parts;
    this.cancelAccept();
    this.cancelKey();
    this.cancelAsk();
    this.request.abort('a key was struck');
    this.countPause();
    if (removed === undefined) this.write(text);
    pipeline.edited(this.task.path, text, removed ?? 0);
    this.lastKeyMs = clock.now();
    rhythm.key(this.lastKeyMs, codePlaceAt(this.prefix));
    if (this.position >= this.task.stretch.length) return;
    const { ghost } = this;
    const left = text !== '' && ghost?.text.startsWith(text) ? ghost.text.slice(text.length) : '';
    this.ghost = ghost && left !== '' ? { ...ghost, text: left } : undefined;
    this.sinceKey = { hadText: this.ghost !== undefined };
    this.planAccept();
    this.cancelAsk = clock.at(this.lastKeyMs + EDITOR_DEBOUNCE_MS, () => {
      void this.ask();
    });
    this.planKey();
  }

  private countPause(): void {
    if (!this.isPausing) return;
    const { hadText, firstTextMs } = this.sinceKey;
    this.pauses++;
    if (hadText || firstTextMs !== undefined) this.pausesWithText++;
    if (!hadText && firstTextMs !== undefined) this.pauseLatenciesMs.push(firstTextMs);
  }

  /** The pipeline asks the editor for another request where the cursor stands. */
  askAgain(): void {
    if (this.position < this.task.stretch.length) void this.ask();
  }

  private async ask(): Promise<void> {
    const request = new AbortController();
    this.request = request;
    const outcome = await this.parts.pipeline.complete(this.requestHere(), request.signal);
    this.outcomes[outcome.kind] = (this.outcomes[outcome.kind] ?? 0) + 1;
    if (!request.signal.aborted) this.show(outcome);
  }

  private show(outcome: Outcome): void {
    const { clock, tokens } = this.parts;
    const { text, replaces = 0 } = 'suggestion' in outcome ? outcome.suggestion : {};
    if (text === this.ghost?.text) {
      if (this.ghost) this.ghost = { ...this.ghost, replaces };
      return;
    }
    this.ghost = text === undefined ? undefined : { text, replaces, sinceMs: clock.now(), asFirstShown: text };
    this.cancelAccept();
    if (text === undefined) return;
    this.shown++;
    const latencyMs = clock.now() - this.lastKeyMs;
    this.latenciesMs.push(latencyMs);
    this.sinceKey = { firstTextMs: latencyMs, ...this.sinceKey };
    if (outcome.kind === 'shown') this.shownTokens += Math.min(outcome.work.decodedTokens, tokens(text));
    this.planAccept();
  }

  /** When it has read what stands there, the hand accepts what is right of it. */
  private planAccept(): void {
    const { clock } = this.parts;
    if (!this.ghost) return;
    const { sinceMs, asFirstShown } = this.ghost;
    this.cancelAccept = clock.at(Math.max(clock.now(), sinceMs + this.hand.readingMs(asFirstShown)), () => {
      const { text, replaces } = this.ghost ?? { text: '', replaces: 0 };
      const taken = this.wrong === '' ? this.hand.takes(text, this.task.stretch.slice(this.position)) : '';
      if (taken === '') return;
      this.mistake = undefined;
      this.closed.taken(taken === text ? replaces : 0);
      this.keys++;
      this.accepted++;
      this.acceptedCharacters += taken.length;
      this.change(taken);
    });
  }

  private write(text: string): void {
    this.text += text;
    this.position += text.length;
  }

  private requestHere(): CompletionRequest {
    const { path, after } = this.task;
    return requestIn(path, this.prefix, this.closed.text + after);
  }

  /** The text before the cursor. */
  private get prefix(): string {
    const { before, stretch } = this.task;
    return before + stretch.slice(0, this.position) + this.wrong;
  }
}

/** What the editor indents a line by when Enter is struck before it. */
function leadingBlanks(text: string, lineStart: number): string {
  return /^[ \t]*/.exec(text.slice(lineStart))?.[0] ?? '';
}

/** Keys that it takes to write a text, the editor indenting its lines. */
export function keysByHand(text: string): number {
  return text.replaceAll(/^[ \t]+/gm, '').length;
}
