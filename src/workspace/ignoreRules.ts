import { Glob, MAX_PATTERN_CHARS, type StepBudget, TooMuchWork } from './glob';

/** A larger ignore file is not read. */
export const MAX_IGNORE_BYTES = 1_000_000;
const MAX_PATTERNS = 20_000;
/** The step budget of one path, for all its rules. It takes some tens of milliseconds. */
const MAX_STEPS = 500_000;

interface Pattern {
  readonly glob: Glob;
  /** The pattern includes ignored files again. */
  readonly negated: boolean;
  readonly foldersOnly: boolean;
}

/** The patterns of one file or one setting, in order. */
export interface PatternList {
  readonly patterns: readonly Pattern[];
  /** Why the list cannot be followed. Then all files that it applies to count as ignored. */
  readonly fault?: string;
}

/** A list of patterns, and the folder whose files it applies to. */
export interface FolderRules {
  /** From the project's root, empty for the root itself. */
  readonly folder: string;
  readonly list: PatternList;
}

/**
 * Whether files are ignored, by Git's rules (gitignore(5)). A deeper ignore file overrides those above it, and a file in an
 * ignored folder stays ignored. If the rules cannot be evaluated, the file is ignored, because it might contain a secret.
 */
export class IgnoreRules {
  private readonly levels: readonly FolderRules[];
  /** Names of an ignored folder's path that count as not ignored. */
  private readonly exempt: number = 0;

  /**
   * @param opened a folder that the user has opened, from the project's root. If it is ignored itself, that it is does not count for the files
   *   in it, and neither do the patterns that ignore whatever is in it; all others do.
   */
  constructor(levels: readonly FolderRules[], opened = '') {
    this.levels = levels
      .filter(({ list }) => list.patterns.length > 0 || list.fault !== undefined)
      .map(({ folder, list }) => ({ folder: folder === '' ? '' : `${folder.toLowerCase()}/`, list }))
      .sort((a, b) => a.folder.length - b.folder.length);
    if (opened === '' || !this.ignoresFolder(`${opened}/`)) return;
    this.exempt = opened.split('/').length;
    this.levels = this.levels.map((level) => withoutAllOf(`${opened.toLowerCase()}/`, level));
  }

  /** @param path of a file from the project's root, with forward slashes */
  ignores(path: string, budget: StepBudget = { steps: MAX_STEPS }): boolean {
    return this.verdicts(path, budget).includes(true);
  }

  /** @param path of a folder from the project's root, with a slash at its end; empty for the root */
  ignoresFolder(path: string, budget: StepBudget = { steps: MAX_STEPS }): boolean {
    return this.verdicts(path, budget).slice(0, -1).includes(true);
  }

  /** Whether each of the path's folders is ignored, from the root on, and last the file. All are if it is too much work. */
  private verdicts(path: string, budget: StepBudget): boolean[] {
    // No rule applies to a path outside the project.
    if (path === '' || path.startsWith('/') || path.split('/').includes('..')) return [];
    const lowerCase = path.toLowerCase();
    const verdicts = lowerCase.split('/').map(() => false);
    try {
      for (const level of this.levels)
        if (lowerCase.startsWith(level.folder)) judge(level, lowerCase, verdicts, budget);
    } catch (error) {
      if (error instanceof TooMuchWork) return verdicts.fill(true);
      throw error;
    }
    return verdicts.fill(false, 0, Math.min(this.exempt, verdicts.length - 1));
  }
}

/** No file is called like that, so a pattern that matches it matches every name. */
const ANY_NAME = '\u0001';

/** Rules without the patterns that ignore whatever is in a folder. @param opened with a slash at its end */
function withoutAllOf(opened: string, { folder, list }: FolderRules): FolderRules {
  // Those of the folder itself, and of folders in it, are about its files.
  if (folder.length >= opened.length || !opened.startsWith(folder)) return { folder, list };
  const probe = `${opened.slice(folder.length)}${ANY_NAME}`;
  const names = probe.split('/').length;
  const budget = { steps: MAX_STEPS };
  const patterns = list.patterns.filter(({ glob, negated }) => {
    if (negated) return true;
    try {
      return !glob.matchingHeads(probe, budget).includes(names);
    } catch (error) {
      if (error instanceof TooMuchWork) return true;
      throw error;
    }
  });
  return { folder, list: { ...list, patterns } };
}

/** @param verdicts for the file's folders from the root on, and last for the file itself */
function judge({ folder, list }: FolderRules, path: string, verdicts: boolean[], budget: StepBudget): void {
  const above = folder === '' ? 0 : folder.split('/').length - 1;
  if (list.fault !== undefined) verdicts.fill(true, above);
  for (const { glob, negated, foldersOnly } of list.patterns) {
    for (const head of glob.matchingHeads(path.slice(folder.length), budget)) {
      const isFolder = above + head < verdicts.length;
      if (isFolder || !foldersOnly) verdicts[above + head - 1] = !negated;
    }
  }
}

/** The patterns of a .gitignore or .matcoderignore. */
export function patternsOfIgnoreFile(text: string): PatternList {
  if (text.length > MAX_IGNORE_BYTES) return { patterns: [], fault: `it is larger than ${MAX_IGNORE_BYTES} bytes` };
  const patterns: Pattern[] = [];
  for (const line of text.replace(/^\uFEFF/, '').split(/\r?\n/)) {
    if (/^(?:#|\s*$)/.test(line)) continue;
    if (patterns.length === MAX_PATTERNS) return { patterns: [], fault: `it has more than ${MAX_PATTERNS} patterns` };
    const pattern = patternOfLine(withoutBlanksAtEnd(line));
    if (pattern === 'too long')
      return { patterns: [], fault: `it has a pattern of more than ${MAX_PATTERN_CHARS} characters` };
    if (pattern) patterns.push(pattern);
  }
  return { patterns };
}

function patternOfLine(line: string): Pattern | 'too long' | undefined {
  const negated = line.startsWith('!');
  const whole = negated ? line.slice(1) : line;
  const foldersOnly = whole.endsWith('/');
  const path = foldersOnly ? whole.slice(0, -1) : whole;
  if (path === '') return undefined;
  if (path.length > MAX_PATTERN_CHARS) return 'too long';
  const glob = new Glob(path.replace(/^\//, ''), { anywhere: !path.includes('/'), braces: false });
  return { glob, negated, foldersOnly };
}

/** A blank at the end is kept if it is escaped with a backslash. */
function withoutBlanksAtEnd(line: string): string {
  let end = line.length;
  while (line.charAt(end - 1) === ' ' && !isEscaped(line, end - 1)) end--;
  return line.slice(0, end);
}

function isEscaped(line: string, at: number): boolean {
  let backslashes = 0;
  while (line.charAt(at - 1 - backslashes) === '\\') backslashes++;
  return backslashes % 2 === 1;
}

/**
 * The enabled patterns of the setting files.exclude, without those that depend on other files.
 * @param dropped called for each pattern that is too long
 */
export function patternsOfExcludes(
  excludes: Readonly<Record<string, unknown>>,
  dropped: (pattern: string) => void = () => undefined,
): PatternList {
  const on = Object.entries(excludes).filter(([, value]) => value === true);
  const patterns = on.slice(0, MAX_PATTERNS).flatMap(([pattern]): Pattern[] => {
    const path = pattern.replace(/^\//, '').replace(/\/$/, '');
    const isTooLong = path.length > MAX_PATTERN_CHARS;
    if (isTooLong) dropped(pattern);
    if (path === '' || isTooLong) return [];
    return [{ glob: new Glob(path, { anywhere: false, braces: true }), negated: false, foldersOnly: false }];
  });
  return { patterns };
}
