import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { temporaryFolder } from '../../temporary';
import { ROOT } from '../../engine/harness';

interface Children {
  readonly Child: {
    begin(engine: string, target: object, file: string): { readonly opened: Promise<object> };
  };
}

/** What a bench says of an engine's process that runs this program. */
async function reasonOf(program: string): Promise<string> {
  const { Child } = (await import(pathToFileURL(join(ROOT, 'bench', 'children.mts')).href)) as Children;
  const file = join(temporaryFolder(), 'child.mjs');
  writeFileSync(file, program);
  return Child.begin('any', {}, file).opened.then(
    () => 'none',
    (error: unknown) => (error as Error).message,
  );
}

describe("an engine's process of a bench", () => {
  it('gives the reason why its engine does not open', async () => {
    const program = "process.send({ fault: 'llama.cpp finds no card for vulkan' }, () => process.exit(1));";
    assert.equal(await reasonOf(program), 'llama.cpp finds no card for vulkan');
  });

  it('is reported by its end and its last line if it gives none', async () => {
    const program = "process.stderr.write('first\\nunsupported device\\n', () => process.exit(3));";
    assert.equal(await reasonOf(program), "an engine's process ended with exit code 3 (unsupported device)");
    if (process.platform === 'win32') return; // its signals are exit codes
    const killed = "process.kill(process.pid, 'SIGKILL'); setInterval(() => undefined, 1000);";
    assert.equal(await reasonOf(killed), "an engine's process ended with SIGKILL ()");
  });
});
