/** `matcoder`: the engine without an editor. */
import { dirname, join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { SHIPPED } from '../matlm/checkpoint';
import { messageOf } from '../matlm/errors';
import { systemMessage } from '../matlm/systemFault';
import { complete } from './complete';
import { replayTable } from '../replay/tables';
import { budgetOf, elasticCommand, elasticText, importedOnly, progressLines } from './elastic';
import { evaluationCommand } from './evaluation/command';
import { hardwareTable, inspectHardware } from './hardware';
import { factsText, importCommand, importedText } from './import';
import { inspect, table } from './inspect';
import { inspectMachine, machineTable } from './machine';
import { listModels, modelNamed, modelsTable } from './models';
import { guardOutput } from './output';
import { parsePlace, UsageError } from './place';
import { type ReplayOptions, replayFiles } from './replay';
import { lspCommand } from './lsp';
import { DEFAULT_PORT, serveCommand } from './serve';
import { readSample } from './sample';
import { hitsText, indexCommand, indexText, searchCommand } from './search';
import { versionOf } from './version';
import { switchesOf } from './workspaceFolder';

const HELP = `matcoder complete FILE:LINE:COL [--json] [--submodel auto|NAME] [--workspace DIR] [--model MODEL]
    Complete at that position (line and column from 1) and print the text that would be inserted, or to
    standard error the reason why there is none. Files that .matcoderignore lists are refused. NAME is a submodel
    that \`matcoder inspect\` lists, such as XS, S, M, L or XL. With --workspace, the files of that folder that may be
    quoted are remembered and lend snippets, as in the editor. The engine of the editor's windows is used if it runs.
    --model, here and below, is a folder that holds a model, or the name of one that \`matcoder models\` lists.

matcoder inspect [--json] [--model MODEL]
    List the submodels of a checkpoint: parameters, bytes of weights read per token, loss, FFN widths. Below them are the
    model's shape, the form of its prompt and of its weights, and, if it was imported, where it came from.

matcoder inspect --machine [--json]
    Print the sensors' readings (power, heat, load by other programs), each with its source or the reason why it is
    unknown.

matcoder inspect --hardware [--json] [--model MODEL]
    Try the native engine, the GPU, and the GPU for prompts alone with a checkpoint. Print which of them are correct,
    their times, and the one that this installation uses from now on. An editor with another installation probes for itself.

matcoder import PATH [--name NAME] [--bits 8|4] [--into FOLDER] [--elastic [--sample DIR] [--minutes N]] [--json]
    Make a model that is on this disk usable: a GGUF file, or a Hugging Face folder. Print what it is and what it needs,
    then write it in the form that the engine reads, with 8 or 4 bits a weight: 4 by default for files of mostly 4 bits,
    8 for others. --into names a folder to write, which must not exist yet; without it, the model is in the library of the
    command line. Print the folder, and what to write after --model. --elastic then does what the next command does.

matcoder elastic MODEL [--sample DIR] [--minutes N] [--json]
    Give a model that was imported with one size narrower ones, which are faster and lose a little. MODEL is its folder, or
    its name. The full size stays the same function. --sample names a folder of your code, which the sizes are chosen and
    measured on; without it, sources of MatCoder are. It takes about 4 minutes, or as many as --minutes says, and longer
    if that is too little for the 2,000 tokens that the sizes are measured on in any case.

matcoder models [--json]
    List the models that were imported: their names, sizes, bits a weight, and bytes on the disk.

matcoder index [DIR] [--json]
    Bring the index of a folder (this one, if none is named) up to date: the code and the pictures that search finds.
    An interrupted run keeps what it has done, and the next one goes on. Print how much is in the index. The editor's
    windows use the same index. Files that are ignored or hold secrets are not in it.

matcoder search QUERY [--workspace DIR] [--pictures] [--submodel auto|S|M|L|XL] [--limit N] [--json]
    Find code by its words and its meaning, or with --pictures icons and pictures: the best N (20) with their places, names
    and scores, from 0 to 1. --json has the share of the words and the cosine of the meaning too. The folder is this one, unless
    --workspace names another. Its files are read before; those that matcoder index has not embedded are found by their words.
    --submodel is the size that reads the query, by default the largest.

matcoder eval FILE… [--heldout FILE] [--files N] [--language NAME] [--submodels NAMES] [--each N] [--seed N]
              [--without each|FILTERS] [--workspace DIR] [--packages] [--memory off,on] [--new-files] [--json] [--model MODEL]
    Mask lines, rests of lines and blocks of files, complete them as the editor does, and print the share that is right:
    for each submodel, by hand and at each eagerness, and for VS Code's word-based suggestions. --heldout takes files of
    a corpus, from the half of its packages that calibration does not use: --files of them (20), and with --language only
    files of that language, by its name in the corpus, such as TypeScript. --submodels names the submodels, with commas
    between; without it, all sizes are measured. --each masks at most N places of each kind in a file (3). --seed draws other
    files and places (1). --without measures the effect of each filter, or of those that are named, with commas between:
    secrets, oneLine, midLine, fileHead, loops, indent, scope, length, nextLines, unfinished, blanks, lineSuffix, balance,
    unclosed, comma. --workspace opens a folder as in the editor: its files are remembered and lend snippets. --packages
    opens the package of each held-out file. --memory off leaves the memory out, and off,on compares both at the same places.
    --new-files leaves out all files that name what the edited one declares, as if it was new.

matcoder eval --heldout FILE --calibrate [--files N] [--each N] [--packages] [--memory off,on] [--model MODEL]
    Fit the confidence score on the other half of the packages, and write confidence.json next to the weights.

matcoder replay FILE… [--policy auto,S,M,L,XL] [--scenario quiet,battery,busy,hot,fast,slow,build,crowded,mistakes|all]
                [--heldout FILE] [--files N] [--max-chars N] [--seed N] [--calibrate] [--costs FILE] [--answers FILE]
                [--real-time] [--workspace DIR] [--packages] [--memory off,on] [--new-files] [--json]
                [--model MODEL [--model MODEL]]
    Type files with a simulated hand through the real pipeline and model, with each --policy, which is auto or a size, in
    each --scenario (quiet). Print keystrokes saved, latency and share of a core. --heldout takes files of the packages that
    calibration does not use; with --calibrate, the others. --files is that of eval. --max-chars types about N characters of
    each file, as whole lines; without it, all of it is typed. --seed draws other files, lines and typing errors (1). --costs
    names a file with the engine's times on an idle machine; if it is missing, they are measured and written there.
    --answers keeps the model's answers for the next run. --real-time uses the engine's actual times. --workspace,
    --packages, --memory and --new-files are those of eval. The memory learns a line when it is finished. With two models
    (--model and --costs twice), the second is used as an imported one, compared with the first by bits per byte of the
    files. The policies first and second are auto with one of them alone, and auto-xl is auto without the smaller sizes of
    the second.

matcoder serve [--port N] [--token-file FILE] [--workspace DIR] [--submodel auto|NAME] [--eagerness careful|balanced|eager]
               [--threads N] [--model MODEL]
    Serve other editors on this machine: llama.cpp's /infill, /health and /v1/models, and /v1/completions. llama.vim
    finds it at its port (8012) without settings. It uses the engine of the editor's windows, and starts it if
    it does not run. With --workspace, the files of that folder that may be quoted are remembered, as in VS Code, for all
    clients. With --token-file, requests have to bring the first line of that file as Authorization: Bearer.

matcoder lsp [--stdio] [--threads N] [--model MODEL]
    Serve one editor over the Language Server Protocol at standard input and output: inline completions of LSP 3.18. The
    editor starts it. Settings come from the editor, by the names that they have in VS Code, apart from --threads and
    --model. --stdio, which some editors add, changes nothing.

matcoder eval --places PLACES [--json] [--model MODEL]
    Measure every granularity in the engine: loss, agreement, lines completed. PLACES is a file of held-out places.
    \`python -m training.evaluate --places PLACES\` writes it and prints PyTorch's figures for the same places.

matcoder --version
    Print the version.

matcoder --help, or -h
    Print this text.
`;

/** The options of each command, apart from --help and --version. */
const OPTIONS = new Map<string, readonly string[]>(
  Object.entries({
    complete: ['json', 'submodel', 'model', 'workspace'],
    inspect: ['json', 'machine', 'hardware', 'model'],
    import: ['json', 'name', 'bits', 'into', 'elastic', 'sample', 'minutes'],
    elastic: ['json', 'sample', 'minutes'],
    models: ['json'],
    index: ['json'],
    search: ['json', 'workspace', 'pictures', 'submodel', 'limit'],
    lsp: ['stdio', 'threads', 'model'],
    serve: ['port', 'token-file', 'workspace', 'submodel', 'eagerness', 'threads', 'model'],
    eval: [
      'json',
      'model',
      'places',
      'heldout',
      'files',
      'language',
      'submodels',
      'each',
      'seed',
      'without',
      'calibrate',
      ...['workspace', 'packages', 'memory', 'new-files'],
    ],
    replay: [
      ...['json', 'model', 'policy', 'scenario', 'heldout', 'files', 'max-chars', 'seed', 'calibrate'],
      ...['costs', 'answers', 'real-time', 'workspace', 'packages', 'memory', 'new-files'],
    ],
  }),
);

async function main(args: readonly string[]): Promise<void> {
  // The bundle is in dist/, next to the folders of the addon and the model.
  const root = dirname(__dirname);
  const { values, positionals, tokens } = parseArgs({
    args: [...args],
    tokens: true,
    allowPositionals: true,
    options: {
      json: { type: 'boolean', default: false },
      hardware: { type: 'boolean', default: false },
      submodel: { type: 'string', default: 'auto' },
      policy: { type: 'string' },
      scenario: { type: 'string', default: 'quiet' },
      heldout: { type: 'string' },
      files: { type: 'string', default: '20' },
      'max-chars': { type: 'string' },
      places: { type: 'string' },
      language: { type: 'string' },
      submodels: { type: 'string' },
      each: { type: 'string', default: '3' },
      without: { type: 'string' },
      calibrate: { type: 'boolean', default: false },
      seed: { type: 'string', default: '1' },
      costs: { type: 'string', multiple: true, default: [] },
      answers: { type: 'string' },
      'real-time': { type: 'boolean', default: false },
      workspace: { type: 'string' },
      packages: { type: 'boolean', default: false },
      memory: { type: 'string', default: 'on' },
      'new-files': { type: 'boolean', default: false },
      model: { type: 'string', multiple: true, default: [join(root, SHIPPED)] },
      name: { type: 'string' },
      bits: { type: 'string' },
      into: { type: 'string' },
      elastic: { type: 'boolean', default: false },
      sample: { type: 'string' },
      minutes: { type: 'string' },
      machine: { type: 'boolean', default: false },
      pictures: { type: 'boolean', default: false },
      limit: { type: 'string', default: '20' },
      port: { type: 'string', default: String(DEFAULT_PORT) },
      'token-file': { type: 'string' },
      stdio: { type: 'boolean', default: false },
      eagerness: { type: 'string' },
      threads: { type: 'string', default: '0' },
      help: { type: 'boolean', short: 'h', default: false },
      version: { type: 'boolean', default: false },
    },
  });
  const [command, ...rest] = positionals;
  if (values.help) {
    process.stdout.write(HELP);
    return;
  }
  if (values.version) {
    process.stdout.write(`${await versionOf(root)}\n`);
    return;
  }
  refuseEmpty(command, tokens);
  for (const token of tokens) {
    if (token.kind === 'option' && command !== undefined && OPTIONS.get(command)?.includes(token.name) === false) {
      throw new UsageError(`${command} takes no ${token.rawName}; see --help`);
    }
  }
  // Of several, only replay uses more than the last.
  const model = () => modelNamed(values.model.at(-1) ?? '');
  switch (command) {
    case 'complete': {
      const [place, ...more] = rest;
      if (place === undefined || more.length > 0) throw new UsageError('complete takes one FILE:LINE:COL');
      const completion = await complete(root, await model(), parsePlace(place), values.submodel, values.workspace);
      const { text, outcome } = completion;
      if (values.json) process.stdout.write(`${JSON.stringify(completion)}\n`);
      else if (text !== '') process.stdout.write(`${text}\n`);
      else process.stderr.write(`matcoder: nothing to show: ${outcome.reason}\n`);
      return;
    }
    case 'inspect': {
      if (rest.length > 0) throw new UsageError('inspect takes no file: name a checkpoint with --model MODEL');
      if (values.machine && values.hardware) {
        throw new UsageError('inspect takes --machine or --hardware, not both');
      }
      if (values.machine) {
        const report = await inspectMachine(root);
        process.stdout.write(values.json ? `${JSON.stringify(report, null, 2)}\n` : `${machineTable(report)}\n`);
        return;
      }
      if (values.hardware) {
        const report = await inspectHardware(root, await model());
        process.stdout.write(values.json ? `${JSON.stringify(report, null, 2)}\n` : `${hardwareTable(report)}\n`);
        return;
      }
      const { rows, facts } = await inspect(await model());
      process.stdout.write(values.json ? `${JSON.stringify(rows, null, 2)}\n` : `${table(rows)}\n\n${facts}\n`);
      return;
    }
    case 'import': {
      const [path, ...more] = rest;
      if (path === undefined || more.length > 0) throw new UsageError('import takes one file or folder');
      if (!values.elastic && (values.sample !== undefined || values.minutes !== undefined))
        throw new UsageError('import takes --sample and --minutes with --elastic alone');
      const budgetMs = budgetOf(values.minutes);
      const signal = interruptible('the import was interrupted, and nothing is left of it');
      const sample = values.elastic ? await readSample(root, values.sample, { signal, say: sayPlain }) : undefined;
      let shownPercent = 0;
      const report = await importCommand(root, {
        ...{ path, name: values.name, bits: values.bits, into: values.into, signal },
        onFacts: (facts) => process.stderr.write(`${factsText(facts)}\n`),
        onProgress: ({ doneWeights, totalWeights }) => {
          const percent = Math.floor((10 * doneWeights) / totalWeights) * 10;
          if (percent > shownPercent) process.stderr.write(`${percent} %\n`);
          shownPercent = Math.max(shownPercent, percent);
        },
      });
      if (!sample) {
        process.stdout.write(values.json ? `${JSON.stringify(report, null, 2)}\n` : `${importedText(report)}\n`);
        return;
      }
      process.stderr.write(`${importedText(report)}\n`);
      const elastic = await elasticCommand(root, {
        ...{ folder: report.folder, sample, budgetMs, onProgress: progressLines(sayPlain) },
        signal: interruptible('it was interrupted, and the model is as it was imported'),
      }).catch((error: unknown) => {
        // The import has succeeded all the same.
        if (values.json) process.stdout.write(`${JSON.stringify(report, null, 2)}\n`);
        throw importedOnly(report.folder, error);
      });
      process.stdout.write(
        values.json ? `${JSON.stringify({ ...report, elastic }, null, 2)}\n` : `${elasticText(elastic)}\n`,
      );
      return;
    }
    case 'elastic': {
      const [named, ...more] = rest;
      if (named === undefined || more.length > 0)
        throw new UsageError('elastic takes the folder or the name of one model');
      const budgetMs = budgetOf(values.minutes);
      const signal = interruptible('it was interrupted, and the model is as it was');
      const folder = await modelNamed(named);
      const sample = await readSample(root, values.sample, { signal, say: sayPlain });
      const options = { folder, sample, budgetMs, onProgress: progressLines(sayPlain), signal };
      const report = await elasticCommand(root, options);
      process.stdout.write(values.json ? `${JSON.stringify(report, null, 2)}\n` : `${elasticText(report)}\n`);
      return;
    }
    case 'models': {
      if (rest.length > 0) throw new UsageError('models takes no file');
      const rows = await listModels();
      process.stdout.write(values.json ? `${JSON.stringify(rows, null, 2)}\n` : `${modelsTable(rows)}\n`);
      return;
    }
    case 'index': {
      if (rest.length > 1) throw new UsageError('index takes one folder');
      const signal = interruptible('the index was interrupted: what is done is kept, and the next run goes on');
      const report = await indexCommand(root, { folder: rest[0] ?? '.', signal, say: sayLine });
      process.stdout.write(values.json ? `${JSON.stringify(report, null, 2)}\n` : `${indexText(report)}\n`);
      return;
    }
    case 'search': {
      const { submodel, pictures: isForPictures, workspace: folder = '.' } = values;
      const limit = count('limit', values.limit, 1);
      const signal = interruptible('the search was interrupted: what is in the index is kept');
      const options = { ...{ folder, signal, submodel, limit, isForPictures }, query: rest.join(' '), say: sayLine };
      const report = await searchCommand(root, options);
      process.stdout.write(values.json ? `${JSON.stringify(report, null, 2)}\n` : `${await hitsText(report)}\n`);
      return;
    }
    case 'serve': {
      if (rest.length > 0) throw new UsageError('serve takes no file');
      const { submodel, eagerness } = values;
      await serveCommand(root, {
        ...{ model: await model(), port: count('port', values.port), tokenFile: values['token-file'], say: sayLine },
        workspaces: values.workspace === undefined ? [] : [values.workspace],
        settings: { submodel, eagerness, threads: count('threads', values.threads) },
        signal: interruptible('interrupted'),
      });
      return;
    }
    case 'lsp': {
      if (rest.length > 0) throw new UsageError('lsp takes no file');
      await lspCommand(root, await model(), count('threads', values.threads));
      return;
    }
    case 'eval': {
      const text = await evaluationCommand(root, await model(), {
        files: rest.map((file) => resolve(file)),
        places: values.places,
        heldout: values.heldout,
        count: count('files', values.files, 1),
        language: values.language,
        submodels: values.submodels,
        each: count('each', values.each, 1),
        seed: count('seed', values.seed),
        without: values.without,
        calibrate: values.calibrate,
        workspace: values.workspace,
        packages: values.packages,
        memory: values.memory,
        newFiles: values['new-files'],
        json: values.json,
      });
      process.stdout.write(`${text}\n`);
      return;
    }
    case 'replay': {
      const heldout = values.heldout;
      if (values.calibrate && heldout === undefined) throw new UsageError('--calibrate goes with --heldout FILE');
      const options: ReplayOptions = {
        files: rest.map((file) => resolve(file)),
        heldout:
          heldout === undefined
            ? undefined
            : {
                file: resolve(heldout),
                count: count('files', values.files, 1),
                half: values.calibrate ? 'fit' : 'figures',
              },
        policies: values.policy?.split(',').map((name) => name.trim()),
        scenario: values.scenario,
        seed: count('seed', values.seed),
        maxChars: values['max-chars'] === undefined ? Infinity : count('max-chars', values['max-chars'], 1),
        costs: values.costs,
        answers: values.answers,
        isRealTime: values['real-time'],
        workspace: values.workspace,
        packages: values.packages,
        memory: switchesOf(values.memory),
        isNewFile: values['new-files'],
      };
      const rows = await replayFiles(
        root,
        values.model,
        options,
        ({ scenario, policy, memory }) => {
          process.stderr.write(`${scenario}, ${policy}${memory ? `, memory ${memory}` : ''}: done\n`);
        },
        ({ name, relativeBits }) => {
          const times = relativeBits?.toFixed(3) ?? 'an unknown number of';
          process.stderr.write(`${name} needs ${times} times the bits per byte of the first model on these files\n`);
        },
      );
      process.stdout.write(
        values.json ? `${JSON.stringify(rows, null, 2)}\n` : `${replayTable(rows, options.isRealTime)}\n`,
      );
      return;
    }
    default:
      throw new UsageError(
        command === undefined ? `expected a command\n\n${HELP}` : `${command}: no such command\n\n${HELP}`,
      );
  }
}

/** An empty name of a file or folder would mean the current folder: a script that has left a variable empty does not mean that. */
function refuseEmpty(command: string | undefined, tokens: readonly Token[]): void {
  for (const token of tokens) {
    if (token.kind === 'option' && token.value === '')
      throw new UsageError(`${token.rawName}: its value is empty; give one, or leave the option out`);
    // The words of a search say themselves that they are missing.
    if (token.kind === 'positional' && token.value === '' && command !== 'search')
      throw new UsageError(
        command === '' ? 'the command is empty; see --help' : `${command ?? ''} has an empty argument; see --help`,
      );
  }
}

interface Token {
  readonly kind: string;
  readonly rawName?: string;
  readonly value?: string | undefined;
}

function sayPlain(line: string): void {
  process.stderr.write(`${line}\n`);
}

function sayLine(line: string): void {
  process.stderr.write(`matcoder: ${line}\n`);
}

/** A signal that an interruption aborts, with what is to be said then. The last comes when the terminal is closed. */
function interruptible(message: string): AbortSignal {
  const interrupted = new AbortController();
  const interrupt = () => {
    interrupted.abort(new UsageError(message));
  };
  for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(name, interrupt);
  return interrupted.signal;
}

function count(option: string, value: string, least = 0): number {
  if (/^\d{1,9}$/.test(value) && Number(value) >= least) return Number(value);
  throw new UsageError(`--${option} ${value}: expected a whole number${least > 0 ? ` from ${least} on` : ''}`);
}

/** The fault of a command line that parseArgs refuses, in one line. */
function usageFault(error: unknown, args: readonly string[]): unknown {
  const { code } = error as NodeJS.ErrnoException;
  const option = /(--?[\w-]+)(?: <value>)?'/.exec(messageOf(error))?.[1];
  if (option === undefined) return error;
  if (code === 'ERR_PARSE_ARGS_UNKNOWN_OPTION') return new UsageError(`unknown option ${option}; see --help`);
  if (code !== 'ERR_PARSE_ARGS_INVALID_OPTION_VALUE') return error;
  const value = args[args.indexOf(option) + 1];
  const isDashed = args.includes(option) && value?.startsWith('-') === true;
  return new UsageError(
    isDashed
      ? `${option} ${value}: expected a value, which does not begin with -`
      : messageOf(error).replaceAll('\n', ' '),
  );
}

guardOutput();
const args = process.argv.slice(2);
main(args).catch((error: unknown) => {
  process.stderr.write(`matcoder: ${systemMessage(error) ?? messageOf(usageFault(error, args))}\n`);
  process.exitCode = 1;
});
