import { t } from '@vscode/l10n';
import { displayLanguage } from '../localisation/language';
import type { StatusView } from './status';

/**
 * The status bar's item for a screen reader: what it shows, what that means, and what pressing it does. It contains the
 * visible text, because people who speak to their computer name what they see.
 */
export function spokenStatus({ text, label, command }: Pick<StatusView, 'text' | 'label' | 'command'>): string {
  const visible = text.replace(/^\$\([^)]*\)/, '').trim();
  const item = visible.startsWith('MatCoder') ? visible : t('MatCoder: {0}', visible);
  const action = {
    'matcoder.pickSubmodel': () => t('Choose Model Size'),
    'matcoder.whyNoSuggestion': () => t('Why No Suggestion?'),
    'matcoder.recover': () => t('Show what can be done'),
  }[command]();
  return t({
    message: '{0}. {1}. {2}',
    args: [item, capitalised(label), action],
    comment: ['for a screen reader: the text of the status bar, what it means, and what pressing it does'],
  });
}

function capitalised(clause: string): string {
  return clause.charAt(0).toLocaleUpperCase(displayLanguage()) + clause.slice(1);
}
