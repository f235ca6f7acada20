/** A picture of the grid. */
export interface ShownPicture {
  /** Of the message that shows it. */
  readonly id: number;
  readonly name: string;
  /** Its set, or the folder of its file. */
  readonly place: string;
}

export type ToPage =
  /** @property like the name of a picture that others are to be like; then the words may be empty */
  | { readonly type: 'begin'; readonly words: string; readonly like: string | undefined }
  /** @property isOther whether the results are of another query, so that the grid begins at its top */
  | { readonly type: 'pictures'; readonly pictures: readonly ShownPicture[]; readonly isOther: boolean }
  /** @property url of data @property isShape whether it is drawn in the colour of the text */
  | { readonly type: 'thumbnail'; readonly id: number; readonly url: string; readonly isShape: boolean }
  /** @property text that a screen reader says too @property isWaiting whether the index could be built now */
  | { readonly type: 'status'; readonly text: string; readonly isBusy: boolean; readonly isWaiting: boolean };

export type FromPage =
  | { readonly type: 'ready' }
  | { readonly type: 'query'; readonly words: string }
  /** No picture is to be like another any more. */
  | { readonly type: 'unlike' }
  | { readonly type: 'insert'; readonly id: number }
  | { readonly type: 'open'; readonly id: number }
  | { readonly type: 'build' }
  | { readonly type: 'close' };

/** The longest query that is searched for. */
export const MAX_WORDS_CHARS = 500;

/** A message of the page, which is checked because a page may send anything. */
export function fromPage(message: unknown): FromPage | undefined {
  if (typeof message !== 'object' || message === null || !('type' in message)) return undefined;
  const { type } = message;
  switch (type) {
    case 'ready':
    case 'unlike':
    case 'build':
    case 'close':
      return { type };
    case 'query':
      if (!('words' in message) || typeof message.words !== 'string') return undefined;
      return { type, words: message.words.slice(0, MAX_WORDS_CHARS) };
    case 'insert':
    case 'open':
      return 'id' in message && Number.isInteger(message.id) ? { type, id: Number(message.id) } : undefined;
    default:
      return undefined;
  }
}
