import { documentPath } from '../completion/prompt/path';
import { type Excerpt, windowStart } from '../completion/prompt/prompt';
import { type CutTexts, snippetPlace, type Snippet, SnippetIndex } from '../completion/prompt/snippets';
import type { Piece } from './wanted';

const FIND_MS = 5;

/**
 * The snippet for one document, of the pieces of other files that its client sends with each request. It stays the same while the
 * user types at one place and the pieces are the same, because otherwise the whole prompt would have to be prefilled again.
 */
export class PieceSnippets {
  private place = '';
  private found: readonly Snippet[] = [];

  constructor(
    private readonly texts: CutTexts,
    private readonly now: () => number,
  ) {}

  /** @param pieces may be quoted; they serve this request alone */
  at(path: string, excerpt: Excerpt, pieces: readonly Piece[]): readonly Snippet[] {
    const place = [snippetPlace(path, windowStart(excerpt), excerpt), ...pieces.map(({ id }) => id)].join('\n');
    // What was not found may be, once more is written.
    if (place !== this.place || this.found.length === 0) {
      this.found = this.find(path, excerpt.prefix, pieces);
      this.place = place;
    }
    return this.found;
  }

  private find(path: string, prefix: string, pieces: readonly Piece[]): readonly Snippet[] {
    const index = new SnippetIndex(pieces.length, this.texts.cut);
    for (const piece of pieces) {
      const name = documentPath(piece.path, '');
      index.set(`${piece.id}/${name}`, name, piece.text);
    }
    return index.find(path, prefix, 1, this.now, this.now() + FIND_MS);
  }
}
