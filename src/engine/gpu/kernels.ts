import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { firstLineOf } from '../processEnd';
import { type GpuDevice, GpuError } from './device';
import type { MatrixForm } from './matrix';

/** What a kernel does with a buffer. */
type Use = 'read' | 'write' | 'uniform';

/** A kernel: the files of kernels/ that it is made of, and its buffers in their order (group 1). */
interface KernelSource {
  readonly files: readonly string[];
  readonly uses: readonly Use[];
}

const PRODUCT: readonly Use[] = ['read', 'read', 'read', 'read', 'uniform'];

/** `FORM`, `DOT` and `REDUCE` stand for those of the matrix and of the card. */
const SOURCES = {
  embed: { files: ['FORM', 'embed'], uses: ['read', 'read', 'read', 'write'] },
  norm: { files: ['quantise', 'REDUCE', 'norm'], uses: ['read', 'read', 'write', 'write'] },
  storeOne: { files: ['DOT', 'FORM', 'matvec', 'store'], uses: [...PRODUCT, 'write', 'read'] },
  storeTile: { files: ['DOT', 'FORM', 'matmul', 'store'], uses: [...PRODUCT, 'write', 'read'] },
  addOne: { files: ['DOT', 'FORM', 'matvec', 'add'], uses: [...PRODUCT, 'write', 'read'] },
  addTile: { files: ['DOT', 'FORM', 'matmul', 'add'], uses: [...PRODUCT, 'write', 'read'] },
  gateUpOne: { files: ['DOT', 'FORM', 'quantise', 'matvec', 'gate_up'], uses: [...PRODUCT, 'write', 'write'] },
  gateUpTile: { files: ['DOT', 'FORM', 'quantise', 'matmul', 'gate_up'], uses: [...PRODUCT, 'write', 'write'] },
  rope: { files: ['quantise', 'REDUCE', 'rope'], uses: ['write', 'read', 'read', 'write', 'write'] },
  attention: { files: ['quantise', 'REDUCE', 'attention'], uses: ['read', 'read', 'read', 'write', 'write'] },
  compensate: { files: ['FORM', 'compensate'], uses: ['read', 'read', 'read', 'uniform', 'write'] },
  likeliest: { files: ['joined', 'likeliest'], uses: ['read', 'write'] },
  choose: { files: ['joined', 'choose'], uses: ['read', 'write', 'write'] },
} as const satisfies Record<string, KernelSource>;

export type KernelName = keyof typeof SOURCES;

/** The values of a kernel's `override` declarations. */
export type Constants = Readonly<Record<string, number | boolean>>;

/** A kernel with its constants, ready to run. */
export interface Kernel {
  readonly pipeline: GPUComputePipeline;
  readonly layout: GPUBindGroupLayout;
}

/** Compiles the kernels of one model. Those with the same constants are compiled once. */
export class Kernels {
  /** Of the `Pass`, at a dynamic offset. */
  readonly passLayout: GPUBindGroupLayout;
  private readonly layouts = new Map<string, GPUBindGroupLayout>();
  private readonly compiled = new Map<string, Promise<Kernel>>();

  /** @param root the folder that holds `dist/kernels` */
  constructor(
    private readonly root: string,
    private readonly gpu: GpuDevice,
  ) {
    const { device, constants } = gpu;
    const visibility = constants.GPUShaderStage.COMPUTE;
    const buffer = { type: 'uniform', hasDynamicOffset: true } as const;
    this.passLayout = device.createBindGroupLayout({ entries: [{ binding: 0, visibility, buffer }] });
  }

  /**
   * @param form of its matrix, if it has one
   * @throws {GpuError} with the driver's message if it does not compile
   */
  compile(name: KernelName, constants: Constants, form: MatrixForm = 'rows8'): Promise<Kernel> {
    const key = JSON.stringify([name, constants, form]);
    const compiled = this.compiled.get(key) ?? this.build(name, constants, form);
    this.compiled.set(key, compiled);
    return compiled;
  }

  private async build(name: KernelName, constants: Constants, form: MatrixForm): Promise<Kernel> {
    const { device, hasDot4, hasSubgroups } = this.gpu;
    const { files, uses } = SOURCES[name];
    const variants: Record<string, string> = {
      FORM: form,
      DOT: hasDot4 ? 'dot' : 'dot_emulated',
      REDUCE: hasSubgroups ? 'reduce_subgroups' : 'reduce',
    };
    const parts = ['pass', ...files].map((file) =>
      readFileSync(join(this.root, 'dist', 'kernels', `${variants[file] ?? file}.wgsl`), 'utf8'),
    );
    // It has to be the first line.
    const code = [...(hasSubgroups ? ['enable subgroups;'] : []), ...parts].join('\n');
    const layout = this.layoutOf(uses);
    const bindGroupLayouts = [this.passLayout, layout];
    device.pushErrorScope('validation');
    const module = device.createShaderModule({ code });
    const fault = await device.popErrorScope();
    if (fault) throw this.refused(name, fault.message);
    try {
      const pipeline = await device.createComputePipelineAsync({
        layout: device.createPipelineLayout({ bindGroupLayouts }),
        compute: {
          module,
          constants: Object.fromEntries(Object.entries(constants).map(([of, value]) => [of, Number(value)])),
        },
      });
      return { pipeline, layout };
    } catch (error) {
      this.gpu.check();
      throw this.refused(name, (error as Error).message);
    }
  }

  private refused(name: KernelName, message: string): GpuError {
    return new GpuError(`the driver does not compile the kernel ${name} (${firstLineOf(message)})`);
  }

  private layoutOf(uses: readonly Use[]): GPUBindGroupLayout {
    const key = uses.join();
    const visibility = this.gpu.constants.GPUShaderStage.COMPUTE;
    const layout =
      this.layouts.get(key) ??
      this.gpu.device.createBindGroupLayout({
        entries: uses.map((use, binding) => ({ binding, visibility, buffer: { type: TYPES[use] } })),
      });
    this.layouts.set(key, layout);
    return layout;
  }
}

const TYPES = { read: 'read-only-storage', write: 'storage', uniform: 'uniform' } as const;
