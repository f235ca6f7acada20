import { t } from '@vscode/l10n';
import type { EngineState } from '../engine/client';
import { describeBackend, describeRejected } from '../engine/describe';
import { localised } from '../localisation/phrase';

/** The engine's state in one line. The fault of an engine that does not run is in English, as in the log. */
export function describeEngine(state: EngineState): string {
  switch (state.kind) {
    case 'ready':
      return t('ready, {0}', sentences([describeBackend(state.info), ...describeRejected(state.info)].map(localised)));
    case 'restarting':
      return t('restarting, because {0}', state.reason);
    case 'failed':
      return t('stopped: {0}', state.reason);
    case 'starting':
      return t({ message: 'starting', comment: ['the engine'] });
    case 'stopped':
      return t({ message: 'stopped', comment: ['the engine'] });
  }
}

function sentences(texts: readonly string[]): string {
  return texts.reduce((before, text) =>
    t({ message: '{0}. {1}', args: [before, text], comment: ['two sentences in a row; the second has no full stop'] }),
  );
}
