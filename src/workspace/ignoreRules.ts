import ignore, { type Ignore } from 'ignore';

/** The text of a .gitignore or .matcoderignore, and the folder whose files it speaks of. */
export interface IgnoreFile {
  /** From the project's root, empty for the root itself. */
  readonly folder: string;
  readonly text: string;
}

/**
 * Whether files are ignored, by the rules that Git has: a file deeper down overrules those above it, and nothing comes
 * back that lies in an ignored folder.
 */
export class IgnoreRules {
  private readonly levels: readonly { readonly folder: string; readonly rules: Ignore }[];

  constructor(files: readonly IgnoreFile[]) {
    this.levels = files
      .map(({ folder, text }) => ({ folder: folder === '' ? '' : `${folder}/`, rules: ignore().add(text) }))
      .sort((a, b) => a.folder.length - b.folder.length);
  }

  /** @param path from the project's root, with forward slashes */
  ignores(path: string): boolean {
    // A path that leads out of the project is nobody's to ignore.
    if (!ignore.isPathValid(path)) return false;
    const parts = path.split('/');
    return parts.some((_, i) => this.judge(parts.slice(0, i + 1).join('/') + (i + 1 < parts.length ? '/' : '')));
  }

  private judge(path: string): boolean {
    let ignored = false;
    for (const { folder, rules } of this.levels) {
      if (!path.startsWith(folder) || path === folder) continue;
      const verdict = rules.test(path.slice(folder.length));
      if (verdict.ignored) ignored = true;
      if (verdict.unignored) ignored = false;
    }
    return ignored;
  }
}

/**
 * The patterns of the setting files.exclude as lines of an ignore file: those that are on and depend on nothing else.
 * Alternatives in braces, which Git does not know, become a line each.
 */
export function linesOfExcludes(excludes: Readonly<Record<string, unknown>>): string {
  return Object.entries(excludes)
    .filter(([, value]) => value === true)
    .flatMap(([glob]) => alternatives(glob))
    .map((glob) => (glob.includes('/') ? `/${glob.replace(/^\//, '')}` : `/${glob}`))
    .join('\n');
}

function alternatives(glob: string): string[] {
  const braces = /\{([^{}]*)\}/.exec(glob);
  if (!braces) return [glob];
  const [all, inside = ''] = braces;
  const [before, after] = [glob.slice(0, braces.index), glob.slice(braces.index + all.length)];
  return inside.split(',').flatMap((choice) => alternatives(before + choice + after));
}
