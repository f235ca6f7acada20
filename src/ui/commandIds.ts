/** Commands in the palette, as package.json lists them. */
export const PALETTE_COMMANDS = [
  'matcoder.trySample',
  'matcoder.pickSubmodel',
  'matcoder.searchCode',
  'matcoder.findPicture',
  'matcoder.whyNoSuggestion',
  'matcoder.toggleLanguage',
  'matcoder.showLog',
  'matcoder.copyDiagnostics',
  'matcoder.showDashboard',
  'matcoder.resetStatistics',
  'matcoder.restartEngine',
  'matcoder.detectHardware',
  'matcoder.chooseSide',
  'matcoder.importModel',
  'matcoder.findSizes',
  'matcoder.otherEditors',
] as const;

/** Run by accepting a suggestion, with its request and the alternative that was taken. */
export const ACCEPTED_COMMAND = 'matcoder.suggestionAccepted';

/** Commands that only MatCoder itself runs. */
export const INTERNAL_COMMANDS = ['matcoder.recover', ACCEPTED_COMMAND] as const;

export type CommandId = (typeof PALETTE_COMMANDS)[number] | (typeof INTERNAL_COMMANDS)[number];
