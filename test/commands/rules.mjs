/**
 * The rules by which each documented command is run at a tiny size, in the necessary order. A rule matches commands, replaces
 * parts of them and adds options. Options are added at the end, so that they override the documented ones, and a documented
 * option that no longer exists still fails. Paths are those of the scratch folder that `run.mjs` makes.
 *
 * @typedef {object} Rule
 * @property {RegExp} matches
 * @property {'prepare' | 'python' | 'node' | 'elsewhere'} lane `prepare` comes first, then `python` and `node` run next
 *   to each other; `elsewhere` is not run here, for the reason in `why`
 * @property {[RegExp, string][]} [replace]
 * @property {string | ((command: string, count: number) => string)} [add] `count` numbers the commands of the rule
 * @property {RegExp} [until] a program that does not end by itself has to print this, and is then interrupted
 * @property {string} [folder] the working folder, instead of the scratch folder itself
 * @property {string} [why]
 */

const shape = '--hidden 64 --layers 2 --heads 1 --kv-heads 1 --ffn 256 --context 256 --vocabulary 512';
const budget = '--tokens 2048 --batch 512 --chunk 256';
const someTokens = '--max-tokens 3000';

/** The model for commands that name none, because they would otherwise load the one that ships. */
const model = (command) => (command.includes('--model') ? '' : ' --model build/mine');

/** A model of one size, in the place of SmolLM2, a model without its special tokens, or some other. */
const denseModel = [/some\/qwen2-folder|build\/models\/smollm2-135m-q4_1\.gguf|build\/start(?= )/, 'build/xl'];

/** @type {Rule[]} */
export const rules = [
  { matches: /^npm test\b|^npm run test:unit$|^npm run platforms\b/, lane: 'elsewhere', why: 'this is a part of it' },
  {
    matches: /^python3 -m venv|pip install -r training\/requirements\.txt|^\. \.venv/,
    lane: 'elsewhere',
    why: 'npm test does the same in build/python',
  },

  {
    matches: /^python -m training\.corpus\b/,
    lane: 'prepare',
    replace: [[/--manifest training\/corpus-wide\.toml/, '--manifest tiny-wide.toml']],
    add: (command) => (command.includes('--manifest') ? '' : '--manifest tiny.toml'),
  },
  { matches: /^python -m training\.tokenizer\b/, lane: 'prepare', add: '--vocabulary 512' },
  {
    matches: /^python -m training\.data\b/,
    lane: 'prepare',
    replace: [[/build\/start\//, 'models/matlm-6m/']],
    add: '--epochs 1 --context 256',
  },
  {
    matches: /(^python|torchrun .*) -m training\.(experiments\.)?train\b/,
    lane: 'prepare',
    replace: [
      [/--(tokens|minutes|petaflops) \S+/, ''],
      [/--nproc-per-node 8/, '--nproc-per-node 2'],
    ],
    add: (command, count) => `${budget} ${shape}${/ --out /.test(command) ? '' : ` --out build/run-${count}`}`,
  },
  { matches: /^python -m training\.export\b/, lane: 'prepare', add: '--run build/nested --out build/mine' },
  { matches: /^python -m training\.submodel --submodel (nested|XL)\b/, lane: 'prepare', add: '--model build/mine' },
  { matches: /^python -m training\.gate\b/, lane: 'prepare', add: '--fit --model build/mine --max-tokens 300' },
  {
    matches: /^python -m training\.evaluate\b/,
    lane: 'prepare',
    add: (command) => `${someTokens} --lines 4 --model build/mine${command.includes('--places') ? '' : ' --lines 0'}`,
  },

  { matches: /^export \w+=\S+$/, lane: 'elsewhere', why: 'every command has a shell of its own' },
  { matches: /^python -m training\.encoders\.pairs\b/, lane: 'python', add: '--most 40 --packages 3' },
  {
    matches: /^(OMP_NUM_THREADS=\d+ )?python -m training\.encoders\.train\b/,
    lane: 'python',
    replace: [[/--(updates|minutes) \S+/g, '']],
    add: (command, count) => `--updates 2 --batch 8 --code-tokens 16${runFolder(command, 'code', count)}`,
  },
  { matches: /^python -m training\.encoders\.export\b/, lane: 'python', add: '--out build/encoders/exported' },
  {
    matches: /^python -m training\.encoders\.golden(_pictures)?\b/,
    lane: 'python',
    add: (command) => (command.includes('pictures') ? '--out build' : '--out build/encoders-code.json'),
  },
  { matches: /^python -m training\.encoders\.evaluate\b/, lane: 'python', add: '--queries 20 --code-tokens 16' },
  { matches: /^python -m training\.encoders\.icons\b/, lane: 'python', add: '--of-a-set 40' },
  {
    matches: /^(OMP_NUM_THREADS=\d+ )?python -m training\.encoders\.train_pictures\b/,
    lane: 'python',
    replace: [[/--(updates|minutes) \S+/g, '']],
    add: (command, count) =>
      `--updates 2 --batch 8 --patch 16 --hidden 64 --layers 1 --word-hidden 32 --word-layers 1 --vocabulary 600` +
      runFolder(command, 'pictures', count),
  },
  { matches: /^python -m training\.encoders\.export_pictures\b/, lane: 'python', add: '--out build/encoders/exported' },
  {
    matches: /^python -m training\.encoders\.evaluate_pictures\b/,
    lane: 'python',
    replace: [[/ --plot \S+/, '']],
    add: '--of-a-set 20 --queries 20 --plot build/encoders-pictures.png',
  },
  {
    matches: /^python -m training\.frontier\b/,
    lane: 'python',
    add: '--search-tokens 500 --max-tokens 500 --count 8 --model build/mine',
  },
  {
    matches: /^python -m training\.submodel\b/,
    lane: 'python',
    add: (command) => model(command),
  },
  {
    matches: /^python -m training\.elastic\.orders\b/,
    lane: 'python',
    replace: [denseModel, [/--code \S+/, '--code build/corpus/heldout.jsonl'], [/--prose \S+/, '--prose docs/results']],
    add: '--calibration-tokens 600 --sensitivity-tokens 256 --code-tokens 400 --prose-tokens 400',
  },
  {
    matches: /^python -m training\.elastic\b/,
    lane: 'python',
    replace: [
      denseModel,
      [/ --(minutes|tokens|batch|chunk|rate|heldout-tokens|evaluate-every) \S+/g, ''],
      [/ --compile| --data \S+/g, ''],
      [/--prose \S+/, '--prose docs/results'],
    ],
    add: '--tokens 400 --window 64 --batch 256 --chunk 128 --calibration-tokens 600 --heldout-tokens 400',
  },
  {
    matches: /^python -m training\.graft\b/,
    lane: 'python',
    replace: [denseModel, [/--vocabulary( [\w./-]+)+?(?= --|$)/, '--vocabulary own']],
    add: '--heldout build/corpus/heldout.jsonl --files 1',
  },
  {
    matches: /^python -m training\.experiments\.spread\b/,
    lane: 'python',
    replace: [[/--(petaflops|max-tokens) \S+/g, '']],
    add: '--petaflops 1e-7 --max-tokens 3000 --out build/spread --results build/spread-results',
  },
  {
    matches: /^python -m training\.golden\b/,
    lane: 'python',
    add: '--model build/mine --out build/golden.json',
  },
  { matches: /^python -m training\.experiments\.sharing\b/, lane: 'python', add: `${someTokens} --model build/mine` },
  {
    matches: /^python -m training\.experiments\.quantise\b/,
    lane: 'python',
    replace: [
      [/build\/claims\/d64-nested/, 'build/nested'],
      [/models\/matlm-46m/, 'build/mine'],
      [/build\/tokens-46m/, 'build/tokens'],
    ],
    add: `${someTokens} --finish-updates 1`,
  },
  {
    // The table and the report read what is kept in docs/results; two runs are missing there.
    matches: /^python -m training\.experiments\.(ablate|claims)\b/,
    lane: 'python',
    add: (command) => (/--table|--report/.test(command) ? '' : tinyExperiment(command)),
  },

  { matches: /^npm run build$/, lane: 'node' },
  { matches: /^npm run package\b/, lane: 'elsewhere', why: 'the stage package makes them all' },
  { matches: /^npm run release\b/, lane: 'elsewhere', why: 'the tag is that of a later version' },
  { matches: /^npm run l10n$/, lane: 'node' },
  {
    matches: /^npm start$/,
    lane: 'node',
    add: '-- --no-open --browser',
    until: /VS Code with MatCoder is at/,
  },
  {
    matches: /^npm run (--silent )?complete\b|^npm run (--silent )?inspect\b/,
    lane: 'node',
    add: '--model models/matlm-6m',
  },
  {
    matches: /^npm run (--silent )?import\b/,
    lane: 'node',
    // Only a model of one size can be made elastic.
    replace: [[/MODEL\.gguf --elastic/, 'build/xl --elastic'], denseModel, [/MODEL\.gguf/, 'build/nested.gguf']],
    add: (command, count) =>
      command.includes('--elastic') ? '--into build/made-elastic --minutes 0.05' : `--into build/imported-${count}`,
  },
  {
    matches: /^npm run (--silent )?elastic\b/,
    lane: 'node',
    replace: [[/ MODEL/, ' build/made-elastic']],
    add: '--minutes 0.05',
  },
  { matches: /^npm run (--silent )?models$/, lane: 'node', replace: [[/npm/, 'XDG_CACHE_HOME=build/cache npm']] },
  {
    matches: /^npm run (--silent )?(index|search)\b/,
    lane: 'node',
    replace: [
      [/npm/, 'XDG_CACHE_HOME=build/cache npm'],
      [/(index --|--workspace) src/, '$1 examples'],
    ],
  },
  {
    matches: /^npm run (--silent )?serve\b/,
    lane: 'node',
    replace: [[/--workspace \S+/, '--workspace examples']],
    add: '--port 0 --model models/matlm-6m',
    until: /listening on http:/,
  },
  {
    matches: /^curl http:\/\/127\.0\.0\.1:8012/,
    lane: 'elsewhere',
    why: 'it asks the server of the command before it',
  },
  {
    matches: /^npm run (--silent )?eval\b/,
    lane: 'node',
    replace: [[/--files \d+/, '']],
    add: (command) => `${command.includes('--heldout') ? '--files 2 ' : ''}--each 1 --model models/matlm-6m`,
  },
  {
    matches: /^npm run (--silent )?replay\b/,
    lane: 'node',
    replace: [
      [/src\/engine\/\*\.ts/, 'src/extension.ts'],
      // Two models answer at all their sizes, which takes a minute for each file.
      [/( training\/\w+\.py)+/, '$1'],
      [/--(files|max-chars) \d+/g, ''],
      // With two models, the second plays an imported one.
      [/models\/matlm-46m/, 'models/matlm-6m'],
      [/build\/imported\/smollm2/, 'models/matlm-46m'],
      [/build\/smollm2-8/, 'models/matlm-46m'],
      [/smollm2-costs/, 'governor-costs'],
    ],
    add: (command) =>
      (command.includes('--heldout') ? '--files 1 ' : '') +
      `--max-chars 6 --policy auto,S${command.includes('--model') ? '' : ' --model models/matlm-6m'}`,
  },
  {
    // Without a GPU it says so and ends with code 0.
    matches: /^npm run (--silent )?bench -- gpu\b/,
    lane: 'node',
    replace: [[/ 60m/, '']],
    add: '--rounds=1 tiny',
  },
  { matches: /^node scripts\/card\.mjs pack$/, lane: 'node', add: '--tiny' },
  {
    // Without Chromium's software driver it says so, and measures the processor.
    matches: /^sh build\/card\/run\.sh\b/,
    lane: 'node',
    replace: [[/^sh/, 'VK_ICD_FILENAMES=/usr/lib/chromium/vk_swiftshader_icd.json sh']],
    add: '--tiny --minutes 2',
  },
  {
    matches: /^(LLAMA_BENCH=\S+ )?npm run (--silent )?bench$/,
    lane: 'node',
    replace: [[/LLAMA_BENCH=\S+ /, '']],
    add: '-- tiny --rounds 1 --threads 1 --engines matcoder,onnxruntime-node',
  },
  {
    matches: /^npm run (--silent )?bench -- imported\b/,
    lane: 'node',
    replace: [[/ [a-z]+[-\d][-.\w]*/g, '']],
    add: '--brief --rounds 1 --threads 1 --engines matcoder tiny',
  },
  {
    // The other parts need a longer context than the tiny model has.
    matches: /^npm run (--silent )?bench -- elastic\b/,
    lane: 'node',
    add: '--model build/made-elastic --parts bits --tokens 1100 --minutes 0.05 --threads 1',
  },
  {
    matches: /^npx tsx bench\/fidelity\.mts\b/,
    lane: 'node',
    replace: [
      [/build\/corpus-wide/, 'build/corpus'],
      [/--language \S+/g, ''],
    ],
    add: '--alone --files 2 --prompts 2',
  },
  { matches: /^python test\/python\/parity_table\.py$/, lane: 'elsewhere', why: 'the stage python compares the same' },
  {
    matches: /^npx tsx bench\/keys\.mts\b/,
    lane: 'node',
    replace: [
      [/FOLDER/, 'build'],
      [/FILE…/, 'build/key.ts'],
    ],
  },
  {
    matches: /^npx tsx bench\/lines\.mts\b/,
    lane: 'node',
    replace: [[/--cursors \d+/, '']],
    add: '--cursors 2 --model models/matlm-6m',
  },
  {
    matches: /^npx tsx bench\/prompts\.mts\b/,
    lane: 'node',
    replace: [[/--cursors \d+/, '--cursors 2']],
    // To embed whole packages takes too long.
    add: (command) =>
      `--model models/matlm-6m${command.includes('--snippets') ? " --way 'chunk by words and embedding, of eight files'" : ''}`,
  },
  { matches: /^npx tsx bench\/indexes\.mts\b/, lane: 'node' },
  // It reads what a command of Python has written.
  { matches: /^npx tsx bench\/(search|pictures)\.mts\b/, lane: 'python', add: '--queries 8' },
  {
    matches: /^npx tsx bench\/serve\.mts\b/,
    lane: 'node',
    add: '--model models/matlm-6m --cursors 2',
  },
  { matches: /^npx tsx bench\/clients\.mts\b/, lane: 'node', add: '--clients 2 --seconds 2' },
  {
    matches: /^npx tsx bench\/speculation\.mts\b/,
    lane: 'node',
    add: '--model build/mine --files 2 --tokens 8 --threads 1',
  },
  { matches: /^node src\/main\.ts$/, lane: 'node', folder: 'examples', replace: [[/^node/, 'npx tsx']] },
];

/** The folder of a tiny run, unless the command names it: the first is where the documentation's next command reads. */
function runFolder(command, name, count) {
  if (command.includes('--out')) return '';
  return count > 0 ? ` --out build/encoders/${name}-${count}` : ` --out build/encoders/${name}`;
}

/** One row of the ablation, or one run of the claims, instead of all. */
function tinyExperiment(command) {
  const tiny = `${someTokens} --workers 1`;
  return command.includes('ablate') ? `--petaflops 1e-6 --lines 4 ${tiny}` : `d64-S --share 0.001 ${tiny}`;
}

/** The line with only the last of repeated options, so that two equal commands are run once. */
function withoutOverridden(line) {
  const [start, ...options] = line.split(/ (?=--?\w)/);
  return [start, ...new Map(options.map((option) => [option.split(/[ =]/, 1)[0], option])).values()].join(' ');
}

/**
 * The commands as they are to be run.
 *
 * @param {{command: string, file: string}[]} documented
 * @param {Rule[]} table
 * @returns {{steps: {command: string, file: string, line: string, rule: Rule}[], faults: string[]}}
 */
export function plan(documented, table) {
  const faults = [];
  const byRule = new Map(table.map((rule) => [rule, []]));
  for (const entry of documented) {
    const rule = table.find(({ matches }) => matches.test(entry.command));
    if (rule) byRule.get(rule).push(entry);
    else faults.push(`${entry.file}: no rule of test/commands/rules.mjs says how to run: ${entry.command}`);
  }
  const steps = [];
  for (const [rule, entries] of byRule) {
    if (entries.length === 0) faults.push(`rules.mjs: no documented command matches ${rule.matches}`);
    const seen = new Set();
    for (const { command, file } of entries) {
      let line = command;
      for (const [pattern, text] of rule.replace ?? []) line = line.replace(pattern, text);
      const added = typeof rule.add === 'function' ? rule.add(command, seen.size) : (rule.add ?? '');
      line = `${line} ${added}`.replaceAll(/\s+/g, ' ').trim();
      const same = withoutOverridden(line);
      if (!seen.has(same)) steps.push({ command, file, line, rule });
      seen.add(same);
    }
  }
  return { steps, faults };
}
