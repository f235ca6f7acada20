import { join } from 'node:path';
import { describeChoice } from '../engine/describe';
import {
  hardwareFile,
  type HardwareReport,
  inOrder,
  machineOf,
  typicalMs,
  whyNoGpu,
  writeReport,
} from '../engine/hardware';
import { detectHardware } from '../engine/probe';
import { openCheckpoint } from '../matlm/checkpoint';
import { layOut } from './table';

/** Try every backend with a checkpoint and store what was found, as the editor's command does. */
export async function inspectHardware(root: string, model: string): Promise<HardwareReport> {
  const { weightsFile } = await openCheckpoint(model);
  const hostFile = join(root, 'dist', 'engine.js');
  const machine = machineOf(root, weightsFile);
  const noGpu = whyNoGpu();
  const report = await detectHardware({ hostFile, root, modelFolder: model, threads: 0, machine, noGpu });
  writeReport(hardwareFile(), report);
  return report;
}

/** The report for a terminal, what is used first. */
export function hardwareTable(report: HardwareReport): string {
  const head = ['backend', 'prefill, XL', 'decode, XL', 'a line, XL', 'off by', 'at once'];
  const rows = inOrder(report).map((kept) => [
    kept.backend,
    `${(kept.costs.XL?.prefillMsPerToken ?? 0).toFixed(2)} ms/token`,
    `${(kept.costs.XL?.decodeMsPerToken ?? 0).toFixed(2)} ms/token`,
    `${typicalMs(kept).toFixed(1)} ms`,
    `${(100 * kept.error).toFixed(1)}%`,
    `${kept.prefillTokens} tokens`,
  ]);
  const aside = report.findings.flatMap((finding) =>
    finding.kept ? [] : [`${finding.backend} is put aside: ${finding.reason}`],
  );
  return [layOut([head, ...rows]), ...aside, describeChoice(report), report.machine]
    .filter((line) => line !== '')
    .join('\n');
}
