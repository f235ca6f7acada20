import * as vscode from 'vscode';
import { isSize, parameters, SIZES, type Size, submodelOf } from '../matlm/submodel';
import type { CheckpointConfig } from '../matlm/config';

/** What the picker shows for each size. */
export interface PickerParts {
  readonly config: CheckpointConfig;
  /** Milliseconds that a typical completion would take now; undefined where nothing was measured. */
  readonly predictMs: (size: Size) => number | undefined;
  /** auto or a size */
  readonly current: string;
}

interface SizeItem extends vscode.QuickPickItem {
  readonly value: Size | 'auto';
}

const DESCRIPTIONS: Readonly<Record<Size, string>> = {
  S: 'one eighth of the hidden units',
  M: 'one quarter of the hidden units',
  L: 'half of the hidden units',
  XL: 'the whole model',
};

/** Let the user choose a size; resolves to undefined where nothing was chosen. */
export async function pickSize({ config, predictMs, current }: PickerParts): Promise<Size | 'auto' | undefined> {
  const latency = (size: Size) => {
    const ms = predictMs(size);
    return ms === undefined ? 'not measured yet' : `about ${Math.max(1, Math.round(ms))} ms`;
  };
  const items: (SizeItem | (vscode.QuickPickItem & { kind: vscode.QuickPickItemKind.Separator }))[] = [
    {
      value: 'auto',
      label: 'Auto',
      description: 'the largest that keeps up with your typing',
      detail: `${latency('S')} to ${latency('XL').replace('about ', '')} on this machine`,
    },
    { label: 'Fixed size', kind: vscode.QuickPickItemKind.Separator },
    ...SIZES.map((size) => ({
      value: size,
      label: size,
      description: DESCRIPTIONS[size],
      detail: `${latency(size)} on this machine, ${(parameters(config.model, submodelOf(config, size).widths) / 1e6).toFixed(1)}M parameters`,
    })),
  ];
  const picker = vscode.window.createQuickPick<SizeItem>();
  picker.title = 'MatCoder: model size';
  picker.placeholder = 'Which size should complete?';
  picker.items = items as SizeItem[];
  picker.activeItems = picker.items.filter((item) => item.value === (isSize(current) ? current : 'auto'));
  try {
    return await new Promise((resolve) => {
      picker.onDidAccept(() => {
        resolve(picker.activeItems[0]?.value);
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
