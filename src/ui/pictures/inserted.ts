/** A picture that was found. */
export interface InsertedPicture {
  /** Of its file, or of its set, from the workspace folder, with forward slashes. */
  readonly path: string;
  readonly name: string;
  /** The prefix of the set if the file is one. */
  readonly set?: string;
}

/** A text in place of a part of the document. */
export interface Edit {
  readonly start: number;
  readonly end: number;
  readonly text: string;
}
