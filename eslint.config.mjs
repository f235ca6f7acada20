import tseslint from 'typescript-eslint';

/** Rooms of the house, and from which others each may import. A room in a room has rules of its own. */
const rooms = [
  'localisation',
  'matlm',
  'machine',
  'workspace',
  'pictures',
  'engine',
  'models',
  'encoders',
  'governor',
  'completion',
  'statistics',
  'replay',
  'session',
  'search',
  'serve',
  'ui',
  'cli',
  'extension',
];
const mayImport = {
  localisation: [],
  matlm: [],
  machine: [],
  workspace: ['localisation'],
  'workspace/memory': ['localisation', 'machine', 'workspace', 'engine'],
  pictures: [],
  statistics: ['matlm'],
  engine: ['localisation', 'matlm', 'machine'],
  models: ['localisation', 'matlm', 'machine', 'workspace', 'engine', 'governor', 'completion'],
  encoders: ['matlm', 'engine'],
  governor: ['localisation', 'matlm', 'machine'],
  completion: ['localisation', 'matlm', 'machine', 'workspace', 'engine', 'governor'],
  replay: ['localisation', 'matlm', 'machine', 'workspace', 'engine', 'governor', 'completion', 'cli'],
  search: ['localisation', 'matlm', 'machine', 'workspace', 'pictures', 'engine', 'encoders', 'governor', 'completion'],
  session: ['localisation', 'matlm', 'machine', 'workspace', 'engine', 'governor', 'completion', 'statistics'],
  serve: ['localisation', 'matlm', 'machine', 'workspace', 'engine', 'models', 'governor', 'completion', 'session'],
  ui: [
    'localisation',
    'matlm',
    'machine',
    'workspace',
    'pictures',
    'engine',
    'models',
    'governor',
    'completion',
    'statistics',
    'session',
    'search',
  ],
  cli: [
    'localisation',
    'matlm',
    'machine',
    'workspace',
    'engine',
    'models',
    'governor',
    'completion',
    'replay',
    'session',
    'search',
    'serve',
  ],
};
const forbidden = Object.fromEntries(
  Object.entries(mayImport).map(([room, below]) => [
    `src/${room}`,
    rooms.filter((other) => other !== room && !below.includes(other)),
  ]),
);

const noEditor = {
  name: 'vscode',
  message: 'Only extension.ts, ui/ and completion/editor/ know the editor; everything else runs without one.',
};

const layers = Object.entries(forbidden).flatMap(([room, above]) => {
  const patterns = [
    {
      group: above.flatMap((name) =>
        ['../', '../../', '../../../'].flatMap((up) => [`${up}${name}`, `${up}${name}/**`, `${up}${name}.ts`]),
      ),
      message: `Imports run one way: extension, cli → session, ui → completion → workspace, governor → engine → matlm, machine; ${room} may not import this.`,
    },
  ];
  const knowsEditor = room === 'src/ui';
  if (!knowsEditor && room !== 'src/completion')
    patterns.push({ group: ['**/completion/editor/**'], message: noEditor.message });
  return [
    {
      files: [`${room}/**/*.ts`],
      rules: { 'no-restricted-imports': ['error', { patterns, ...(knowsEditor ? {} : { paths: [noEditor] }) }] },
    },
    ...(room === 'src/completion'
      ? [
          {
            files: [`${room}/editor/**/*.ts`],
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
