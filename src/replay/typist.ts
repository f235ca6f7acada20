import type { Outcome } from '../completion/outcome';
import type { Pipeline } from '../completion/pipeline';
import { type CompletionRequest, requestIn } from '../completion/request';
import { leadingBlanks } from '../completion/syntax/indentation';
import { languageOf } from '../completion/syntax/languages';
import { codePlaceAt } from '../governor/place';
import { EDITOR_DEBOUNCE_MS } from '../governor/situation';
import { TYPING_GAP_MS, type TypingRhythm } from '../governor/typing';
import { AutoClosed } from './autoClosed';
import type { VirtualClock } from './clock';
import type { Hand } from './hand';
import { type EditedFile, lastLineOf, type WorkspaceFile } from './workspace';

/** A stretch of a file that is to be typed. The rest is in the document already. */
export interface Task {
  readonly path: string;
  /** All files of the workspace, as they are in the end; undefined if the file is alone. */
  readonly workspace?: readonly WorkspaceFile[];
  readonly before: string;
  readonly stretch: string;
  readonly after: string;
}

/** The results of typing a task. */
export interface Typed {
  /** Keys without suggestions. The editor inserts the indentation of a new line. */
  readonly keysByHand: number;
  /** Keys with suggestions. Tab counts as one. */
  readonly keys: number;
  /** Number of new texts at the cursor. */
  readonly shown: number;
  readonly accepted: number;
  readonly acceptedCharacters: number;
  /** Of these, the characters that each submodel wrote. */
  readonly acceptedBySubmodel: Readonly<Record<string, number>>;
  /** Milliseconds from the last key to each new text. */
  readonly latenciesMs: readonly number[];
  /** Number of gaps of TYPING_GAP_MS or more, also if the acceptance of a suggestion cut them short. */
  readonly pauses: number;
  /** Number of pauses with text at the cursor. */
  readonly pausesWithText: number;
  /** Milliseconds from the last key before a pause to the first new text in it. */
  readonly pauseLatenciesMs: readonly number[];
  /** Number of decoded tokens that were shown. */
  readonly shownTokens: number;
  /** Number of outcomes by kind. */
  readonly outcomes: Readonly<Record<string, number>>;
  readonly text: string;
}

export interface TypistParts {
  readonly pipeline: Pipeline;
  readonly rhythm: TypingRhythm;
  readonly clock: VirtualClock;
  /** Number of tokens in a text. */
  readonly tokens: (text: string) => number;
  /** The file in its workspace; undefined if it is alone. */
  readonly edited?: EditedFile | undefined;
}

/** Ghost text at the cursor. */
interface Ghost {
  readonly text: string;
  /** Characters after the cursor that it replaces. */
  readonly replaces: number;
  /** The time at which it appeared. Typing along does not restart the reading. */
  readonly sinceMs: number;
  readonly asFirstShown: string;
  /** The submodel that wrote it. */
  readonly submodel: string;
}

/** A simulated editor and its typist, as far as they matter to suggestions. */
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
  /** The gap before the next key is a pause. */
  private isPausing = false;
  /** Whether text was there right after the last key, and when the first new text appeared since. */
  private sinceKey: { readonly hadText: boolean; readonly firstTextMs?: number } = { hadText: false };
  /** Wrong text that is not deleted yet. */
  private wrong = '';
  private mistake: { readonly keys: string; readonly offset: number; step: number } | undefined;
  private text = '';
  private keys = 0;
  private shown = 0;
  private accepted = 0;
  private acceptedCharacters = 0;
  private readonly acceptedBySubmodel: Record<string, number> = {};
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
    this.write(leadingBlanks(stretch));
    await this.parts.edited?.remember(this.document);
    this.planKey();
    await this.parts.clock.run(() => this.position >= stretch.length);
    this.cancelAsk();
    this.cancelKey();
    this.cancelAccept();
    this.request.abort(KEY_PRESSED);
    return {
      keysByHand: keysByHand(stretch) + this.keysOfMistakes(),
      keys: this.keys,
      shown: this.shown,
      accepted: this.accepted,
      acceptedCharacters: this.acceptedCharacters,
      acceptedBySubmodel: this.acceptedBySubmodel,
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

  /** Press the next key of the text. */
  private strike(): void {
    const { stretch } = this.task;
    const key = stretch.charAt(this.position);
    const typed = key === '\n' ? key + leadingBlanks(stretch.slice(this.position + 1)) : key;
    this.mistake = undefined;
    const line = this.prefix.slice(this.prefix.lastIndexOf('\n') + 1);
    this.closed.typed(typed, line, stretch.slice(this.position + typed.length));
    this.change(typed);
  }

  /** Press the next key of a mistake or delete its last one. @returns false if there is no mistake here, or no longer */
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

  /** Number of keys for all mistakes of the stretch without suggestions, deletions included. */
  private keysOfMistakes(): number {
    const { stretch } = this.task;
    const keysAt = (offset: number) => 2 * (this.hand.mistakeAt(stretch, offset)?.keys.length ?? 0);
    return Array.from(stretch, (_, offset) => keysAt(offset)).reduce((sum, keys) => sum + keys, 0);
  }

  /**
   * The editor's reaction to a change of the text at the cursor.
   * @param removed number of characters deleted before the cursor; undefined if the text is right and stays
   */
  private change(text: string, removed?: number): void {
    const { clock, pipeline, rhythm } = this.parts;
    this.cancelAccept();
    this.cancelKey();
    this.cancelAsk();
    this.request.abort(KEY_PRESSED);
    this.countPause();
    if (removed === undefined) this.write(text);
    if (text.includes('\n')) void this.rememberLines();
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

  /** The pipeline tells the editor to repeat the request at the cursor. */
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
    this.ghost =
      text === undefined
        ? undefined
        : { text, replaces, sinceMs: clock.now(), asFirstShown: text, submodel: submodelOf(outcome) };
    this.cancelAccept();
    if (text === undefined) return;
    this.shown++;
    const latencyMs = clock.now() - this.lastKeyMs;
    this.latenciesMs.push(latencyMs);
    this.sinceKey = { firstTextMs: latencyMs, ...this.sinceKey };
    if (outcome.kind === 'shown') this.shownTokens += Math.min(outcome.work.decodedTokens, tokens(text));
    this.planAccept();
  }

  /** After reading the text at the cursor, the typist accepts the right part of it. */
  private planAccept(): void {
    const { clock } = this.parts;
    if (!this.ghost) return;
    const { sinceMs, asFirstShown } = this.ghost;
    this.cancelAccept = clock.at(Math.max(clock.now(), sinceMs + this.hand.readingMs(asFirstShown)), () => {
      const { text, replaces, submodel } = this.ghost ?? { text: '', replaces: 0, submodel: '' };
      const taken = this.wrong === '' ? this.hand.takes(text, this.task.stretch.slice(this.position)) : '';
      if (taken === '') return;
      this.mistake = undefined;
      this.closed.taken(taken === text ? replaces : 0);
      this.keys++;
      this.accepted++;
      this.acceptedCharacters += taken.length;
      this.acceptedBySubmodel[submodel] = (this.acceptedBySubmodel[submodel] ?? 0) + taken.length;
      this.change(taken);
    });
  }

  /** The memory knows a line once it is finished. The clock stands still, because another process does that work. */
  private async rememberLines(): Promise<void> {
    const release = this.parts.clock.hold();
    try {
      await this.parts.edited?.remember(this.document);
    } finally {
      release();
    }
  }

  private write(text: string): void {
    this.text += text;
    this.position += text.length;
  }

  private requestHere(): CompletionRequest {
    const { edited } = this.parts;
    const request = requestIn(this.task.path, this.prefix, this.suffix);
    return edited ? { ...request, ...edited.knownAt(lastLineOf(this.prefix), request) } : request;
  }

  /** The text before the cursor. */
  private get prefix(): string {
    const { before, stretch } = this.task;
    return before + stretch.slice(0, this.position) + this.wrong;
  }

  private get suffix(): string {
    return this.closed.text + this.task.after;
  }

  private get document(): string {
    return this.prefix + this.suffix;
  }
}

/** The submodel that wrote what an outcome shows. */
function submodelOf(outcome: Outcome): string {
  if (outcome.kind === 'shown') return outcome.work.submodel;
  return 'submodel' in outcome ? outcome.submodel : '';
}

const KEY_PRESSED = 'a key was pressed';

/** Number of keys to type a text. The editor indents its lines. */
export function keysByHand(text: string): number {
  return text.replaceAll(/^[ \t]+/gm, '').length;
}
