import { languageOf } from '../../completion/syntax/languages';
import { LanguagesOfTexts } from '../languageOfText';
import type { KnownFile, Piece, Wanted } from '../wanted';
import type { DiskWorkspace } from '../workspace/diskWorkspace';
import type { FileFinder } from '../workspace/fileFinder';
import { fileSaid, QuotablePieces } from '../workspace/pieces';

/** Characters around the cursor by which a file is found. */
const AROUND_CHARS = 4000;
/** The memory has the file as it is on the disk, and which of its lines are being typed is unknown. */
const ALL_LINES = [0, 2 ** 31 - 1] as const;

/** What a server knows of the files that its clients complete in and quote. */
export class ServedFiles {
  private readonly pieces = new QuotablePieces();
  private readonly languages = new LanguagesOfTexts();

  /** @param workspace undefined if the server was started for no folder */
  constructor(private readonly workspace?: { readonly folders: DiskWorkspace; readonly finder: FileFinder }) {}

  /** The file of a text: the one that the client names, or else the one of the workspace that has its lines. */
  async fileOf(wanted: Wanted): Promise<KnownFile> {
    const { path, prefix, suffix, languageId } = wanted;
    const { workspace } = this;
    const here = path === undefined ? undefined : workspace?.folders.resolve(path);
    const found = here ?? workspace?.finder.find(prefix.slice(-AROUND_CHARS) + suffix.slice(0, AROUND_CHARS));
    const inside = found === undefined ? undefined : workspace?.folders.relative(found);
    if (!workspace || found === undefined || inside === undefined)
      return fileSaid(wanted, path === undefined ? this.languages.of(prefix, suffix) : 'plaintext');
    workspace.folders.look(found, prefix);
    return {
      path: inside,
      isNamed: true,
      languageId: languageId ?? languageOf(inside),
      closed: await workspace.folders.closed(found),
      memory: { ...workspace.folders.placeOf(found, 0), hiddenLines: ALL_LINES },
    };
  }

  /** Whether a piece of a file may be quoted: by its text, its name and the rules of the workspace, if it is in there. */
  async mayQuote(piece: Piece): Promise<boolean> {
    if (!this.pieces.mayQuote(piece)) return false;
    const folders = this.workspace?.folders;
    const path = piece.path === '' ? undefined : folders?.resolve(piece.path);
    return !folders || path === undefined || folders.relative(path) === undefined || folders.mayQuote(path);
  }
}
