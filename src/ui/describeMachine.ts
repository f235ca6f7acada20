import { t } from '@vscode/l10n';
import { formatList } from '../localisation/language';
import type { MachineState } from '../machine/state';
import { decimal, percent } from './format';

/** The sensors' readings in words; values that they cannot read are unknown. */
export function describeMachine(machine: MachineState | undefined): { name: string; value: string }[] {
  if (!machine) return [{ name: t('Sensors'), value: t('no reading yet') }];
  const { cpuBusyByOthersShare } = machine;
  return [
    { name: t('Power'), value: power(machine) },
    { name: t('Low-power mode'), value: lowPower(machine) },
    { name: t('Heat'), value: heat(machine) },
    {
      name: t('Processor'),
      value:
        cpuBusyByOthersShare === undefined ? unknown() : t('{0} used by other programs', percent(cpuBusyByOthersShare)),
    },
    { name: t('GPU'), value: gpu(machine) },
  ];
}

function unknown(): string {
  return t({ message: 'unknown', comment: ['a sensor cannot be read'] });
}

function lowPower({ lowPower }: MachineState): string {
  if (lowPower === 'unknown') return unknown();
  return lowPower
    ? t({ message: 'on', comment: ['the low-power mode'] })
    : t({ message: 'off', comment: ['the low-power mode'] });
}

function heat({ thermal }: MachineState): string {
  switch (thermal) {
    case 'nominal':
      return t({ message: 'normal', comment: ['the heat of the machine'] });
    case 'fair':
      return t({ message: 'warm', comment: ['the heat of the machine'] });
    case 'serious':
      return t('throttled by heat');
    case 'critical':
      return t('critical temperature');
    case 'unknown':
      return unknown();
  }
}

function gpu({ gpu }: MachineState): string {
  if (!gpu) return unknown();
  return gpu.busyByOthersShare === undefined
    ? t('{0}, load unknown', gpu.name)
    : t('{0}, {1} used by other programs', gpu.name, percent(gpu.busyByOthersShare));
}

function power({ powerSource, chargeShare, dischargeWatts }: MachineState): string {
  return formatList([
    source(powerSource),
    ...(chargeShare === undefined ? [] : [t('{0} charged', percent(chargeShare))]),
    ...(dischargeWatts === undefined
      ? []
      : [
          dischargeWatts < 0
            ? t('charging at {0} W', decimal(-dischargeWatts, 1))
            : t('discharging at {0} W', decimal(dischargeWatts, 1)),
        ]),
  ]);
}

function source(powerSource: MachineState['powerSource']): string {
  switch (powerSource) {
    case 'battery':
      return t({ message: 'battery', comment: ['the source of power'] });
    case 'mains':
      return t({ message: 'mains', comment: ['the source of power'] });
    case 'unknown':
      return unknown();
  }
}
