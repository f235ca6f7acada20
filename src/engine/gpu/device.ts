/// <reference types="@webgpu/types" />
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { loadAddon } from '../loadAddon';
import { firstLineOf } from '../processEnd';
import { thisTarget } from '../target';

/** The card, its driver or the addon does not do what the backend needs. The message names the fault. */
export class GpuError extends Error {
  override readonly name = 'GpuError';
}

/** What a model needs of a card. */
export interface GpuNeeds {
  /** Bytes of the largest buffer. */
  readonly bufferBytes: number;
  /** Bytes of the largest range that a kernel reads. */
  readonly bindingBytes: number;
}

/** Flags of buffers and so on, which are globals in a browser. */
interface GpuConstants {
  readonly GPUBufferUsage: typeof GPUBufferUsage;
  readonly GPUMapMode: typeof GPUMapMode;
  readonly GPUShaderStage: typeof GPUShaderStage;
}

/** The addon of the package `webgpu`, which is Dawn. */
interface Dawn {
  readonly create: (options: readonly string[]) => GPU;
  readonly globals: GpuConstants;
}

/** A card that is open. */
export class GpuDevice {
  /** The first fault that no call reported: a loss of the device, or an error of a command. */
  private found: string | undefined;
  private isDestroyed = false;

  constructor(
    readonly device: GPUDevice,
    readonly constants: GpuConstants,
    /** Whether the kernels may use `dot4I8Packed`. */
    readonly hasDot4: boolean,
    /** Whether they may use operations on subgroups, and know which invocations are one. */
    readonly hasSubgroups: boolean,
    /** Whether the processor does the work. */
    readonly isSoftware: boolean,
    /** Dawn ends everything when this is collected. */
    protected readonly owner: GPU,
  ) {
    void device.lost.then(({ message }) => {
      if (!this.isDestroyed) this.found ??= `the graphics card was lost (${firstLineOf(message)})`;
    });
    device.addEventListener('uncapturederror', (event) => {
      this.found ??= `the graphics card reports an error (${firstLineOf(event.error.message)})`;
    });
  }

  /** @throws {GpuError} if the card can no longer be used */
  check(): void {
    if (this.found !== undefined) throw new GpuError(this.found);
  }

  /**
   * What a call creates that needs memory of the card.
   * @throws {GpuError} if there is too little
   */
  async allocated<Result>(create: () => Result): Promise<Result> {
    this.device.pushErrorScope('out-of-memory');
    const created = create();
    if (await this.device.popErrorScope()) {
      throw new GpuError('the graphics card has too little memory for the model: use a smaller model or the processor');
    }
    return created;
  }

  /** @throws {GpuError} the fault of the card rather than that of a call that met it */
  async working<Result>(work: Promise<Result>): Promise<Result> {
    try {
      return await work;
    } catch (error) {
      // A loss is reported after the call that met it.
      await setImmediate();
      this.check();
      throw new GpuError(firstLineOf((error as Error).message));
    } finally {
      this.check();
    }
  }

  destroy(): void {
    this.isDestroyed = true;
    this.device.destroy();
  }
}

/**
 * Open the graphics card that the system prefers for heavy work.
 * @param root the folder that holds `prebuilds/`, or `node_modules/` in a source tree
 * @throws {GpuError} if there is none, or if it lacks what is needed
 * @throws {AddonError} if the native engine does not load, which the library of WebGPU needs
 */
export async function openDevice(root: string, needs: GpuNeeds): Promise<GpuDevice> {
  const { create, globals } = loadDawn(root);
  const gpu = create([]);
  const adapter = await gpu.requestAdapter({ powerPreference: 'high-performance' });
  if (!adapter) throw new GpuError('no graphics card with a driver for Vulkan, Metal or Direct3D 12 was found');
  const limits = limitsFor(needs, adapter.limits);
  try {
    const { wgslLanguageFeatures: language } = gpu;
    const hasSubgroups = adapter.features.has('subgroups') && language.has('subgroup_id');
    const device = await adapter.requestDevice({
      requiredLimits: limits,
      requiredFeatures: hasSubgroups ? ['subgroups'] : [],
    });
    const hasDot4 = language.has('packed_4x8_integer_dot_product');
    return new GpuDevice(device, globals, hasDot4, hasSubgroups, adapter.info.isFallbackAdapter, gpu);
  } catch (error) {
    throw new GpuError(`the graphics card cannot be opened (${firstLineOf((error as Error).message)})`);
  }
}

/**
 * The limits to ask for: those that every card has, unless more is needed.
 * @throws {GpuError} naming the limit that a card lacks
 */
export function limitsFor(
  { bufferBytes, bindingBytes }: GpuNeeds,
  limits: Pick<GPUSupportedLimits, 'maxBufferSize' | 'maxStorageBufferBindingSize'>,
): Record<string, number> {
  const needed = { maxBufferSize: bufferBytes, maxStorageBufferBindingSize: bindingBytes };
  for (const [name, bytes] of Object.entries(needed)) {
    const most = limits[name as keyof typeof needed];
    if (bytes > most) {
      const [has, lacks] = [most, bytes].map((n) => (n / 2 ** 20).toFixed(0));
      throw new GpuError(
        `the graphics card's ${name} is ${has ?? ''} MiB, but the model needs ${lacks ?? ''}: use a smaller model or the processor`,
      );
    }
  }
  return {
    maxBufferSize: Math.max(bufferBytes, DEFAULT_BUFFER_BYTES),
    maxStorageBufferBindingSize: Math.max(bindingBytes, DEFAULT_BINDING_BYTES),
  };
}

/** What WebGPU promises on every card. */
const DEFAULT_BUFFER_BYTES = 2 ** 28;
const DEFAULT_BINDING_BYTES = 2 ** 27;

/**
 * The package's own entry is an ECMAScript module, which a bundle cannot load synchronously. On Windows the package's library imports
 * from our addon, which is therefore loaded first.
 */
function loadDawn(root: string): Dawn {
  const folder = process.platform === 'darwin' ? 'darwin-universal' : `${process.platform}-${process.arch}`;
  const target = thisTarget();
  if (target.startsWith('alpine-'))
    throw new GpuError('there is no library of WebGPU for Alpine, because it needs glibc: the processor is used');
  const addon = loadAddon(root);
  try {
    const require = createRequire(join(root, 'prebuilds', target, 'index.js'));
    const file = require.resolve(`webgpu/dist/${folder}/dawn.node`);
    const dawn = require(file) as Dawn;
    // The bytes of a buffer are in memory of the driver. They are only read: see `createFilled`.
    addon.copyRefusedMemory(file);
    return dawn;
  } catch (error) {
    const fault = firstLineOf((error as Error).message);
    const remedy = fault.includes('GLIBC')
      ? 'this system is too old for graphics cards, so the processor is used'
      : 'install MatCoder again, or use the processor';
    throw new GpuError(`the library of WebGPU does not load for ${target} (${fault}): ${remedy}`);
  }
}
