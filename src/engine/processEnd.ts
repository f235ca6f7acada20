/** How a child process ended, and what it said, in one line for people. */

/** The first line of a text. On Windows, Node.js and other programs end their lines with \r\n. */
export function firstLineOf(text: string): string {
  return text.trim().split(/\r?\n/)[0] ?? '';
}

/** From this code on, an exit code of Windows names a fault that the system has found, such as an access to memory. */
const FIRST_WINDOWS_FAULT = 0xc0000000;

/** @param code and signal of a `ChildProcess` that has ended: one of both is null */
export function endOf(code: number | null, signal: NodeJS.Signals | null): string {
  if (signal) return `ended by ${signal}`;
  const isFault = code !== null && code >= FIRST_WINDOWS_FAULT;
  return `ended with exit code ${isFault ? `0x${code.toString(16).toUpperCase()}` : String(code)}`;
}
