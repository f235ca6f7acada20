import type { EngineState } from '../../engine/client';
import type { EngineInfo } from '../../engine/engine';
import { type HardwareReport, inOrder, typicalMs } from '../../engine/hardware';
import type { MachineState } from '../../machine/state';
import { allSizes, type UsageCounts } from '../../statistics/counts';
import type { LibraryModel } from '../../models/library';
import { moreBitsOf } from '../../models/modelSizes';
import { percentile } from '../../statistics/latencies';
import type { SearchProgress } from '../../search/search';
import type { MemorySummary } from '../../workspace/memory/summary';
import type { OutcomeCount } from './outcomeCounts';
import { type Private, withoutPrivate } from './redact';

/** Everything that the diagnostics tell. Times in ms, sizes in bytes. */
export interface DiagnosticsFacts {
  readonly versions: {
    readonly extension: string;
    /** Platforms for which the installed package has an engine. */
    readonly packageTargets: readonly string[];
    readonly vscode: string;
    /** Name of the program, such as VSCodium. */
    readonly program: string;
    /** Where the extension runs: `desktop`, or the kind of remote machine. */
    readonly host: string;
    readonly language: string;
  };
  readonly system: {
    readonly platform: string;
    readonly release: string;
    readonly arch: string;
    /** Of Linux only. */
    readonly libc: string | undefined;
    readonly processor: string;
    readonly threads: number;
    readonly memoryBytes: number;
  };
  readonly window: { readonly folders: number; readonly isTrusted: boolean; readonly openForMs: number };
  readonly engine: EngineState;
  /** Restarts of its process after a fault, in this window. */
  readonly restarts: { readonly count: number; readonly lastReason: string | undefined };
  readonly hardware: HardwareReport | undefined;
  readonly models: readonly ReportedModel[];
  /** The named sizes, smallest first, with the time of a typical completion now. */
  readonly sizes: readonly { readonly name: string; readonly predictedMs: number | undefined }[];
  readonly total: UsageCounts;
  /** Those that differ from their defaults, one line each. */
  readonly settings: readonly string[];
  readonly sensors: MachineState | undefined;
  readonly outcomes: readonly OutcomeCount[];
  readonly memory: MemorySummary;
  readonly search: SearchProgress;
  /** What may not be in it. */
  readonly secret: Private;
}

/** An imported model. Its name is the user's own. */
export type ReportedModel = Pick<
  LibraryModel,
  'family' | 'parameters' | 'bits' | 'diskBytes' | 'broken' | 'isPrefixOnly' | 'measured' | 'sizes' | 'elasticity'
> & { readonly isInUse: boolean };

/**
 * One text for a report of a fault, in English like the log. It has no text of files, and no paths and names: all messages
 * go through `withoutPrivate`.
 */
export function diagnosticsReport(facts: DiagnosticsFacts): string {
  const { versions, system, window, settings, memory, secret } = facts;
  const message = (text: string) => withoutPrivate(text, secret);
  const sections: readonly (readonly [title: string, lines: readonly string[]])[] = [
    [
      'Versions',
      [
        `MatCoder ${versions.extension}, package for ${versions.packageTargets.join(', ') || 'no platform'}`,
        `${versions.program} ${versions.vscode}, on ${versions.host}, language ${versions.language}`,
        [`${system.platform} ${system.release}`, system.arch, ...(system.libc ? [system.libc] : [])].join(', '),
        `${system.processor}, ${system.threads} threads, ${gigabytes(system.memoryBytes)} of memory`,
      ],
    ],
    ['Engine', engineLines(facts, message)],
    ['Sizes', sizeLines(facts)],
    ['Imported models', facts.models.length > 0 ? facts.models.map(modelLine) : ['none']],
    ['Hardware probe', hardwareLines(facts.hardware, message)],
    ['Machine', machineLines(facts.sensors)],
    ['Settings that differ from their defaults', settings.length > 0 ? settings : ['none']],
    ['Requests in this window', outcomeLines(facts.outcomes, message)],
    ['Workspace memory', [memoryLine(memory)]],
    ['Search by meaning', [searchLine(facts.search, message)]],
    [
      'Window',
      [
        `folders: ${window.folders}, ${window.isTrusted ? 'trusted' : 'not trusted'}, ` +
          `open for ${Math.round(window.openForMs / 60_000)} min`,
      ],
    ],
  ];
  return sections.map(([title, lines]) => `### ${title}\n\n${lines.map((line) => `- ${line}\n`).join('')}`).join('\n');
}

type Redact = (text: string) => string;

function engineLines({ engine, restarts }: DiagnosticsFacts, message: Redact): string[] {
  const state = 'reason' in engine ? `${engine.kind}: ${message(engine.reason)}` : engine.kind;
  const last = restarts.lastReason === undefined ? '' : `, the last because ${message(restarts.lastReason)}`;
  return [
    `state: ${state}`,
    ...(engine.kind === 'ready' ? backendLines(engine.info, message) : []),
    `restarts after a fault: ${restarts.count}${last}`,
  ];
}

function backendLines(info: EngineInfo, message: Redact): string[] {
  const { backend, isa, threads, weightBytes, kvCacheBytes, rejected, yielded } = info;
  return [
    `backend: ${backend}, instruction set: ${isa}, threads: ${threads}`,
    `weights: ${megabytes(weightBytes)}, key-value cache: ${megabytes(kvCacheBytes)}`,
    ...rejected.map((other) => `not in use: ${other.backend}, because ${message(other.reason)}`),
    ...(yielded ? [`paused: ${yielded.backend}, because ${message(yielded.reason)}`] : []),
  ];
}

function sizeLines({ engine, sizes, total }: DiagnosticsFacts): string[] {
  const costs = new Map(engine.kind === 'ready' ? Object.entries(engine.info.costs) : []);
  const used = new Map(Object.entries(total.sizes));
  const names = [...new Set([...sizes.map(({ name }) => name), ...used.keys()])];
  const predicted = new Map(sizes.map(({ name, predictedMs }) => [name, predictedMs]));
  const isOurs = (name: string) => sizes.some((size) => size.name === name) || /^X*[SML][+-]?$/.test(name);
  const lines = names.map((name) => {
    const cost = costs.get(name);
    const usage = used.get(name);
    const median = usage && percentile(usage.latencies, 0.5);
    const slow = usage && percentile(usage.latencies, 0.95);
    return [
      `${isOurs(name) ? name : anonymous(name)}: a typical completion ${time(predicted.get(name))}`,
      ...(cost
        ? [
            `measured at the start: prefill ${figure(cost.prefillMsPerToken)}, decode ${figure(cost.decodeMsPerToken)} ms a token`,
          ]
        : []),
      ...(cost?.gpuPrefill
        ? [
            `prefill on the GPU: ${figure(cost.gpuPrefill.startMs)} ms and ${figure(cost.gpuPrefill.msPerToken)} ms a token`,
          ]
        : []),
      ...(usage
        ? [
            `requests in thirty days: ${usage.requests}, median ${time(median)}, 95% within ${time(slow)}, ` +
              `${usage.accepted} of ${usage.shown} accepted`,
          ]
        : []),
    ].join('; ');
  });
  const { shown, accepted } = allSizes(total);
  return [...(lines.length > 0 ? lines : ['no model is open']), `all sizes: ${accepted} of ${shown} accepted`];
}

/** The name is the user's own. */
function anonymous(name: string): string {
  const [, size] = / ([SML])$/.exec(name) ?? [];
  return size === undefined ? 'an imported model' : `an imported model, ${size}`;
}

function modelLine(model: ReportedModel): string {
  const { family, parameters, bits, diskBytes, broken, isPrefixOnly, isInUse, measured, sizes, elasticity } = model;
  const { typicalMs, bitsPerByte: read } = measured;
  return [
    // It is of a file that the user chose.
    /^[\w .-]{1,30}$/.test(family) ? family : 'unknown family',
    ...(parameters === undefined ? [] : [`${Math.round(parameters / 1e6)} million parameters`]),
    ...(bits === undefined ? [] : [`${bits} bits`]),
    megabytes(diskBytes),
    isPrefixOnly ? 'prefix alone' : 'prefix and suffix',
    ...(isInUse ? ['in use'] : []),
    ...(broken === undefined ? [] : [`broken: ${broken}`]),
    `a typical completion ${time(typicalMs)}`,
    ...(read === undefined ? [] : [`${perByte(read.own)} bits per byte, the shipped model ${perByte(read.shipped)}`]),
    ...(read?.withMemory === undefined ? [] : [`${perByte(read.withMemory)} with the workspace memory`]),
    ...sizes.map((size) => {
      const more = moreBitsOf(size, sizes);
      const bitsMore = more === undefined ? 'not measured' : `${figure(100 * more)}% more bits`;
      return `${size.name} ${percentage(size.ffnShare)} of the FFN ${bitsMore}`;
    }),
    ...(elasticity ? [`sizes found on ${elasticity.sample === 'bundled' ? 'the sample' : 'files of the user'}`] : []),
  ].join(', ');
}

function hardwareLines(report: HardwareReport | undefined, message: Redact): string[] {
  if (!report) return ['not done yet'];
  const kept = inOrder(report).map(
    (finding) =>
      `${finding.backend}: ${time(typicalMs(finding))} per line with XL, error ${figure(100 * finding.error)}%`,
  );
  const others = report.findings.flatMap((finding) =>
    finding.kept ? [] : [`${finding.backend}: rejected, because ${message(finding.reason)}`],
  );
  return [...(report.unfinished ? ['begun and not finished'] : []), ...kept, ...others];
}

function machineLines(state: MachineState | undefined): string[] {
  if (!state) return ['no reading'];
  const { gpu } = state;
  const charge = state.chargeShare === undefined ? '' : `, ${percentage(state.chargeShare)} charged`;
  return [
    `power: ${state.powerSource}${charge}; low-power mode: ${onOff(state.lowPower)}; heat: ${state.thermal}`,
    `processor used by other programs: ${percentage(state.cpuBusyByOthersShare)}; waiting for a core: ` +
      percentage(state.cpuPressureShare),
    gpu ? `GPU: ${gpu.name}, used by other programs: ${percentage(gpu.busyByOthersShare)}` : 'GPU: none is known',
  ];
}

function outcomeLines(outcomes: readonly OutcomeCount[], message: Redact): string[] {
  if (outcomes.length === 0) return ['none yet'];
  return outcomes.map(({ outcome, count }) => `${count} × ${message(outcome)}`);
}

function memoryLine({ state, files, unread, bytes, leftOut, isTruncated }: MemorySummary): string {
  const out = Object.entries(leftOut).map(([reason, count]) => `, ${count} left out: ${reason}`);
  return (
    `${state}, files: ${files}, ${megabytes(bytes)}, ${unread} unread${out.join('')}` +
    (isTruncated ? ', only the nearest files of a larger workspace' : '')
  );
}

function searchLine(progress: SearchProgress, message: Redact): string {
  const { now, filesRead, filesDone, filesFound, chunks, pictures, bytes, isTruncated, notice } = progress;
  const why = now.state === 'waiting' ? `: ${now.for}` : now.state === 'unavailable' ? `: ${message(now.fault)}` : '';
  return (
    `${now.state}${why}, ${filesFound} files, ${filesRead} read, ${filesDone} embedded, ${chunks} pieces of code, ${pictures} pictures, ${megabytes(bytes)}` +
    (isTruncated ? ', more than the index takes' : '') +
    (notice === undefined ? '' : `, ${message(notice)}`)
  );
}

function time(ms: number | undefined): string {
  return ms === undefined ? 'not measured' : `${ms < 10 ? ms.toFixed(1) : Math.round(ms)} ms`;
}

function perByte(value: number | undefined): string {
  return value === undefined ? 'not measured' : value.toFixed(3);
}

function figure(value: number): string {
  return value.toPrecision(2);
}

function percentage(share: number | undefined): string {
  return share === undefined ? 'unknown' : `${Math.round(100 * share)}%`;
}

function onOff(value: boolean | 'unknown'): string {
  return value === 'unknown' ? value : value ? 'on' : 'off';
}

function megabytes(bytes: number): string {
  return `${(bytes / 1e6).toFixed(1)} MB`;
}

function gigabytes(bytes: number): string {
  return `${(bytes / 1e9).toFixed(1)} GB`;
}
