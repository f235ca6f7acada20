import * as vscode from 'vscode';
import type { GovernorSettings } from '../governor/settings';
import type { CheckpointConfig } from '../matlm/config';
import { candidateOf } from '../matlm/submodel';
import { budgetFault } from './describeSettings';
import { bytes, milliseconds, percent } from './format';
import { MAX_BUDGET_MS, type Settings } from './settings';
import { type Tier, tiersOf } from './sizes';

/** The content of the picker. */
export interface PickerParts {
  readonly config: CheckpointConfig;
  readonly settings: GovernorSettings;
  /** The size in the settings that this model does not have, so that Auto is used; undefined if there is none such. */
  readonly unknownSubmodel: string | undefined;
  /** The size that Auto would use now, and why; undefined while the engine is not ready. */
  readonly auto: { readonly shortName: string; readonly reason: string } | undefined;
  /** Milliseconds that a typical completion would take now; undefined if nothing was measured. */
  readonly predictMs: (submodel: string) => number | undefined;
}

/** Settings to write. */
export type Changes = Readonly<Partial<Settings>>;

interface Item extends vscode.QuickPickItem {
  readonly next: () => Promise<Changes | undefined>;
}

/** Let the user choose a size or a limit; resolves to undefined if nothing was chosen. */
export async function pickSize(parts: PickerParts): Promise<Changes | undefined> {
  const { config, settings, unknownSubmodel, auto } = parts;
  const set = (changes: Changes) => () => Promise.resolve(changes);
  const current = (isCurrent: boolean) => (isCurrent ? 'current, ' : '');
  const items: Item[] = [
    {
      label: 'Auto',
      description: `${current(settings.submodel === 'auto')}${auto ? `now ${auto.shortName}` : 'the engine is not ready'}`,
      detail:
        unknownSubmodel === undefined
          ? (auto?.reason ?? 'The size with the best expected benefit that keeps up with your typing')
          : `The setting matcoder.submodel is ${JSON.stringify(unknownSubmodel)}, which this model does not have: Auto is used`,
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
          ? 'none: Auto follows your typing'
          : `Auto answers within ${milliseconds(settings.latencyBudgetMs)}`,
      next: () => askBudget(settings.latencyBudgetMs),
    },
    {
      label: 'On battery…',
      description: settings.batteryCap === undefined ? 'no limit' : `Auto uses at most ${settings.batteryCap}`,
      next: () => pickCap(parts),
    },
    {
      label: 'Only when asked',
      description: settings.manualOnly ? 'on: no suggestions while you type' : 'off: suggestions while you type',
      next: set({ manualOnly: !settings.manualOnly }),
    },
  ];
  const active = settings.submodel === 'auto' ? 'Auto' : settings.submodel;
  const item = await pick('MatCoder: model size', 'Choose the size that completes', items, active);
  return item?.next();
}

/** About five sizes, and the fixed one if it is not among them. */
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

/** All sizes share one copy of the weights; a smaller size uses a smaller part of it. */
function cost(config: CheckpointConfig, name: string): string {
  const { bytesPerToken } = candidateOf(config, name);
  const { bytesPerToken: all } = candidateOf(config, 'XL');
  const measured = config.frontier.find((row) => row.name === name);
  const agreement =
    measured && name !== 'XL' ? `, agrees with XL on ${percent(measured.agreementWithXL)} of tokens` : '';
  return `${bytes(bytesPerToken)} of the ${bytes(all)} in memory${agreement}`;
}

async function pickCap({ config, settings }: PickerParts): Promise<Changes | undefined> {
  const none = 'No limit';
  const items = [
    { label: none, description: 'the same sizes as on mains', next: () => Promise.resolve({ batteryCap: '' }) },
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
    prompt: 'Maximum latency in milliseconds. Leave it empty to follow your typing.',
    value: currentMs === undefined ? '' : String(currentMs),
    validateInput: (value) => budgetFault(value, MAX_BUDGET_MS),
  });
  return text === undefined ? undefined : { latencyBudget: Number(text.trim()), submodel: 'auto' };
}

function separator(label: string): Item {
  return { label, kind: vscode.QuickPickItemKind.Separator, next: () => Promise.resolve(undefined) };
}

/** A list in which the item with the label `active` is selected. */
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
