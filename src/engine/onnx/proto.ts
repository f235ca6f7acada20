/** The part of ONNX's file format that we write: https://github.com/onnx/onnx/blob/main/onnx/onnx.proto */
import { PbfWriter } from 'pbf';

/** TensorProto.DataType */
export const ELEMENT = { float: 1, uint8: 2, int32: 6, int64: 7, float16: 10 } as const;
export type Element = keyof typeof ELEMENT;

/** A constant: values in the model itself, or a range of a file next to it. */
export interface Constant {
  readonly name: string;
  readonly element: Element;
  readonly shape: readonly number[];
  readonly values: Uint8Array | { readonly file: string; readonly offset: number; readonly bytes: number };
}

/** Numbers become FLOAT attributes if the name is in `FLOATS`, otherwise INT; arrays become INTS. */
export type Attributes = Readonly<Record<string, number | readonly number[]>>;

export interface Node {
  readonly operator: string;
  /** '' for ONNX's own operators. */
  readonly domain: '' | 'com.microsoft';
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly attributes: Attributes;
}

/** An input or output of the graph; a string names a dimension that is known at run time only. */
export interface GraphValue {
  readonly name: string;
  readonly element: Element;
  readonly shape: readonly (number | string)[];
}

export interface Graph {
  readonly nodes: readonly Node[];
  readonly constants: readonly Constant[];
  readonly inputs: readonly GraphValue[];
  readonly outputs: readonly GraphValue[];
}

const IR_VERSION = 10;
const OPSETS = [
  { domain: '', version: 21 },
  { domain: 'com.microsoft', version: 1 },
] as const;
const FLOATS = new Set(['epsilon', 'scale', 'alpha']);
const ATTRIBUTE_TYPE = { float: 1, int: 2, ints: 7 } as const;
const EXTERNAL = 1;

/** ModelProto as bytes. */
export function serialise(graph: Graph): Uint8Array {
  const out = new PbfWriter();
  out.writeVarintField(1, IR_VERSION);
  out.writeStringField(2, 'matcoder');
  out.writeMessage(7, writeGraph, graph);
  for (const opset of OPSETS) out.writeMessage(8, writeOpset, opset);
  return out.finish();
}

function writeOpset({ domain, version }: (typeof OPSETS)[number], out: PbfWriter): void {
  out.writeStringField(1, domain);
  out.writeVarintField(2, version);
}

function writeGraph({ nodes, constants, inputs, outputs }: Graph, out: PbfWriter): void {
  for (const node of nodes) out.writeMessage(1, writeNode, node);
  out.writeStringField(2, 'submodel');
  for (const constant of constants) out.writeMessage(5, writeTensor, constant);
  for (const input of inputs) out.writeMessage(11, writeValue, input);
  for (const output of outputs) out.writeMessage(12, writeValue, output);
}

function writeNode({ operator, domain, inputs, outputs, attributes }: Node, out: PbfWriter): void {
  for (const input of inputs) out.writeStringField(1, input);
  for (const output of outputs) out.writeStringField(2, output);
  out.writeStringField(3, outputs[0] ?? '');
  out.writeStringField(4, operator);
  for (const attribute of Object.entries(attributes)) out.writeMessage(5, writeAttribute, attribute);
  out.writeStringField(7, domain);
}

function writeAttribute([name, value]: [string, number | readonly number[]], out: PbfWriter): void {
  out.writeStringField(1, name);
  if (typeof value !== 'number') {
    for (const i of value) out.writeVarintField(8, i);
    out.writeVarintField(20, ATTRIBUTE_TYPE.ints);
  } else if (FLOATS.has(name)) {
    out.writeFloatField(2, value);
    out.writeVarintField(20, ATTRIBUTE_TYPE.float);
  } else {
    out.writeVarintField(3, value);
    out.writeVarintField(20, ATTRIBUTE_TYPE.int);
  }
}

function writeTensor({ name, element, shape, values }: Constant, out: PbfWriter): void {
  for (const n of shape) out.writeVarintField(1, n);
  out.writeVarintField(2, ELEMENT[element]);
  out.writeStringField(8, name);
  if (values instanceof Uint8Array) {
    out.writeBytesField(9, values);
    return;
  }
  const place = { location: values.file, offset: String(values.offset), length: String(values.bytes) };
  for (const entry of Object.entries(place)) out.writeMessage(13, writeEntry, entry);
  out.writeVarintField(14, EXTERNAL);
}

function writeEntry([key, value]: [string, string], out: PbfWriter): void {
  out.writeStringField(1, key);
  out.writeStringField(2, value);
}

function writeValue({ name, element, shape }: GraphValue, out: PbfWriter): void {
  out.writeStringField(1, name);
  // TypeProto, its tensor_type, its shape, a dimension
  out.writeMessage(
    2,
    (_, type) => {
      type.writeMessage(
        1,
        (_, tensor) => {
          tensor.writeVarintField(1, ELEMENT[element]);
          tensor.writeMessage(
            2,
            (_, dimensions) => {
              for (const n of shape) dimensions.writeMessage(1, writeDimension, n);
            },
            shape,
          );
        },
        shape,
      );
    },
    shape,
  );
}

function writeDimension(n: number | string, out: PbfWriter): void {
  if (typeof n === 'number') out.writeVarintField(1, n);
  else out.writeStringField(2, n);
}
