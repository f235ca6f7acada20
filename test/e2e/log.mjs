import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';

/** The extension's output channel, read from the log file in the profile. */
export class ExtensionLog {
  #folder;

  constructor(profile) {
    this.#folder = join(profile.data, 'logs');
  }

  /** The whole text, of every window of the profile, oldest first; empty while there is none. */
  text() {
    if (!existsSync(this.#folder)) return '';
    const files = readdirSync(this.#folder, { recursive: true }).filter((name) => name.endsWith('MatCoder.log'));
    return files
      .sort()
      .map((name) => readFileSync(join(this.#folder, name), 'utf8'))
      .join('');
  }

  /** The requests that were decided, oldest first. */
  requests() {
    return [...this.text().matchAll(/request (\d+): (.*)/g)].map(([, id, outcome]) => ({ id: Number(id), outcome }));
  }

  /** The outcomes of the requests after the first `count`, without superseded ones. */
  answersAfter(count) {
    return this.requests()
      .slice(count)
      .filter(({ outcome }) => !outcome.startsWith('superseded'));
  }

  /** The process of the engine that became ready last, or undefined. */
  enginePid() {
    const ready = [...this.text().matchAll(/engine ready: pid (\d+)/g)].at(-1);
    return ready && Number(ready[1]);
  }
}
