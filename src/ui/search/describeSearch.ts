import { clauses, type Phrase, phrase, verbatim } from '../../localisation/phrase';
import { percentDone, type SearchProgress, type WaitingFor } from '../../search/search';

const WAITING: Readonly<Record<WaitingFor, Phrase>> = {
  typing: phrase('goes on when no key was typed for a moment'),
  completion: phrase('goes on after the completion'),
  mains: phrase('goes on when the machine is on mains and does not save power'),
  cooling: phrase('goes on when the processor has cooled down'),
  processor: phrase('goes on when other programs need less of the processor'),
  'another window': phrase('another window builds the index of this folder'),
};

/** `found by words: all 20,000 files; by meaning too: 6 %`; undefined if no index is wanted. */
export function describeSearch(progress: SearchProgress): Phrase | undefined {
  const { now, chunks, pictures, bytes, isTruncated, notice } = progress;
  switch (now.state) {
    case 'off':
      return undefined;
    case 'starting':
      return phrase({ message: 'starting', comment: ['the engine'] });
    case 'unavailable':
      return phrase('not available: {0}', verbatim(now.fault));
    case 'indexing':
    case 'waiting':
    case 'ready': {
      const size =
        bytes < 1e6 ? phrase('{0} kB', Math.ceil(bytes / 1e3)) : phrase('{0} MB', { value: bytes / 1e6, digits: 1 });
      const { filesRead, filesDone, filesFound, isWalked } = progress;
      if (now.state === 'waiting' && filesFound === 0) return WAITING[now.for];
      // A query counts as typing too, but matters only if something is left to read.
      const isHeldUp = now.state === 'waiting' && !(now.for === 'typing' && filesDone >= filesFound);
      const soFar = isWalked
        ? phrase('found by words: all {0} files; by meaning too: {1} %', filesFound, percentDone(progress))
        : phrase('found by words so far: {0} files', filesRead);
      return clauses(
        now.state === 'ready' ? phrase('{0} pieces of code and {1} pictures, {2}', chunks, pictures, size) : soFar,
        ...(isHeldUp ? [WAITING[now.for]] : []),
        ...(isTruncated ? [phrase('there is more than the index takes')] : []),
        ...(notice === undefined ? [] : [verbatim(notice)]),
      );
    }
  }
}
