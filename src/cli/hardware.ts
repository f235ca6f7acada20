import { join } from 'node:path';
import { describeChoice } from '../engine/describe';
import { type HardwareReport, inOrder, typicalMs } from '../engine/hardware';
import { hardwareFile, writeReport } from '../engine/hardwareFile';
import { machineOf, whyNoGpu } from '../engine/thisMachine';
import { detectHardware } from '../engine/probe';
import { openCheckpoint } from '../matlm/checkpoint';
import { layOut } from './table';

/** Try every backend with a checkpoint and store the report, as the editor's command does. */
export async function inspectHardware(root: string, model: string): Promise<HardwareReport> {
  const { weightsFile } = await openCheckpoint(model);
  const hostFile = join(root, 'dist', 'engine.js');
  const machine = machineOf(root, weightsFile);
  const noGpu = whyNoGpu();
  const report = await detectHardware({ hostFile, root, modelFolder: model, threads: 0, machine, noGpu });
  writeReport(hardwareFile(), report);
  return report;
}

/** The report for a terminal; the backend that is used comes first. */
export function hardwareTable(report: HardwareReport): string {
  const head = ['backend', 'prefill, XL', 'decode, XL', 'line, XL', 'error', 'chunk'];
  const rows = inOrder(report).map((kept) => [
    kept.backend,
    `${(kept.costs.XL?.prefillMsPerToken ?? 0).toFixed(2)} ms/token`,
    `${(kept.costs.XL?.decodeMsPerToken ?? 0).toFixed(2)} ms/token`,
    `${typicalMs(kept).toFixed(1)} ms`,
    `${(100 * kept.error).toFixed(1)}%`,
    `${kept.prefillTokens} tokens`,
  ]);
  const rejected = report.findings.flatMap((finding) =>
    finding.kept ? [] : [`${finding.backend} was rejected: ${finding.reason}`],
  );
  return [layOut([head, ...rows]), ...rejected, describeChoice(report), report.machine]
    .filter((line) => line !== '')
    .join('\n');
}
