import { t } from '@vscode/l10n';
import { isBusy, isHot, type Machine } from '../governor/machine';

/** The reasons why the governor saves work on this machine now, strongest first; empty if there are none. */
export function strainOf(machine: Machine): Strain[] {
  const usesProcessor = isBusy({ ...machine, runsOnGpu: false });
  const busy = () => t({ message: 'busy', comment: ['the machine; one short word for the status bar'] });
  const power = () => t({ message: 'power', comment: ['power is saved; one short word for the status bar'] });
  const strains: readonly (Strain | false)[] = [
    isHot(machine) && {
      cause: 'hot',
      short: t({ message: 'hot', comment: ['the machine; one short word for the status bar'] }),
      long: t('the machine is hot'),
    },
    usesProcessor && { cause: 'busy', short: busy(), long: t('other programs use the processor') },
    isBusy(machine) && !usesProcessor && { cause: 'busy', short: busy(), long: t('other programs use the GPU') },
    machine.powerSource === 'battery' && { cause: 'power', short: power(), long: t('the machine runs on battery') },
    machine.lowPower === true && { cause: 'power', short: power(), long: t('the low-power mode is on') },
  ];
  return strains.filter((strain) => strain !== false);
}

/** In the display language. */
export interface Strain {
  readonly cause: 'hot' | 'busy' | 'power';
  /** One word. */
  readonly short: string;
  /** A clause. */
  readonly long: string;
}
