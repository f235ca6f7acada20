/** `matcoder`: the engine without an editor. */
import { dirname, join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { SHIPPED } from '../matlm/checkpoint';
import { messageOf } from '../matlm/errors';
import { complete } from './complete';
import { replayTable } from '../replay/tables';
import { DEFAULT_SUBMODELS, evaluationCommand } from './evaluation/command';
import { hardwareTable, inspectHardware } from './hardware';
import { inspect, table } from './inspect';
import { inspectMachine, machineTable } from './machine';
import { guardOutput } from './output';
import { parsePlace, UsageError } from './place';
import { type ReplayOptions, replayFiles } from './replay';
import { switchesOf } from './workspaceFolder';

const HELP = `matcoder complete FILE:LINE:COL [--json] [--submodel auto|NAME] [--workspace DIR] [--model DIR]
    Complete at that position (line and column from 1) and print the text that would be inserted, or to
    standard error the reason why there is none. Files that .matcoderignore lists are refused. NAME is a submodel
    that \`matcoder inspect\` lists, such as XS, S, M, L or XL. With --workspace, the files of that folder that may be
    quoted are remembered and lend snippets, as in the editor.

matcoder inspect [--json] [--model DIR]
    List the submodels of a checkpoint: parameters, bytes of weights read per token, loss, FFN widths.

matcoder inspect --machine [--json]
    Print the sensors' readings (power, heat, load by other programs), each with its source or the reason why it is
    unknown.

matcoder inspect --hardware [--json] [--model DIR]
    Try the native engine, ONNX Runtime on the processor and ONNX Runtime on the GPU with a checkpoint. Print which of
    them are correct, their times, and the one that is used from now on, also in the editor.

matcoder eval FILE… [--heldout FILE] [--files N] [--language NAME] [--submodels NAMES] [--each N] [--seed N]
              [--without each|FILTERS] [--workspace DIR] [--packages] [--memory off,on] [--new-files] [--json] [--model DIR]
    Mask lines, rests of lines and blocks of files, complete them as the editor does, and print the share that is right:
    for each submodel, by hand and at each eagerness, and for VS Code's word-based suggestions. --heldout takes files of
    a corpus, from the half of its packages that calibration does not use. --without measures the effect of a filter.
    --workspace opens a folder as in the editor: its files are remembered and lend snippets. --packages opens the package
    of each held-out file. --memory off leaves the memory out, and off,on compares both at the same places. --new-files
    leaves out all files that name what the edited one declares, as if it was new.

matcoder eval --heldout FILE --calibrate [--files N] [--each N] [--packages] [--memory off,on] [--model DIR]
    Fit the confidence score on the other half of the packages, and write confidence.json next to the weights.

matcoder replay FILE… [--policy auto,S,M,L,XL] [--scenario quiet,battery,busy,hot,fast,slow,build,crowded,mistakes|all]
                [--heldout FILE] [--files N] [--max-chars N] [--seed N] [--calibrate] [--costs FILE] [--answers FILE]
                [--real-time] [--workspace DIR] [--packages] [--memory off,on] [--new-files] [--json] [--model DIR]
    Type files with a simulated hand through the real pipeline and model. Print keystrokes saved, latency and share of a
    core. --heldout takes files of the packages that calibration does not use; with --calibrate, the others. --costs
    names a file with the engine's times on an idle machine; if it is missing, they are measured and written there.
    --answers keeps the model's answers for the next run. --real-time uses the engine's actual times. --workspace,
    --packages, --memory and --new-files are those of eval. The memory learns a line when it is finished.

matcoder eval --places PLACES [--json] [--model DIR]
    Measure every granularity in the engine: loss, agreement, lines completed. PLACES is a file of held-out places.
    \`python -m training.evaluate --places PLACES\` writes it and prints PyTorch's figures for the same places.

`;

/** The options of each command, apart from --help. */
const OPTIONS = new Map<string, readonly string[]>(
  Object.entries({
    complete: ['json', 'submodel', 'model', 'workspace'],
    inspect: ['json', 'machine', 'hardware', 'model'],
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
      policy: { type: 'string', default: 'auto,S,M,L,XL' },
      scenario: { type: 'string', default: 'quiet' },
      heldout: { type: 'string' },
      files: { type: 'string', default: '20' },
      'max-chars': { type: 'string' },
      places: { type: 'string' },
      language: { type: 'string' },
      submodels: { type: 'string', default: DEFAULT_SUBMODELS },
      each: { type: 'string', default: '3' },
      without: { type: 'string' },
      calibrate: { type: 'boolean', default: false },
      seed: { type: 'string', default: '1' },
      costs: { type: 'string' },
      answers: { type: 'string' },
      'real-time': { type: 'boolean', default: false },
      workspace: { type: 'string' },
      packages: { type: 'boolean', default: false },
      memory: { type: 'string', default: 'on' },
      'new-files': { type: 'boolean', default: false },
      model: { type: 'string', default: join(root, SHIPPED) },
      machine: { type: 'boolean', default: false },
      help: { type: 'boolean', short: 'h', default: false },
    },
  });
  const [command, ...rest] = positionals;
  if (values.help) {
    process.stdout.write(HELP);
    return;
  }
  for (const token of tokens) {
    if (token.kind === 'option' && command !== undefined && OPTIONS.get(command)?.includes(token.name) === false) {
      throw new UsageError(`${command} takes no ${token.rawName}; see --help`);
    }
  }
  const model = resolve(values.model);
  switch (command) {
    case 'complete': {
      const [place, ...more] = rest;
      if (place === undefined || more.length > 0) throw new UsageError('complete takes one FILE:LINE:COL');
      const completion = await complete(root, model, parsePlace(place), values.submodel, values.workspace);
      const { text, outcome } = completion;
      if (values.json) process.stdout.write(`${JSON.stringify(completion)}\n`);
      else if (text !== '') process.stdout.write(`${text}\n`);
      else process.stderr.write(`matcoder: nothing to show: ${outcome.reason}\n`);
      return;
    }
    case 'inspect': {
      if (rest.length > 0) throw new UsageError('inspect takes no file: name a checkpoint with --model DIR');
      if (values.machine && values.hardware) {
        throw new UsageError('inspect takes --machine or --hardware, not both');
      }
      if (values.machine) {
        const report = await inspectMachine(root);
        process.stdout.write(values.json ? `${JSON.stringify(report, null, 2)}\n` : `${machineTable(report)}\n`);
        return;
      }
      if (values.hardware) {
        const report = await inspectHardware(root, model);
        process.stdout.write(values.json ? `${JSON.stringify(report, null, 2)}\n` : `${hardwareTable(report)}\n`);
        return;
      }
      const rows = await inspect(model);
      process.stdout.write(values.json ? `${JSON.stringify(rows, null, 2)}\n` : `${table(rows)}\n`);
      return;
    }
    case 'eval': {
      const text = await evaluationCommand(root, model, {
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
        policies: values.policy.split(',').map((name) => name.trim()),
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
      const rows = await replayFiles(root, model, options, ({ scenario, policy, memory }) => {
        process.stderr.write(`${scenario}, ${policy}${memory ? `, memory ${memory}` : ''}: done\n`);
      });
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
  process.stderr.write(`matcoder: ${messageOf(usageFault(error, args))}\n`);
  process.exitCode = 1;
});
