import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { PALETTE_COMMANDS } from '../../../../src/ui/commandIds';
import {
  type OpenTab,
  type StartFacts,
  WALKTHROUGH,
  walkthroughAtStart,
} from '../../../../src/ui/firstMinute/walkthrough';
import { ROOT } from '../../model';

const FIRST: StartFacts = {
  stored: undefined,
  wasUsedBefore: false,
  hasAccepted: false,
  isEnabled: true,
  opensOnInstall: true,
  isFocused: true,
  tabs: [],
};
const FILE: OpenTab = { isWork: true, label: 'station.ts' };
const OF_VSCODE: OpenTab = { isWork: false, label: 'Welcome' };
const DESCRIPTION: OpenTab = { isWork: false, label: 'Extension: MatCoder' };
const OWN_FILE: OpenTab = { isWork: true, label: 'MatCoder.md' };

describe('the walkthrough', () => {
  const cases: readonly [what: string, change: Partial<StartFacts>, opens: boolean, store: string][] = [
    ['opens after the first installation', {}, true, 'done'],
    ['opens next to a page of VS Code', { tabs: [OF_VSCODE] }, true, 'done'],
    ['waits while the user has a file open', { tabs: [OF_VSCODE, FILE] }, false, 'due'],
    ['waits while a file of that name is open', { tabs: [OWN_FILE] }, false, 'due'],
    ['opens in a later window without files', { stored: 'due', wasUsedBefore: true }, true, 'done'],
    ['waits further', { stored: 'due', wasUsedBefore: true, tabs: [FILE] }, false, 'due'],
    ['waits in a window in the background', { isFocused: false }, false, 'due'],
    ['never opens twice', { stored: 'done', wasUsedBefore: true }, false, 'done'],
    ['does not open after an update of a version that had none', { wasUsedBefore: true }, false, 'done'],
    ['is left to VS Code if that shows the extension', { tabs: [DESCRIPTION] }, false, 'done'],
    ['does not open once the user has accepted a suggestion', { stored: 'due', hasAccepted: true }, false, 'done'],
    ['does not open if suggestions are off', { isEnabled: false }, false, 'done'],
    ['does not open if the user wants none of any extension', { opensOnInstall: false }, false, 'done'],
  ];
  for (const [what, change, opens, store] of cases) {
    it(what, () => {
      assert.deepEqual(walkthroughAtStart({ ...FIRST, ...change }), { opens, store });
    });
  }
});

interface Step {
  readonly id: string;
  readonly title: string;
  readonly description: string;
  readonly completionEvents: readonly string[];
  readonly media: { readonly svg: string; readonly altText: string };
}

describe('the steps of the walkthrough', () => {
  const { name, publisher, contributes } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as {
    name: string;
    publisher: string;
    contributes: { walkthroughs: { id: string; steps: Step[] }[] };
  };
  const [walkthrough] = contributes.walkthroughs;
  const texts = JSON.parse(readFileSync(join(ROOT, 'package.nls.json'), 'utf8')) as Record<string, string>;
  const text = (value: string) => texts[value.replaceAll('%', '')] ?? '';

  it('are of the walkthrough that is opened', () => {
    assert.equal(WALKTHROUGH, `${publisher}.${name}#${walkthrough?.id ?? ''}`);
  });

  for (const { id, title, description, completionEvents, media } of walkthrough?.steps ?? []) {
    it(`${id}: has a title, a shipped picture with a description, and commands that exist`, () => {
      assert.ok(text(title).length > 5);
      assert.ok(text(media.altText).length > 20);
      const shown = readFileSync(join(ROOT, media.svg), 'utf8');
      assert.match(shown, /^<svg /);
      assert.doesNotMatch(shown, /[A-Za-z]{4,} [a-z]{4,} [a-z]{3,}/, 'no words, because nobody translates them');
      const links = [...text(description).matchAll(/\(command:(?:toSide:)?([\w.]+)/g)].map(
        ([, command]) => command ?? '',
      );
      const events = completionEvents.flatMap((event) => /^onCommand:(.*)/.exec(event)?.[1] ?? []);
      const own: readonly string[] = PALETTE_COMMANDS;
      for (const command of [...links, ...events])
        assert.ok(own.includes(command) || command === 'workbench.action.openSettings', command);
    });
  }
});
