/** A text in the code. */
export interface Message {
  readonly message: string;
  /** For translators; empty if there is none. */
  readonly comment: string;
  /** File and line. */
  readonly where: string;
}
type Texts = Readonly<Record<string, string>>;

export const LANGUAGES: readonly string[];
export function messagesIn(folder?: string): {
  readonly messages: readonly Message[];
  readonly faults: readonly string[];
};
export function untranslatedIn(folder?: string): readonly string[];
export function keyOf(message: Pick<Message, 'message' | 'comment'>): string;
export function placesIn(text: string): readonly string[];
export function manifestTexts(language?: string): Texts;
export function manifestKeys(): { readonly used: readonly string[]; readonly literal: readonly string[] };
export function readBundle(language: string): Texts;
