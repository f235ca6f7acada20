"""A GGUF file of Llama's family with only the first hidden units of each feed-forward block: a submodel for llama.cpp.

    python -m bench.narrowed IN.gguf UNITS OUT.gguf
"""

import sys
from pathlib import Path

import gguf
import numpy as np
from gguf import GGML_QUANT_SIZES, GGUFValueType


def narrowed(tensor: gguf.ReaderTensor, units: int) -> np.ndarray:
    """Rows of bytes or numbers: the first rows of `gate` and `up`, the first columns of `down`, others whole."""
    if ".ffn_gate." in tensor.name or ".ffn_up." in tensor.name:
        return tensor.data[:units]
    if ".ffn_down." in tensor.name:
        weights, size = GGML_QUANT_SIZES[tensor.tensor_type]
        if units % weights != 0:
            raise SystemExit(f"{units} units: expected a multiple of {weights}, in which {tensor.name} has its scales")
        values = units // weights * size // tensor.data.itemsize
        return np.ascontiguousarray(tensor.data[:, :values])
    return tensor.data


def main(source: Path, units: int, out: Path) -> None:
    if out.exists():
        return
    reader = gguf.GGUFReader(source)
    architecture = reader.fields["general.architecture"].contents()
    out.parent.mkdir(parents=True, exist_ok=True)
    partial = out.with_suffix(".partial")
    writer = gguf.GGUFWriter(partial, architecture)
    for key, field in reader.fields.items():
        if key.startswith("GGUF.") or key == "general.architecture":
            continue
        value = units if key == f"{architecture}.feed_forward_length" else field.contents()
        kind, *inner = field.types
        writer.add_key_value(key, value, kind, inner[-1] if kind == GGUFValueType.ARRAY else None)
    for tensor in reader.tensors:
        if "ffn_" in tensor.name and tensor.name.endswith(".bias"):
            raise SystemExit(f"{tensor.name}: a bias of a feed-forward block is not cut")
        writer.add_tensor(tensor.name, narrowed(tensor, units), raw_dtype=tensor.tensor_type)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    partial.rename(out)


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), Path(sys.argv[3]))
