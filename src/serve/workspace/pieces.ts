import { hash } from 'node:crypto';
import { isSecretFile } from '../../workspace/secretFiles';
import { findSecret } from '../../workspace/secrets';
import { textKindOf } from '../../workspace/textKinds';
import { documentPath } from '../../completion/prompt/path';
import { languageOf } from '../../completion/syntax/languages';
import { phrase } from '../../localisation/phrase';
import type { Extra, KnownFile, Piece, Wanted } from '../wanted';

/** What a client says of a text, without a workspace. */
export function fileSaid({ path, languageId }: Pick<Wanted, 'path' | 'languageId'>, guessed: string): KnownFile {
  const language = languageId ?? (path === undefined ? guessed : languageOf(path));
  if (path === undefined) return { path: documentPath('Untitled-1', language), isNamed: false, languageId: language };
  const closed = isSecretFile(path.replaceAll('\\', '/'))
    ? phrase('files of this name usually contain secrets')
    : undefined;
  return { path: documentPath(path, language), isNamed: true, languageId: language, closed };
}

/** A piece with what tells it apart. What is kept about a piece is kept by that, because its text may hold a secret. */
export function pieceOf({ path, text }: Extra): Piece {
  return { path, text, id: hash('sha256', `${path}\n${text}`, 'base64url') };
}

/** Pieces about which something is kept, because clients send the same with every request: sixteen for each of 32 documents. */
export const MAX_PIECES = 512;

/** Decides by names and contents whether pieces of files may be quoted. */
export class QuotablePieces {
  private readonly verdicts = new Map<string, boolean>();

  mayQuote({ path, text, id }: Piece): boolean {
    const known = this.verdicts.get(id);
    if (known !== undefined) return known;
    const may =
      !isSecretFile(path.replaceAll('\\', '/')) &&
      findSecret(text, { kind: textKindOf(path, languageOf(path)) }) === undefined;
    this.verdicts.set(id, may);
    const oldest = this.verdicts.keys().next();
    if (this.verdicts.size > MAX_PIECES && !oldest.done) this.verdicts.delete(oldest.value);
    return may;
  }
}
