/** Left free on the disk for other programs. */
export const SPARE_DISK_BYTES = 64e6;

/**
 * How much room on a disk is needed, and how much there is. The first number is the one that the free bytes are compared with, and
 * numbers are rounded away from each other, so that the text does not contradict itself.
 * @param spare must stay free
 */
export function roomFor(bytes: number, spare: number, free: number): string {
  const [all, written, kept] = [bytes + spare, bytes, spare].map((count) => megabytes(Math.ceil(count / 1e6)));
  const found = megabytes(Math.floor(free / 1e6));
  return `${all ?? ''} of free disk space (${written ?? ''} for its files, and ${kept ?? ''} that must stay free), and ${found} are free`;
}

function megabytes(count: number): string {
  return `${count.toLocaleString('en')} MB`;
}
