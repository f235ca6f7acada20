/** What a card and its driver can do, whatever the model: what a dispatch costs, and how fast the memory is. */
import { openDevice } from '../../src/engine/gpu/device';

export interface CardFacts {
  readonly vendor: string;
  readonly architecture: string;
  readonly description: string;
  readonly isSoftware: boolean;
  readonly features: readonly string[];
  /** Microseconds to record a dispatch, and to record and run it, in one pass of a thousand. */
  readonly encodeUs: number;
  readonly dispatchUs: number;
  /** Microseconds of a submit with one dispatch, until the processor knows that it has ended. */
  readonly submitUs: number;
  /** Read and written by a copy within the card's memory, 10^9 bytes a second. */
  readonly copyGigabytesPerSecond: number;
}

const NOTHING = `@group(0) @binding(0) var<storage, read_write> out: array<u32>;
@compute @workgroup_size(64) fn main(@builtin(local_invocation_index) i: u32) { out[i] = i; }`;

/** @param copyBytes of each of the two buffers of the copy */
export async function cardFacts(root: string, copyBytes: number, dispatches: number): Promise<CardFacts> {
  const gpu = await openDevice(root, { bufferBytes: copyBytes, bindingBytes: 256 });
  const { device, constants } = gpu;
  const { STORAGE, COPY_SRC, COPY_DST } = constants.GPUBufferUsage;
  const done = () => device.queue.onSubmittedWorkDone();
  const info = device.adapterInfo;

  const small = device.createBuffer({ size: 256, usage: STORAGE });
  const module = device.createShaderModule({ code: NOTHING });
  const pipeline = await device.createComputePipelineAsync({ layout: 'auto', compute: { module } });
  const layout = pipeline.getBindGroupLayout(0);
  const buffers = device.createBindGroup({ layout, entries: [{ binding: 0, resource: { buffer: small } }] });
  const pass = async (count: number) => {
    const start = performance.now();
    const encoder = device.createCommandEncoder();
    const pass = encoder.beginComputePass();
    for (let i = 0; i < count; i++) {
      // As the engine does between any two kernels.
      pass.setPipeline(pipeline);
      pass.setBindGroup(0, buffers);
      pass.dispatchWorkgroups(1);
    }
    pass.end();
    const commands = encoder.finish();
    const encodeMs = performance.now() - start;
    device.queue.submit([commands]);
    await done();
    return { encodeMs, ms: performance.now() - start };
  };
  const best = async (count: number) => {
    await pass(count);
    const runs = [await pass(count), await pass(count), await pass(count)];
    return { encodeMs: Math.min(...runs.map((run) => run.encodeMs)), ms: Math.min(...runs.map((run) => run.ms)) };
  };
  const [one, many] = [await best(1), await best(dispatches)];

  const usage = COPY_SRC | COPY_DST;
  const [from, to] = [device.createBuffer({ size: copyBytes, usage }), device.createBuffer({ size: copyBytes, usage })];
  const copies = async (count: number) => {
    const start = performance.now();
    const encoder = device.createCommandEncoder();
    for (let i = 0; i < count; i++) encoder.copyBufferToBuffer(from, 0, to, 0, copyBytes);
    device.queue.submit([encoder.finish()]);
    await done();
    return performance.now() - start;
  };
  await copies(2);
  const shortest = async (count: number) => Math.min(await copies(count), await copies(count), await copies(count));
  const [few, more] = [await shortest(2), await shortest(10)];
  // A busy processor can hide the difference of small copies.
  const [moved, ms] = more > few ? [8, more - few] : [10, more];
  await gpu.working(done());
  gpu.destroy();
  return {
    ...{ vendor: info.vendor, architecture: info.architecture, description: info.description },
    isSoftware: gpu.isSoftware,
    features: [...device.features].sort(),
    encodeUs: (1000 * many.encodeMs) / dispatches,
    dispatchUs: (1000 * (many.ms - one.ms)) / (dispatches - 1),
    submitUs: 1000 * one.ms,
    copyGigabytesPerSecond: (moved * 2 * copyBytes) / ms / 1e6,
  };
}
