/** The platforms that packages are made for, by VS Code's names. `alpine` is Linux with musl instead of glibc. */
export const TARGETS = [
  'linux-x64',
  'linux-arm64',
  'alpine-x64',
  'alpine-arm64',
  'darwin-x64',
  'darwin-arm64',
  'win32-x64',
  'win32-arm64',
] as const;
export type Target = (typeof TARGETS)[number];

/** What a process knows about its platform. */
export interface ProcessFacts {
  readonly platform: string;
  readonly arch: string;
  /** Missing in a few builds of Node. */
  readonly report?: ReportWriter | undefined;
}

interface ReportWriter {
  getReport(): unknown;
  excludeNetwork?: boolean;
}

/**
 * The platform of a process by VS Code's name, whether or not a package is made for it: `linux-x64`, `freebsd-x64`. It is
 * that of the program, not of the machine: an x64 program on an Arm machine loads x64 libraries.
 */
export function targetOf(facts: ProcessFacts): string {
  const { platform, arch, report } = facts;
  const isMusl = platform === 'linux' && report !== undefined && glibcVersion(facts) === undefined;
  return `${isMusl ? 'alpine' : platform}-${arch}`;
}

export function isTarget(name: string): name is Target {
  return (TARGETS as readonly string[]).includes(name);
}

let ofThisProcess: string | undefined;

/** `targetOf` of this process, which takes a report of it the first time. */
export function thisTarget(): string {
  ofThisProcess ??= targetOf(process);
  return ofThisProcess;
}

/** The version of glibc that a process runs with, by its report; undefined if there is none. */
export function glibcVersion({ report }: Pick<ProcessFacts, 'report'>): string | undefined {
  if (!report) return undefined;
  const { excludeNetwork } = report;
  // Otherwise it looks up the name of every connection's other end, and waits for the answers.
  report.excludeNetwork = true;
  const { header } = report.getReport() as { readonly header?: { readonly glibcVersionRuntime?: string } };
  if (excludeNetwork !== undefined) report.excludeNetwork = excludeNetwork;
  return header?.glibcVersionRuntime;
}
