import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { INTERNAL_COMMANDS, PALETTE_COMMANDS } from '../../../src/ui/commandIds';
import { DASHBOARD_COMMANDS } from '../../../src/ui/dashboard/state';
import { TOOLTIP_COMMANDS } from '../../../src/ui/tooltip';
import { ROOT } from '../model';

const { contributes } = json('package.json') as { contributes: { commands: { command: string; title: string }[] } };
const texts = json('package.nls.json') as Readonly<Record<string, string>>;

function json(name: string): unknown {
  return JSON.parse(readFileSync(join(ROOT, name), 'utf8'));
}

describe('the commands', () => {
  it('of the palette are those of package.json', () => {
    const listed = contributes.commands.map(({ command }) => command);
    assert.deepEqual([...listed].sort(), [...PALETTE_COMMANDS].sort());
  });

  it('of MatCoder itself are in no palette', () => {
    const listed = contributes.commands.map(({ command }) => command);
    assert.deepEqual(
      INTERNAL_COMMANDS.filter((command) => listed.includes(command)),
      [],
    );
  });

  it('that the tooltip’s links run are in the palette too, for people who use no mouse', () => {
    const listed: readonly string[] = PALETTE_COMMANDS;
    assert.deepEqual(
      Object.keys(TOOLTIP_COMMANDS).filter((command) => !listed.includes(command)),
      [],
    );
  });

  it('that the tooltip and the dashboard run exist', () => {
    const known: readonly string[] = [...PALETTE_COMMANDS, ...INTERNAL_COMMANDS];
    const used = [...Object.keys(TOOLTIP_COMMANDS), ...DASHBOARD_COMMANDS.map((name) => `matcoder.${name}`)];
    assert.deepEqual(
      used.filter((command) => !known.includes(command)),
      [],
    );
  });

  it('are all in the README', () => {
    const readme = readFileSync(join(ROOT, 'README.md'), 'utf8');
    for (const { title: key } of contributes.commands) {
      const title = texts[key.replaceAll('%', '')] ?? key;
      assert.ok(readme.includes(`| MatCoder: ${title} |`), title);
    }
  });
});
