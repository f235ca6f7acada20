import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { temporaryFolder } from './temporary';

/** A folder with the files of /sys and /proc that one of test/fixtures/machines/*.txt records. */
export class RecordedMachine {
  readonly root = temporaryFolder();

  constructor(name: string) {
    const recording = readFileSync(join(__dirname, 'fixtures', 'machines', `${name}.txt`), 'utf8');
    for (const part of recording.split(/^== /m).slice(1)) {
      const nameEnd = part.indexOf('\n');
      this.write(part.slice(0, nameEnd), part.slice(nameEnd + 1));
    }
  }

  /** Replace or add a file, in place: whoever holds it open reads the new text. */
  write(path: string, text: string): void {
    const file = join(this.root, path);
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, text);
  }

  read(path: string): string {
    return readFileSync(join(this.root, path), 'utf8');
  }

  change(path: string, from: string, to: string): void {
    const before = this.read(path);
    if (!before.includes(from)) throw new Error(`${path} does not hold ${from}`);
    this.write(path, before.replace(from, to));
  }

  remove(path: string): void {
    rmSync(join(this.root, path), { recursive: true });
  }
}
