import { readlinkSync } from 'node:fs';

/** Of Linux: in which the numbers of processes are the same. Each container has another one on its host. */
export function pidNamespace(): string {
  try {
    return readlinkSync('/proc/self/ns/pid');
  } catch {
    return '';
  }
}
