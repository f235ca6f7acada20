import tseslint from 'typescript-eslint';

/** Rooms of the house, from the roof down: a room imports from those below it, never from those above. */
const forbidden = {
  'src/matlm': ['machine', 'engine', 'governor', 'completion', 'statistics', 'ui', 'cli', 'extension'],
  'src/machine': ['matlm', 'engine', 'governor', 'completion', 'statistics', 'ui', 'cli', 'extension'],
  'src/engine': ['governor', 'completion', 'statistics', 'ui', 'cli', 'extension'],
  'src/governor': ['engine', 'completion', 'statistics', 'ui', 'cli', 'extension'],
  'src/completion': ['statistics', 'ui', 'cli', 'extension'],
  'src/statistics': ['machine', 'engine', 'governor', 'completion', 'ui', 'cli', 'extension'],
  'src/ui': ['cli', 'extension'],
  'src/cli': ['ui', 'extension'],
};

const noEditor = {
  name: 'vscode',
  message:
    'Only extension.ts, ui/, completion/provider.ts and completion/editor*.ts know the editor; all else runs without one.',
};

const layers = Object.entries(forbidden).flatMap(([room, above]) => {
  const patterns = [
    {
      group: above.flatMap((name) =>
        [`**/${name}`, `**/${name}/**`, `**/${name}.ts`].map((p) => p.replace('**/', '../')),
      ),
      message: `Imports run one way: extension → ui, completion → governor, engine → matlm, machine; ${room} may not import this.`,
    },
  ];
  const knowsEditor = room === 'src/ui';
  return [
    {
      files: [`${room}/**/*.ts`],
      rules: { 'no-restricted-imports': ['error', { patterns, ...(knowsEditor ? {} : { paths: [noEditor] }) }] },
    },
    ...(room === 'src/completion'
      ? [
          {
            files: [`${room}/provider.ts`, `${room}/editor*.ts`],
            rules: { 'no-restricted-imports': ['error', { patterns }] },
          },
        ]
      : []),
  ];
});

export default tseslint.config(
  {
    ignores: [
      '**/node_modules/**',
      'dist/**',
      'build/**',
      'native/build/**',
      'prebuilds/**',
      'examples/**',
      '.venv/**',
    ],
  },
  { files: ['**/*.ts'], extends: [...tseslint.configs.strictTypeChecked, ...tseslint.configs.stylisticTypeChecked] },
  {
    files: ['**/*.ts'],
    languageOptions: { parserOptions: { projectService: true } },
    rules: {
      '@typescript-eslint/restrict-template-expressions': ['error', { allowNumber: true }],
      // Brackets and blanks are looked at one by one; no grapheme is meant.
      '@typescript-eslint/no-misused-spread': 'off',
      '@typescript-eslint/no-unnecessary-condition': [
        'error',
        { allowConstantLoopConditions: 'only-allowed-literals' },
      ],
    },
  },
  {
    files: ['test/**/*.ts'],
    rules: {
      '@typescript-eslint/no-floating-promises': 'off',
      '@typescript-eslint/no-non-null-assertion': 'off',
    },
  },
  ...layers,
);
