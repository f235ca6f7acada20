import { BackgroundProbe } from '../engine/backgroundProbe';
import type { HardwareReport } from '../engine/hardware';
import { hardwareFile, readReport, writeReport } from '../engine/hardwareFile';
import { detectHardware, type ProbeOptions } from '../engine/probe';
import { machineOf, whyNoGpu } from '../engine/thisMachine';
import type { Checkpoint } from '../matlm/checkpoint';
import type { HardwareProbes } from './parts';

/**
 * Probes of the processor and the GPU, each backend in a process of its own, and their stored reports.
 * @param root folder of the installation
 * @param hostFile bundle of the engine's process
 */
export function hardwareProbes(root: string, hostFile: string): HardwareProbes {
  const options = ({ folder, weightsFile }: Checkpoint, threads: number): ProbeOptions => ({
    hostFile,
    root,
    modelFolder: folder,
    threads,
    machine: machineOf(root, weightsFile),
    noGpu: whyNoGpu(),
  });
  return {
    stored: ({ weightsFile }): HardwareReport | undefined => readReport(hardwareFile(), machineOf(root, weightsFile)),
    store: (report) => {
      writeReport(hardwareFile(), report);
    },
    inBackground: (checkpoint, threads, events) =>
      new BackgroundProbe({ probe: options(checkpoint, threads), file: hardwareFile(), ...events }),
    detect: (checkpoint, threads, signal) => detectHardware({ ...options(checkpoint, threads), signal }),
  };
}
