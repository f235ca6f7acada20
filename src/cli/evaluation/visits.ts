import { type CompletionRequest, requestIn } from '../../completion/request';
import type { EngineMemory, MemoryStats } from '../../engine/memory';
import { lastLineOf, type Switch, Workspace, type WorkspaceFile } from '../../replay/workspace';
import { type Span, spansOf } from './spans';

/** A file of which spans are masked. */
export interface Source {
  readonly path: string;
  readonly text: string;
  /** As the corpus names it; undefined for a file that was named itself. */
  readonly language?: string;
  /** All files of the workspace, this one included; undefined if the file is alone. */
  readonly workspace?: readonly WorkspaceFile[];
}

export interface VisitOptions {
  /** Spans of each kind in each file. */
  readonly each: number;
  readonly seed: number;
  /** Each place is visited once with each of them, if its file has a workspace. */
  readonly memory: readonly Switch[];
  /** Each file counts as new: files that name what it declares are unknown. */
  readonly isNewFile: boolean;
}

/** A span to complete, and what the editor would know there. */
export interface Visit {
  /** The same for all visits of a span, and different for different spans. */
  readonly place: string;
  readonly source: Source;
  readonly span: Span;
  /** Undefined if the file has no workspace. */
  readonly memory: Switch | undefined;
  readonly request: CompletionRequest;
}

/**
 * Visits the spans of all sources. The memory holds one workspace at a time, and is empty in the end.
 * @param onOpen told what the memory holds of each workspace
 */
export async function* visitsOf(
  sources: readonly Source[],
  { each, seed, memory, isNewFile }: VisitOptions,
  engineMemory: EngineMemory | undefined,
  onOpen: (stats: MemoryStats) => void = () => undefined,
): AsyncGenerator<Visit> {
  const spansIn = (source: Source) =>
    spansOf(source.path, source.text, each, seed).map(
      (span, i) => [`${sources.indexOf(source)}:${i}`, span, requestIn(span.path, span.prefix, span.suffix)] as const,
    );
  for (const [files, of] of byWorkspace(sources)) {
    if (!files) {
      for (const source of of)
        for (const [place, span, request] of spansIn(source)) yield { place, source, span, memory: undefined, request };
      continue;
    }
    for (const one of memory) {
      const workspace = await Workspace.open(files, { memory: one === 'on' ? engineMemory : undefined, isNewFile });
      const stats = await workspace.stats();
      if (stats) onOpen(stats);
      for (const source of of) {
        const edited = await workspace.edit(source.path);
        for (const [place, span, request] of spansIn(source)) {
          // The document without the masked text, so nothing of it can be found.
          await edited.remember(span.prefix + span.suffix);
          const known = edited.knownAt(lastLineOf(span.prefix), request);
          yield { place, source, span, memory: one, request: { ...request, ...known } };
        }
        await edited.close();
      }
      await workspace.close();
    }
  }
}

/** The sources of each workspace together, so that each is opened once. */
function byWorkspace(sources: readonly Source[]): Map<Source['workspace'], Source[]> {
  const groups = new Map<Source['workspace'], Source[]>();
  for (const source of sources) groups.set(source.workspace, [...(groups.get(source.workspace) ?? []), source]);
  return groups;
}
