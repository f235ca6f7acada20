/** Ways to make the prompt of a cursor in held-out code, for `prompts.mts`. */
import { dirname } from 'node:path';
import { type Snippet, SnippetIndex } from '../src/completion/prompt/snippets';
import { BUDGET, buildPrompt, type Prompt, type PromptBudget, ROOM_TO_WRITE } from '../src/completion/prompt/prompt';
import type { HeldoutFile } from '../src/cli/heldout';
import type { Checkpoint } from '../src/matlm/checkpoint';
import type { Cursor } from './cursors.mjs';
import { type Definitions, PackageService } from './definitions';
import type { Gallery, Ranking } from './gallery';

export type Place = Cursor<HeldoutFile>;
export type Way = (place: Place) => Prompt | Promise<Prompt>;

/** The editor's way, with which the others are compared. */
export const EDITOR = 'one snippet, imports kept';

/** Which pieces are ranked in which way, for each set of files. */
const RANKINGS: Readonly<Record<string, Ranking>> = {
  'chunk by words': { byWords: true },
  'chunk by embedding, query by S': { submodel: 'S' },
  'chunk by embedding, query by XL': { submodel: 'XL' },
  'chunk by words and embedding': { byWords: true, submodel: 'XL' },
};
const NEAR = 'of eight files';
const ALL = 'of the whole workspace';

const rankedIn = (set: string) => Object.keys(RANKINGS).map((name) => `${name}, ${set}`);

/** Ways that differ in nothing but the snippet. */
export const SNIPPET_WAYS = [
  'imports kept',
  EDITOR,
  'definitions, no snippet',
  ...rankedIn(NEAR),
  `one snippet ${ALL}`,
  ...rankedIn(ALL),
];

/** Whether a way embeds code, which takes minutes for whole packages. */
export function needsEncoder(way: string): boolean {
  return [NEAR, ALL].some((set) => rankedIn(set).includes(way));
}

/**
 * All ways, by name.
 * @param files of all packages, each of which is a workspace
 * @param gallery opened by the first way that needs one
 */
export function waysOf(
  checkpoint: Checkpoint,
  files: readonly HeldoutFile[],
  gallery: () => Promise<Gallery>,
): Readonly<Record<string, Way>> {
  const room = checkpoint.config.model.contextLength - ROOM_TO_WRITE;
  const others = (file: HeldoutFile) => files.filter((other) => other.package === file.package && other !== file);

  /** As if the eight files nearest to this one were open: those of its folder first. */
  const neighbours = (file: HeldoutFile) => {
    const folder = dirname(file.path);
    const isNear = ({ path }: HeldoutFile) => Number(dirname(path) === folder);
    return others(file)
      .sort((a, b) => isNear(b) - isNear(a))
      .slice(0, 8);
  };

  const workspaces = new Map<string, SnippetIndex>();
  const workspaceIndex = ({ package: name }: HeldoutFile) => {
    const index = workspaces.get(name) ?? indexOf(files.filter((file) => file.package === name));
    workspaces.set(name, index);
    return index;
  };

  const withBudget = (place: Place, change: Partial<PromptBudget>) =>
    buildPrompt(checkpoint, place, room, undefined, { ...BUDGET, ...change });
  const plain = { importChars: 0 };

  const nearSnippets = (place: Place, count: number) => find(indexOf(neighbours(place.file)), place, count);

  /** As the editor asks, except for the budget. */
  const asked = (place: Place, change: Partial<PromptBudget>, snippets = 1) =>
    withBudget({ ...place, snippets: nearSnippets(place, snippets) }, change);

  /** Packages in TypeScript's language service, by name. */
  const services = new Map<string, PackageService>();

  /** A text of the cursor's definitions before the snippet, if there is one, and the snippet as the editor takes it. */
  const withDefinitions = (place: Place, of: keyof Definitions, snippets = nearSnippets(place, 1)) => {
    const { package: name, path } = place.file;
    const service = services.get(name) ?? new PackageService(files.filter((file) => file.package === name));
    services.set(name, service);
    const { [of]: text } = service.at(path, place.prefix, place.suffix);
    const quoted = snippets.filter((snippet) => snippet.text.length <= BUDGET.snippetChars);
    const definitions = text === '' ? [] : [{ path, text }];
    return withBudget(
      { ...place, snippets: [...definitions, ...quoted] },
      { snippetChars: BUDGET.snippetChars + text.length },
    );
  };

  const ranked =
    (filesOf: (file: HeldoutFile) => HeldoutFile[], ranking: Ranking): Way =>
    async (place) => {
      const { file, prefix } = place;
      const snippets = await (await gallery()).find(filesOf(file), file.path, prefix, ranking);
      return withBudget({ ...place, snippets }, {});
    };
  const rankedWays = Object.entries(RANKINGS).flatMap(([name, ranking]) => [
    [`${name}, ${NEAR}`, ranked(neighbours, ranking)] as const,
    [`${name}, ${ALL}`, ranked(others, ranking)] as const,
  ]);

  return {
    'nothing given back': (place) => buildPrompt(checkpoint, place, room, () => '', { ...BUDGET, ...plain }),
    healed: (place) => withBudget(place, plain),
    'imports kept': (place) => withBudget(place, {}),
    'one snippet': (place) => asked(place, plain),
    'two snippets': (place) => asked(place, { ...plain, snippetChars: 1600 }, 2),
    [EDITOR]: (place) => asked(place, {}),
    [`one snippet ${ALL}`]: (place) => withBudget({ ...place, snippets: find(workspaceIndex(place.file), place) }, {}),
    'snippet around the longest match': (place) =>
      withBudget({ ...place, snippets: aroundLongestMatch(others(place.file), place) }, {}),
    both: (place) => {
      const snippets = [...aroundLongestMatch(others(place.file), place), ...find(workspaceIndex(place.file), place)];
      return withBudget({ ...place, snippets }, { snippetChars: 1800 });
    },
    'definitions, no snippet': (place) => withDefinitions(place, 'declarations', []),
    'definitions and one snippet': (place) => withDefinitions(place, 'declarations'),
    'signatures and one snippet': (place) => withDefinitions(place, 'signatures'),
    'members and one snippet': (place) => withDefinitions(place, 'members'),
    ...Object.fromEntries(rankedWays),
    'prefix of 600 to 1,100': (place) => asked(place, { prefixChars: 600, prefixStepChars: 500 }),
    'prefix of 2,400 to 4,400': (place) => asked(place, { prefixChars: 2400, prefixStepChars: 2000 }),
    'suffix of 200': (place) => asked(place, { suffixChars: 200 }),
    'suffix of 1,000': (place) => asked(place, { suffixChars: 1000 }),
    'snippet of 1,800': (place) => asked(place, { snippetChars: 1800 }, 2),
  };
}

function indexOf(quoted: readonly HeldoutFile[]): SnippetIndex {
  const index = new SnippetIndex(quoted.length);
  for (const { path, text } of quoted) index.set(path, path, text);
  return index;
}

function find(index: SnippetIndex, { file, prefix }: Place, count = 1): Snippet[] {
  return index.find(file.path, prefix, count, () => 0, Infinity);
}

/** Lines of another file around the place before which it is the same as before the cursor for the most characters. */
function aroundLongestMatch(others: readonly HeldoutFile[], { prefix }: Place): Snippet[] {
  let length = 0;
  let found: Snippet[] = [];
  for (const { path, text } of others) {
    let at = -1;
    while (length < Math.min(prefix.length, 500)) {
      const match = text.indexOf(prefix.slice(-length - 1));
      if (match < 0) break;
      length++;
      at = match + length;
    }
    if (at < 0) continue;
    const line = text.slice(0, at).split('\n').length - 1;
    const lines = text.split('\n').slice(Math.max(0, line - 8), line + 8);
    found = [{ path, text: lines.filter((text) => text.length <= 200).join('\n') }];
  }
  return found;
}
