/** A time as the extension writes it: a slow machine, or a busy one, needs more than a second for what others do at once. */
const TIME = String.raw`(?:\d+ ms|[\d.]+ s)`;

/** A regular expression in which TIME stands for a time of any length. */
export const matching = (pattern, flags) => new RegExp(pattern.replaceAll('TIME', TIME), flags);
