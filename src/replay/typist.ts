import type { Outcome } from '../completion/outcome';
import type { Pipeline } from '../completion/pipeline';
import { type CompletionRequest, requestIn } from '../completion/request';
import { languageOf } from '../completion/syntax/languages';
import { codePlaceAt } from '../governor/place';
import type { TypingRhythm } from '../governor/typing';
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
      keysByHand: keysByHand(stretch),
      keys: this.keys,
      shown: this.shown,
      accepted: this.accepted,
      acceptedCharacters: this.acceptedCharacters,
      latenciesMs: this.latenciesMs,
      shownTokens: this.shownTokens,
      outcomes: this.outcomes,
      text: this.text,
    };
  }

  private planKey(): void {
    const { clock } = this.parts;
    const { stretch } = this.task;
    this.cancelKey = clock.at(clock.now() + this.hand.gapMs(stretch, this.position), () => {
      const key = stretch.charAt(this.position);
      const typed = key === '\n' ? key + leadingBlanks(stretch, this.position + 1) : key;
      this.keys++;
      const before = this.task.before + stretch.slice(0, this.position);
      const line = before.slice(before.lastIndexOf('\n') + 1);
      this.closed.typed(typed, line, stretch.slice(this.position + typed.length));
      this.change(typed);
    });
  }

  /** The text changed at the cursor: what the editor does then. */
  private change(text: string): void {
    const { clock, pipeline, rhythm } = this.parts;
    this.cancelAccept();
    this.cancelKey();
    this.cancelAsk();
    this.request.abort('a key was struck');
    this.write(text);
    pipeline.edited(this.task.path, text, 0);
    this.lastKeyMs = clock.now();
    rhythm.key(this.lastKeyMs, codePlaceAt(this.task.before + this.task.stretch.slice(0, this.position)));
    if (this.position >= this.task.stretch.length) return;
    const { ghost } = this;
    const left = ghost?.text.startsWith(text) ? ghost.text.slice(text.length) : '';
    this.ghost = ghost && left !== '' ? { ...ghost, text: left } : undefined;
    this.planAccept();
    this.cancelAsk = clock.at(this.lastKeyMs + EDITOR_DEBOUNCE_MS, () => {
      void this.ask();
    });
    this.planKey();
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
    this.latenciesMs.push(clock.now() - this.lastKeyMs);
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
      const taken = this.hand.takes(text, this.task.stretch.slice(this.position));
      if (taken === '') return;
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
    const { path, before, stretch, after } = this.task;
    return requestIn(path, before + stretch.slice(0, this.position), this.closed.text + after);
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
