import { t } from '@vscode/l10n';
import * as vscode from 'vscode';
import type { GovernorSettings } from '../governor/settings';
import { formatList } from '../localisation/language';
import type { CheckpointConfig } from '../matlm/config';
import { candidateOf, candidatesOf, nameInUse } from '../matlm/submodel';
import type { LibraryModel } from '../models/library';
import { typicalMsOf } from '../models/measured';
import { moreBitsOf } from '../models/modelSizes';
import { budgetFault } from './describeSettings';
import { bytes, milliseconds, nowUsed, percent } from './format';
import { sizeNamesOf } from './models/shelf';
import { describeModel } from './models/texts';
import type { Pace } from './pace';
import { importedValue, MAX_BUDGET_MS, type Settings } from '../session/settings';
import { type Tier, tiersOf } from './sizes';

/** The imported models, and what can be done with them. */
export interface PickerModels {
  readonly all: readonly LibraryModel[];
  /** The one that is in use; undefined for none. */
  readonly chosen: LibraryModel | undefined;
  readonly rename: (model: LibraryModel) => Promise<void>;
  readonly remove: (model: LibraryModel) => Promise<void>;
  readonly importModel: () => Promise<void>;
}

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
  /** What is different on a slow machine; undefined if nothing is. */
  readonly pace: Pace | undefined;
  readonly models: PickerModels;
  /** Opens the settings at one of the machine's. */
  readonly openMachineSettings: (query: string) => Thenable<unknown>;
}

/** Settings to write. */
export type Changes = Readonly<Partial<Settings>>;

type Next = () => Promise<Changes | undefined>;

interface Item extends vscode.QuickPickItem {
  readonly next: Next;
  readonly buttons?: readonly Button[];
}

interface Button extends vscode.QuickInputButton {
  readonly next: Next;
}

/** Let the user choose a size or a limit; resolves to undefined if nothing was chosen. */
export async function pickSize(parts: PickerParts): Promise<Changes | undefined> {
  const { config, settings, unknownSubmodel, auto } = parts;
  const set = (changes: Changes) => () => Promise.resolve(changes);
  const items: Item[] = [
    {
      label: t('Auto'),
      description: marked(settings.submodel === 'auto', auto ? nowUsed(auto.shortName) : t('the engine is not ready')),
      detail:
        unknownSubmodel === undefined
          ? (auto?.reason ?? t('The size with the best expected benefit that keeps up with your typing'))
          : t(
              'The setting matcoder.submodel is {0}, which this model does not have: Auto is used',
              JSON.stringify(unknownSubmodel),
            ),
      next: set({ submodel: 'auto' }),
    },
    separator(t('Always the same size')),
    ...tiers(parts).map(({ name }) => ({
      label: name,
      description: marked(settings.submodel === name, latency(parts, name)),
      detail: cost(config, name),
      next: set({ submodel: name }),
    })),
    ...alwaysImported(parts),
    ...speed(parts),
    separator(t('Limits')),
    {
      label: t('Latency budget…'),
      description:
        settings.latencyBudgetMs === undefined
          ? t('none: Auto follows your typing')
          : t('Auto answers within {0}', milliseconds(settings.latencyBudgetMs)),
      next: () => askBudget(settings.latencyBudgetMs),
    },
    {
      label: t('On battery…'),
      description: settings.batteryCap === undefined ? t('no limit') : t('Auto uses at most {0}', settings.batteryCap),
      next: () => pickCap(parts),
    },
    {
      label: t('Only when asked'),
      description: settings.manualOnly ? t('on: no suggestions while you type') : t('off: suggestions while you type'),
      next: set({ manualOnly: !settings.manualOnly }),
    },
    ...models(parts),
  ];
  const active = settings.submodel === 'auto' ? t('Auto') : settings.submodel;
  const next = await pick(t('MatCoder: model size'), t('Choose the size that completes'), items, active);
  return next?.();
}

/** A size of the imported model may answer everything too, also if Auto prefers MatCoder's own one. Smallest first. */
function alwaysImported({ models: { chosen }, settings, predictMs }: PickerParts): Item[] {
  if (!chosen) return [];
  return sizeNamesOf(chosen).map((size) => {
    const label = nameInUse(chosen.name, size);
    return {
      label,
      description: marked(settings.submodel === label, usability(chosen, predictMs(label), size)),
      detail: size === 'XL' ? t('the imported model: {0}', describeModel(chosen)) : costOfImported(chosen, size),
      next: () => Promise.resolve({ submodel: importedValue(size) }),
    };
  });
}

function costOfImported({ name, sizes }: LibraryModel, size: string): string {
  const own = sizes.find((one) => one.name === size);
  const [part, all] = [own, sizes.at(-1)].map((one) => one?.bytesPerToken);
  const more = own && moreBitsOf(own, sizes);
  return part === undefined || all === undefined || more === undefined
    ? t('a smaller size of {0}', name)
    : t('{0} of the {1} in memory, {2} more bits than {3}', bytes(part), bytes(all), percent(more), name);
}

/** The models themselves. The rows of imported ones have buttons, which a screen reader and the keyboard reach too. */
function models({ models: { all, chosen, rename, remove, importModel }, predictMs }: PickerParts): Item[] {
  const after = (work: () => Promise<void>) => async () => {
    await work();
    return undefined;
  };
  return [
    separator(t('Models')),
    ...(all.length === 0
      ? []
      : [
          {
            label: t('Only MatCoder’s own model'),
            description: chosen === undefined ? t({ message: 'current', comment: ['the model that is in use'] }) : '',
            next: () => Promise.resolve({ importedModel: '' }),
          },
        ]),
    ...all.map((model) => ({
      label: model.name,
      description: marked(model.id === chosen?.id, usability(model, predictMs(model.name))),
      detail: describeOnDisk(model),
      buttons: [
        {
          iconPath: new vscode.ThemeIcon('edit'),
          tooltip: t('Rename {0}', model.name),
          next: after(() => rename(model)),
        },
        {
          iconPath: new vscode.ThemeIcon('trash'),
          tooltip: t('Delete {0}', model.name),
          next: after(() => remove(model)),
        },
      ],
      next:
        model.broken === undefined ? () => Promise.resolve({ importedModel: model.id }) : after(() => remove(model)),
    })),
    {
      label: t('Import a model…'),
      description: t('from a GGUF file or a Hugging Face folder on this machine'),
      next: after(importModel),
    },
  ];
}

function describeOnDisk(model: LibraryModel): string {
  const [about, size] = [describeModel(model), bytes(model.diskBytes)];
  return model.sizes.length === 0
    ? t('{0}, {1} on the disk', about, size)
    : t('{0}, {1} on the disk, with the sizes {2}', about, size, formatList(sizeNamesOf(model)));
}

/** @param predictedMs of a typical completion now; undefined if the model is not loaded */
function usability({ broken, measured }: LibraryModel, predictedMs: number | undefined, size = 'XL'): string {
  if (broken !== undefined) return t('broken: {0} is missing or damaged', broken);
  const ms = predictedMs ?? typicalMsOf(measured, size);
  return ms === undefined ? t('not measured yet') : t('about {0} on this machine', milliseconds(ms));
}

function marked(isCurrent: boolean, text: string): string {
  return isCurrent ? t({ message: 'current, {0}', args: [text], comment: ['the current choice in a list'] }) : text;
}

/** About five sizes, and the fixed one if it is not among them. */
function tiers({ config, settings, models: { chosen } }: PickerParts): Tier[] {
  const listed = tiersOf(config);
  const ofImported = chosen ? sizeNamesOf(chosen).map((size) => nameInUse(chosen.name, size)) : [];
  const isOther = settings.submodel === 'auto' || ofImported.includes(settings.submodel);
  if (isOther || listed.some(({ name }) => name === settings.submodel)) return listed;
  const { submodel, bytesPerToken } = candidateOf(config, settings.submodel);
  return [...listed, { name: submodel.name, bytesPerToken }].sort((a, b) => a.bytesPerToken - b.bytesPerToken);
}

/** A row about a slow machine. It leads to the number of threads, which is the only thing to change here. */
function speed({ pace, openMachineSettings }: PickerParts): Item[] {
  if (!pace) return [];
  return [
    separator(t('The machine')),
    {
      // An icon in the label would be read out by its name.
      iconPath: new vscode.ThemeIcon('info'),
      label: pace.text,
      detail: pace.advice,
      next: async () => {
        await openMachineSettings('matcoder.threads');
        return undefined;
      },
    },
  ];
}

function latency({ predictMs }: PickerParts, name: string): string {
  const ms = predictMs(name);
  return ms === undefined ? t('not measured yet') : t('about {0} on this machine', milliseconds(ms));
}

/** All sizes share one copy of the weights; a smaller size uses a smaller part of it. */
function cost(config: CheckpointConfig, name: string): string {
  const { bytesPerToken } = candidateOf(config, name);
  const { bytesPerToken: all } = candidateOf(config, 'XL');
  const measured = config.frontier.find((row) => row.name === name);
  if (!measured || name === 'XL') return t('{0} of the {1} in memory', bytes(bytesPerToken), bytes(all));
  const agreement = percent(measured.agreementWithXL);
  return t('{0} of the {1} in memory, agrees with XL on {2} of tokens', bytes(bytesPerToken), bytes(all), agreement);
}

async function pickCap({ config, settings }: PickerParts): Promise<Changes | undefined> {
  const none = t('No limit');
  // XS skips layers: it is only the last resort of Auto, and no limit.
  const choices = new Set(candidatesOf(config).map(({ submodel }) => submodel.name));
  const items = [
    {
      label: none,
      description: marked(settings.batteryCap === undefined, t('the same sizes as on mains')),
      next: () => Promise.resolve({ batteryCap: '' }),
    },
    ...tiersOf(config)
      .filter(({ name }) => choices.has(name))
      .map(({ name }) => ({
        label: name,
        description: marked(settings.batteryCap === name, t('at most {0}', cost(config, name))),
        next: () => Promise.resolve({ batteryCap: name }),
      })),
  ];
  const next = await pick(
    t('MatCoder: on battery'),
    t('The largest size on battery'),
    items,
    settings.batteryCap ?? none,
  );
  return next?.();
}

async function askBudget(currentMs: number | undefined): Promise<Changes | undefined> {
  const text = await vscode.window.showInputBox({
    title: t('MatCoder: latency budget'),
    prompt: t('Maximum latency in milliseconds. Leave it empty to follow your typing.'),
    value: currentMs === undefined ? '' : String(currentMs),
    validateInput: (value) => budgetFault(value, MAX_BUDGET_MS),
  });
  return text === undefined ? undefined : { latencyBudget: Number(text.trim()), submodel: 'auto' };
}

function separator(label: string): Item {
  return { label, kind: vscode.QuickPickItemKind.Separator, next: () => Promise.resolve(undefined) };
}

/** A list in which the item with the label `active` is selected; resolves to what the chosen item or button does. */
async function pick(title: string, placeholder: string, items: Item[], active: string): Promise<Next | undefined> {
  const picker = vscode.window.createQuickPick<Item>();
  picker.title = title;
  picker.placeholder = placeholder;
  picker.items = items;
  picker.activeItems = items.filter(({ label }) => label === active);
  try {
    return await new Promise((resolve) => {
      picker.onDidAccept(() => {
        resolve(picker.activeItems[0]?.next);
      });
      picker.onDidTriggerItemButton(({ button }) => {
        resolve((button as Button).next);
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
