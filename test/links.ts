/** Skips a test that makes symbolic links, which needs special rights on Windows, and for which Wine makes none that work. */
export function needLinks(context: Mocha.Context): void {
  if (process.platform === 'win32') context.skip();
}
