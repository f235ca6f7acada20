import * as vscode from 'vscode';
import type { GovernorSettings } from '../governor/settings';
import type { CheckpointConfig } from '../matlm/config';
import { candidateOf } from '../matlm/submodel';
import { budgetFault } from './describeSettings';
import { bytes, milliseconds, percent } from './format';
import { MAX_BUDGET_MS } from './settings';
import { type Tier, tiersOf } from './sizes';

/** What the picker shows. */
export interface PickerParts {
  readonly config: CheckpointConfig;
  readonly settings: GovernorSettings;
  /** What Auto would take now, and why; undefined while the engine is not ready. */
  readonly auto: { readonly shortName: string; readonly reason: string } | undefined;
  /** Milliseconds that a typical completion would take now; undefined where nothing was measured. */
  readonly predictMs: (submodel: string) => number | undefined;
}

/** Settings to write, by their names without the prefix. */
export type Changes = Readonly<Record<string, unknown>>;

interface Item extends vscode.QuickPickItem {
  readonly next: () => Promise<Changes | undefined>;
}

/** Let the user choose a size or a limit; resolves to undefined where nothing was chosen. */
export async function pickSize(parts: PickerParts): Promise<Changes | undefined> {
  const { config, settings, auto } = parts;
  const set = (changes: Changes) => () => Promise.resolve(changes);
  const current = (isCurrent: boolean) => (isCurrent ? 'current, ' : '');
  const items: Item[] = [
    {
      label: 'Auto',
      description: `${current(settings.submodel === 'auto')}${auto ? `now ${auto.shortName}` : 'the engine is not ready'}`,
      detail: auto ? auto.reason : 'The largest that keeps up with your typing',
      next: set({ submodel: 'auto' }),
    },
    separator('Always the same size'),
    ...tiers(parts).map(({ name }) => ({
      label: name,
      description: `${current(settings.submodel === name)}${latency(parts, name)}`,
      detail: cost(config, name),
      next: set({ submodel: name }),
    })),
    separator('Limits'),
    {
      label: 'Latency budget…',
      description:
        settings.latencyBudgetMs === undefined
          ? 'none, Auto follows your typing'
          : `Auto answers within ${milliseconds(settings.latencyBudgetMs)}`,
      next: () => askBudget(settings.latencyBudgetMs),
    },
    {
      label: 'On battery…',
      description: settings.batteryCap === undefined ? 'no limit' : `Auto takes at most ${settings.batteryCap}`,
      next: () => pickCap(parts),
    },
    {
      label: 'Only when asked',
      description: settings.manualOnly
        ? 'on, choose it to suggest as you type again'
        : 'off, suggestions come as you type',
      next: set({ manualOnly: !settings.manualOnly }),
    },
  ];
  const active = settings.submodel === 'auto' ? 'Auto' : settings.submodel;
  const item = await pick('MatCoder: model size', 'Which size should complete?', items, active);
  return item?.next();
}

/** About five, and the one that is fixed now where it is none of them. */
function tiers({ config, settings }: PickerParts): Tier[] {
  const listed = tiersOf(config);
  if (settings.submodel === 'auto' || listed.some(({ name }) => name === settings.submodel)) return listed;
  const { submodel, bytesPerToken } = candidateOf(config, settings.submodel);
  return [...listed, { name: submodel.name, bytesPerToken }].sort((a, b) => a.bytesPerToken - b.bytesPerToken);
}

function latency({ predictMs }: PickerParts, name: string): string {
  const ms = predictMs(name);
  return ms === undefined ? 'not measured yet' : `about ${milliseconds(ms)} on this machine`;
}

/** All sizes share one copy of the weights: a smaller one uses less of it. */
function cost(config: CheckpointConfig, name: string): string {
  const { bytesPerToken } = candidateOf(config, name);
  const { bytesPerToken: all } = candidateOf(config, 'XL');
  const measured = config.frontier.find((row) => row.name === name);
  const agreement = measured && name !== 'XL' ? `, ${percent(measured.agreementWithXL)} of tokens as XL` : '';
  return `${bytes(bytesPerToken)} of the ${bytes(all)} in memory${agreement}`;
}

async function pickCap({ config, settings }: PickerParts): Promise<Changes | undefined> {
  const none = 'No limit';
  const items = [
    { label: none, description: 'the same as on mains', next: () => Promise.resolve({ batteryCap: '' }) },
    ...tiersOf(config).map(({ name }) => ({
      label: name,
      description: `at most ${cost(config, name)}`,
      next: () => Promise.resolve({ batteryCap: name }),
    })),
  ];
  const item = await pick('MatCoder: on battery', 'The largest size on battery', items, settings.batteryCap ?? none);
  return item?.next();
}

async function askBudget(currentMs: number | undefined): Promise<Changes | undefined> {
  const text = await vscode.window.showInputBox({
    title: 'MatCoder: latency budget',
    prompt: 'Milliseconds that an answer may take. Leave it empty to follow your typing.',
    value: currentMs === undefined ? '' : String(currentMs),
    validateInput: (value) => budgetFault(value, MAX_BUDGET_MS),
  });
  return text === undefined ? undefined : { latencyBudget: Number(text.trim()), submodel: 'auto' };
}

function separator(label: string): Item {
  return { label, kind: vscode.QuickPickItemKind.Separator, next: () => Promise.resolve(undefined) };
}

/** A list with the item of the label `active` marked. */
async function pick(title: string, placeholder: string, items: Item[], active: string): Promise<Item | undefined> {
  const picker = vscode.window.createQuickPick<Item>();
  picker.title = title;
  picker.placeholder = placeholder;
  picker.items = items;
  picker.activeItems = items.filter(({ label }) => label === active);
  try {
    return await new Promise((resolve) => {
      picker.onDidAccept(() => {
        resolve(picker.activeItems[0]);
      });
      picker.onDidHide(() => {
        resolve(undefined);
      });
      picker.show();
    });
  } finally {
    picker.dispose();
  }
}
