/** Dawn's addon as the engine loads it in this process, with its calls counted. */
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { ROOT } from './harness';

interface Gpu {
  requestAdapter(options: object): Promise<unknown>;
  readonly wgslLanguageFeatures: ReadonlySet<string>;
}

interface Class {
  prototype: Record<string, (...args: unknown[]) => unknown>;
}

const addon = createRequire(join(ROOT, 'package.json'))(`webgpu/dist/linux-${process.arch}/dawn.node`) as {
  create: (options: readonly string[]) => Gpu;
  globals: Record<string, Class>;
};

/** Calls since the process began. */
export const counts = { dispatches: 0, submits: 0, destroyedBuffers: 0 };

/** Of each buffer that was created. */
export const bufferBytes: number[] = [];

/** The devices that were opened. */
export const devices: { destroy(): void; readonly features: ReadonlySet<string> }[] = [];

/** What cards are said to be like from now on. */
export const dawn = {
  lacksExtensions: false,
  /** Options of Dawn: with `backend=null` it does everything but compute, so that many requests are quick. */
  options: [] as string[],
  /** Bytes of a buffer for which the driver has memory. The one in software never runs out. */
  largestBuffer: Infinity,
};

function whenCalled(name: string, method: string, hear: (result: unknown) => void): void {
  const { prototype } = addon.globals[name]!;
  const original = prototype[method]!;
  prototype[method] = function (this: unknown, ...args) {
    const result = original.apply(this, args);
    hear(result);
    return result;
  };
}

/** Where nothing is computed, nothing is cleared either. */
function clearWithoutDriver(): void {
  const { prototype } = addon.globals.GPUDevice!;
  const create = prototype.createBuffer!;
  prototype.createBuffer = function (this: unknown, ...args) {
    const [descriptor] = args as [{ mappedAtCreation?: boolean }];
    if (!dawn.options.includes('backend=null') || descriptor.mappedAtCreation) return create.apply(this, args);
    const buffer = create.call(this, { ...descriptor, mappedAtCreation: true }) as {
      getMappedRange(): ArrayBuffer;
      unmap(): void;
    };
    new Uint8Array(buffer.getMappedRange()).fill(0);
    buffer.unmap();
    return buffer;
  };
}

clearWithoutDriver();
whenCalled('GPUDevice', 'createBuffer', (buffer) => bufferBytes.push((buffer as { size: number }).size));
/** As a driver reports it. */
function runOutOfMemory(): void {
  const { prototype } = addon.globals.GPUDevice!;
  const pop = prototype.popErrorScope!;
  prototype.popErrorScope = async function (this: unknown, ...args) {
    const error = await pop.apply(this, args);
    return (bufferBytes.at(-1) ?? 0) > dawn.largestBuffer ? { message: 'out of memory' } : error;
  };
}

runOutOfMemory();
whenCalled('GPUBuffer', 'destroy', () => counts.destroyedBuffers++);
whenCalled('GPUComputePassEncoder', 'dispatchWorkgroups', () => counts.dispatches++);
whenCalled('GPUQueue', 'submit', () => counts.submits++);
whenCalled('GPUAdapter', 'requestDevice', (result) => {
  void (result as Promise<(typeof devices)[number]>).then((device) => devices.push(device));
});

const { create } = addon;
addon.create = (options) => {
  const gpu = create([...options, ...dawn.options]);
  return {
    requestAdapter: (wanted) => gpu.requestAdapter(wanted),
    get wgslLanguageFeatures() {
      return dawn.lacksExtensions ? new Set<string>() : gpu.wgslLanguageFeatures;
    },
  };
};
