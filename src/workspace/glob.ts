/** The number of steps left for matching. Several matches may share it, so that a caller limits them together. */
export interface StepBudget {
  steps: number;
}

/** Thrown when the step budget is used up. */
export class TooMuchWork extends Error {}

/** Longer patterns are refused. */
export const MAX_PATTERN_CHARS = 1000;
const MAX_NESTING = 8;

/** A step of a pattern: it takes one character, or leads to other steps. */
type Step =
  | { readonly kind: 'char'; readonly char: string }
  | { readonly kind: 'set'; readonly set: CharacterSet }
  /** Any character, also the slash if `slash`. */
  | { readonly kind: 'any'; readonly slash: boolean }
  /** Continues at both. */
  | { kind: 'split'; a: number; b: number }
  | { kind: 'jump'; to: number };

interface CharacterSet {
  readonly negated: boolean;
  readonly ranges: readonly (readonly [from: string, to: string])[];
}

export interface GlobOptions {
  /** The pattern is the name of a file or folder at any depth, not a path from the root. */
  readonly anywhere: boolean;
  /** `{a,b}` means alternatives. */
  readonly braces: boolean;
}

/**
 * A pattern of Git's ignore files, or of VS Code's excludes: `*`, `?`, `[a-z]`, `**` between slashes, and alternatives.
 * Case is ignored, as on the file systems of Windows and macOS, because it is safer to ignore a file too many. The pattern
 * runs as a nondeterministic automaton (K. Thompson, Regular Expression Search Algorithm, 1968), so the number of steps is
 * at most the product of both lengths.
 */
export class Glob {
  private readonly pattern: string;
  private readonly isPlain: boolean;
  /** The longest text that every match contains. */
  private readonly required: string;
  /** Empty if the pattern is malformed. Compiled on first use, because most patterns are ruled out by `required`. */
  private steps: readonly Step[] | undefined;

  /** @param pattern of at most `MAX_PATTERN_CHARS`; a malformed one matches nothing, as in Git */
  constructor(
    pattern: string,
    private readonly options: GlobOptions,
  ) {
    this.pattern = pattern.toLowerCase();
    this.isPlain = !(options.braces ? /[*?[\\{]/ : /[*?[\\]/).test(this.pattern);
    this.required = this.isPlain ? this.pattern : requiredText(this.pattern);
  }

  /**
   * The heads of a path that match: its first name, its first two names, and so on up to the whole path.
   * @param path in lower case, with forward slashes
   * @returns the number of names of each head that matches
   */
  matchingHeads(path: string, budget: StepBudget): readonly number[] {
    spend(budget, 1);
    if (!path.includes(this.required)) return NONE;
    if (this.isPlain) return this.headsOfPlain(path, this.pattern);
    this.steps ??= new Compiler(this.pattern, this.options.braces).compile(this.options.anywhere) ?? [];
    return this.steps.length > 0 ? this.run(path, this.steps, budget) : NONE;
  }

  private headsOfPlain(path: string, plain: string): readonly number[] {
    if (this.options.anywhere) return path.split('/').flatMap((name, i) => (name === plain ? [i + 1] : []));
    const isHead = path.startsWith(plain) && (path.length === plain.length || path.charAt(plain.length) === '/');
    return isHead ? [plain.split('/').length] : NONE;
  }

  private run(path: string, steps: readonly Step[], budget: StepBudget): readonly number[] {
    const heads: number[] = [];
    let [states, names] = [reachable([0], steps, budget), 0];
    for (let i = 0; i <= path.length && states.size > 0; i++) {
      const char = path.charAt(i);
      if (char === '/' || i === path.length) {
        names++;
        if (states.has(steps.length)) heads.push(names);
      }
      const next: number[] = [];
      for (const state of states) if (takes(steps[state], char)) next.push(state + 1);
      states = reachable(next, steps, budget);
    }
    return heads;
  }
}

/** All states that are reached without a character. The final state is the number of steps. */
function reachable(from: number[], steps: readonly Step[], budget: StepBudget): Set<number> {
  const states = new Set<number>();
  for (let state = from.pop(); state !== undefined; state = from.pop()) {
    spend(budget, 1);
    if (states.has(state)) continue;
    states.add(state);
    const step = steps[state];
    if (step?.kind === 'split') from.push(step.a, step.b);
    if (step?.kind === 'jump') from.push(step.to);
  }
  return states;
}

function takes(step: Step | undefined, char: string): boolean {
  switch (step?.kind) {
    case 'char':
      return step.char === char;
    case 'any':
      return step.slash || char !== '/';
    case 'set':
      return char !== '/' && holds(step.set, char);
    default:
      return false;
  }
}

const NONE: readonly number[] = [];

function spend(budget: StepBudget, steps: number): void {
  budget.steps -= steps;
  if (budget.steps < 0) throw new TooMuchWork('the patterns take too many steps');
}

function holds({ negated, ranges }: CharacterSet, char: string): boolean {
  return ranges.some(([from, to]) => from <= char && char <= to) !== negated;
}

/** The longest literal stretch of a pattern; empty if the pattern has braces, sets or escapes. */
function requiredText(pattern: string): string {
  if (/[{[\\]/.test(pattern)) return '';
  // The slashes around ** may match one slash or none.
  const stretches = pattern.split(/\/?\*{2,}\/?|[*?]/);
  return stretches.reduce((longest, stretch) => (stretch.length > longest.length ? stretch : longest), '');
}

const CLASSES: Readonly<Record<string, CharacterSet['ranges']>> = {
  alpha: [['a', 'z']],
  upper: [['a', 'z']],
  lower: [['a', 'z']],
  digit: [['0', '9']],
  xdigit: [
    ['0', '9'],
    ['a', 'f'],
  ],
  alnum: [
    ['a', 'z'],
    ['0', '9'],
  ],
  space: [
    ['\t', '\r'],
    [' ', ' '],
  ],
  blank: [
    ['\t', '\t'],
    [' ', ' '],
  ],
  punct: [
    ['!', '/'],
    [':', '@'],
    ['[', '`'],
    ['{', '~'],
  ],
};

/** Compiles a pattern into its steps. */
class Compiler {
  private readonly steps: Step[] = [];
  private at = 0;

  constructor(
    private readonly pattern: string,
    private readonly braces: boolean,
  ) {}

  compile(anywhere: boolean): Step[] | undefined {
    if (anywhere) this.anyFolders();
    return this.sequence(0) && this.at === this.pattern.length ? this.steps : undefined;
  }

  /** Compile up to the end, or within braces up to a comma or a closing brace. @returns false if malformed */
  private sequence(nesting: number): boolean {
    let isNameStart = true;
    while (this.at < this.pattern.length) {
      const char = this.pattern.charAt(this.at);
      if (nesting > 0 && (char === ',' || char === '}')) return true;
      const wasNameStart = isNameStart;
      isNameStart = char === '/';
      if (char === '*') isNameStart = this.stars(wasNameStart);
      else if (char === '{' && this.braces && this.pattern.includes('}', this.at)) {
        if (!this.alternatives(nesting + 1)) return false;
      } else if (!this.character(char)) return false;
    }
    return nesting === 0;
  }

  /** One character of a path; false if the pattern can match nothing. */
  private character(char: string): boolean {
    this.at++;
    if (char === '?') this.steps.push({ kind: 'any', slash: false });
    else if (char === '[') {
      const set = this.set();
      if (!set) return false;
      this.steps.push({ kind: 'set', set });
    } else if (char === '\\') {
      if (this.at === this.pattern.length) return false;
      this.steps.push({ kind: 'char', char: this.pattern.charAt(this.at++) });
    } else this.steps.push({ kind: 'char', char });
    return true;
  }

  /** @returns whether a name begins after it */
  private stars(isNameStart: boolean): boolean {
    const start = this.at;
    while (this.pattern.charAt(this.at) === '*') this.at++;
    const next = this.pattern.charAt(this.at);
    const isGlobstar = this.at - start >= 2 && isNameStart;
    if (isGlobstar && next === '/') {
      this.at++;
      this.anyFolders();
      return true;
    }
    // At the end, it matches everything in the folder, but not the folder itself.
    if (isGlobstar && next === '') {
      this.steps.push({ kind: 'any', slash: true });
      this.anyNumber(true);
    } else this.anyNumber(false);
    return false;
  }

  /** Any number of folders: nothing, or any text that ends with a slash. */
  private anyFolders(): void {
    const split: Step = { kind: 'split', a: this.steps.length + 1, b: 0 };
    this.steps.push(split);
    this.anyNumber(true);
    this.steps.push({ kind: 'char', char: '/' });
    split.b = this.steps.length;
  }

  private anyNumber(slash: boolean): void {
    const loop = this.steps.length;
    this.steps.push({ kind: 'split', a: loop + 1, b: loop + 3 }, { kind: 'any', slash }, { kind: 'jump', to: loop });
  }

  private alternatives(nesting: number): boolean {
    if (nesting > MAX_NESTING) return false;
    const ends: Extract<Step, { kind: 'jump' }>[] = [];
    for (let char = '{'; char !== '}';) {
      this.at++;
      const split: Step = { kind: 'split', a: this.steps.length + 1, b: 0 };
      this.steps.push(split);
      if (!this.sequence(nesting)) return false;
      char = this.pattern.charAt(this.at);
      const end: Step = { kind: 'jump', to: 0 };
      this.steps.push(end);
      ends.push(end);
      // No other alternative follows the last one.
      split.b = char === '}' ? split.a : this.steps.length;
    }
    this.at++;
    for (const end of ends) end.to = this.steps.length;
    return true;
  }

  /** The set between brackets; undefined if they are not closed. */
  private set(): CharacterSet | undefined {
    const { pattern } = this;
    const negated = /[!^]/.test(pattern.charAt(this.at));
    if (negated) this.at++;
    const ranges: [string, string][] = [];
    for (let isFirst = true; isFirst || pattern.charAt(this.at) !== ']'; isFirst = false) {
      const named = /^\[:(\w*):\]/.exec(pattern.slice(this.at, this.at + 12));
      if (named) {
        const known = Object.hasOwn(CLASSES, named[1] ?? '') ? CLASSES[named[1] ?? ''] : undefined;
        if (!known) return undefined;
        ranges.push(...known.map(([from, to]): [string, string] => [from, to]));
        this.at += named[0].length;
        continue;
      }
      const from = this.memberOfSet();
      if (from === undefined) return undefined;
      const isRange = pattern.charAt(this.at) === '-' && !['', ']'].includes(pattern.charAt(this.at + 1));
      if (isRange) this.at++;
      const to = isRange ? this.memberOfSet() : from;
      if (to === undefined) return undefined;
      ranges.push([from, to]);
    }
    this.at++;
    return { negated, ranges };
  }

  private memberOfSet(): string | undefined {
    if (this.pattern.charAt(this.at) === '\\') this.at++;
    return this.at < this.pattern.length ? this.pattern.charAt(this.at++) : undefined;
  }
}
