import { join } from 'node:path';
import { describeChoice } from '../engine/describe';
import { coldMs, type HardwareReport, inOrder, typicalMs } from '../engine/hardware';
import { hardwareFile, writeReport } from '../engine/hardwareFile';
import { machineOf, whyNoGpu } from '../engine/thisMachine';
import { detectHardware } from '../engine/probe';
import { openCheckpoint } from '../matlm/checkpoint';
import { messageOf } from '../matlm/errors';
import { prefillMs } from '../matlm/submodel';
import { layOut } from './table';

/** Try every backend with a checkpoint and store the report, as the editor's command does. One that cannot be stored is shown. */
export async function inspectHardware(root: string, model: string): Promise<HardwareReport> {
  const { weightsFile } = await openCheckpoint(model);
  const hostFile = join(root, 'dist', 'engine.js');
  const machine = machineOf(root, weightsFile);
  const noGpu = whyNoGpu();
  const report = await detectHardware({ hostFile, root, modelFolder: model, threads: 0, machine, noGpu });
  try {
    writeReport(hardwareFile(), report);
  } catch (error) {
    process.stderr.write(`matcoder: the report is not stored, so that the editor probes again: ${messageOf(error)}\n`);
  }
  return report;
}

/** Of a prompt whose time is shown by the token. */
const PROMPT_TOKENS = 512;

/** The report for a terminal; the backend that is used comes first. */
export function hardwareTable(report: HardwareReport): string {
  const head = ['backend', 'prefill, XL', 'decode, XL', 'line, XL', 'first in a file, XL', 'error'];
  const rows = inOrder(report).map((kept) => [
    kept.backend,
    `${((kept.costs.XL ? prefillMs(kept.costs.XL, PROMPT_TOKENS) : 0) / PROMPT_TOKENS).toFixed(2)} ms/token`,
    `${(kept.costs.XL?.decodeMsPerToken ?? 0).toFixed(2)} ms/token`,
    `${typicalMs(kept).toFixed(1)} ms`,
    `${coldMs(kept).toFixed(1)} ms`,
    `${(100 * kept.error).toFixed(1)}%`,
  ]);
  const rejected = report.findings.flatMap((finding) =>
    finding.kept ? [] : [`${finding.backend} was rejected: ${finding.reason}`],
  );
  return [layOut([head, ...rows]), ...rejected, describeChoice(report), report.machine]
    .filter((line) => line !== '')
    .join('\n');
}
