"""A checkpoint for other runtimes: one submodel as a plain Qwen3, or the whole with the names of its submodels.

Notable:
- `huggingface` is a folder that `transformers` loads, `safetensors` its weights in one file, `gguf` the file of
  llama.cpp;
- those formats know one FFN width for all layers: narrower layers are filled up with zeros, which changes no logit,
  and layers of width 0 are left out;
- `nested` is XL with the submodels and the format of the prompt in keys of our own, which other runtimes ignore and
  `matcoder import` reads;
- llama.cpp splits text by one of the splits it was built with, and the one for this tokenizer is not among them: send
  it token ids if the text must be split alike. The file has the tokenizer.json too, under GGUF's own key.

    python -m training.submodel --submodel S --format gguf --dtype q8_0 --out build/S.gguf
    python -m training.submodel --submodel 128,0,256,256,512,512 --format huggingface --out build/mix
    python -m training.submodel --submodel nested --format gguf --dtype f16 --out build/nested.gguf
"""

import argparse
import json
import shutil
from dataclasses import replace
from pathlib import Path

import gguf
import numpy as np
import torch
import torch.nn.functional as F
from safetensors.torch import save_file
from torch import Tensor

from training.export import SHIPPED, hugging_face_tensors, load_exported, qwen3_json
from training.gguf_file import add_shape
from training.model import Config, MatLM
from training.tokenizer import SPECIAL

DTYPES = {"f32": torch.float32, "f16": torch.float16, "bf16": torch.bfloat16}
FORMATS = ("huggingface", "safetensors", "gguf")


def widths_of(folder: Path, config: Config, submodel: str) -> list[int]:
    """FFN widths of a granularity, of a row of the frontier, or of a list such as `128,0,256`."""
    matformer = json.loads((folder / "config.json").read_text())["matformer"]
    names = matformer["granularities"] | {row["name"]: row["ffnWidths"] for row in matformer["frontier"]}
    if submodel in names:
        return names[submodel]
    try:
        widths = [int(width) for width in submodel.split(",")]
    except ValueError:
        raise SystemExit(f"{submodel}: expected widths such as 128,0,256 or one of {', '.join(names)}") from None
    if len(widths) != config.layers or any(not 0 <= w <= config.ffn for w in widths) or not any(widths):
        raise SystemExit(f"{submodel}: expected {config.layers} widths between 0 and {config.ffn}, not all 0")
    return widths


def dense(model: MatLM, widths: list[int]) -> tuple[dict, dict[str, Tensor]]:
    """A submodel as a Qwen3 without nesting: (config.json, float32 tensors)."""
    tensors, config = hugging_face_tensors(model), model.config
    ffn, kept = max(widths), [i for i, width in enumerate(widths) if width > 0]
    found = {name: tensors[name] for name in ("model.embed_tokens.weight", "model.norm.weight")}
    for to, i in enumerate(kept):
        fill = ffn - widths[i]
        for name, tensor in tensors.items():
            if not name.startswith(f"model.layers.{i}."):
                continue
            if "gate_proj" in name or "up_proj" in name:
                tensor = F.pad(tensor[: widths[i]], (0, 0, 0, fill))
            elif "down_proj" in name:
                tensor = F.pad(tensor[:, : widths[i]], (0, fill))
            found[name.replace(f"layers.{i}.", f"layers.{to}.")] = tensor.contiguous()
    return qwen3_json(replace(config, layers=len(kept), ffn=ffn)), found


def nested(folder: Path, model: MatLM) -> tuple[dict, dict[str, Tensor]]:
    """All submodels in one: XL, with their widths and the format of the prompt in its config.json."""
    raw, tensors = dense(model, model.config.widths("XL"))
    end, prefix, middle, suffix, file = range(5)  # of SPECIAL
    tokens = {"prefix": prefix, "suffix": suffix, "middle": middle, "file": file}
    prompt = {"order": "spm", "hasHeader": True, "tokens": tokens, "stop": [end, prefix, middle, suffix, file]}
    matformer = json.loads((folder / "config.json").read_text())["matformer"]
    return raw | {"matformer": matformer, "matcoder": {"prompt": prompt}}, tensors


def write_hugging_face(raw: dict, tensors: dict[str, Tensor], tokenizer: Path, dtype: torch.dtype, out: Path) -> None:
    """The folder that `transformers.AutoModelForCausalLM.from_pretrained` loads."""
    out.mkdir(parents=True, exist_ok=True)
    write_safetensors(raw, tensors, dtype, out / "model.safetensors")
    name = str(dtype).removeprefix("torch.")
    (out / "config.json").write_text(json.dumps(raw | {"torch_dtype": name}, indent=2) + "\n")
    shutil.copy(tokenizer, out / "tokenizer.json")
    marks = {"tokenizer_class": "PreTrainedTokenizerFast", "eos_token": SPECIAL[0], "pad_token": SPECIAL[0]}
    (out / "tokenizer_config.json").write_text(json.dumps(marks, indent=2) + "\n")


def write_safetensors(raw: dict, tensors: dict[str, Tensor], dtype: torch.dtype, out: Path) -> None:
    """The weights under Hugging Face's names; the shape goes into the metadata."""
    metadata = {"format": "pt", "config": json.dumps(raw)}
    save_file({name: tensor.to(dtype) for name, tensor in tensors.items()}, out, metadata=metadata)


def write_gguf(raw: dict, tensors: dict[str, Tensor], tokenizer: Path, dtype: str, out: Path) -> None:
    """The file that llama.cpp loads, with llama.cpp's names for the tensors; vectors stay float32."""
    writer = gguf.GGUFWriter(out, "qwen3")
    writer.add_name("MatLM")
    add_shape(writer, raw)
    writer.add_file_type({"f32": 0, "f16": 1, "q8_0": 7, "bf16": 32}[dtype])
    for key in ("matformer", "matcoder"):
        if key in raw:
            writer.add_string(key, json.dumps(raw[key]))

    parsed = json.loads(tokenizer.read_text())
    tokens = sorted(parsed["model"]["vocab"], key=parsed["model"]["vocab"].get)
    kinds = [gguf.TokenType.CONTROL if token in SPECIAL else gguf.TokenType.NORMAL for token in tokens]
    unused = raw["vocab_size"] - len(tokens)  # llama.cpp wants a token for every row of the embedding
    tokens += [f"<|unused_{i}|>" for i in range(unused)]
    kinds += [gguf.TokenType.UNUSED] * unused
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("refact")  # the nearest: digits stand alone
    writer.add_token_list(tokens)
    writer.add_token_types([int(kind) for kind in kinds])
    writer.add_token_merges([m if isinstance(m, str) else " ".join(m) for m in parsed["model"]["merges"]])
    writer.add_eos_token_id(raw["eos_token_id"])
    writer.add_add_bos_token(False)
    writer.add_string("tokenizer.huggingface.json", tokenizer.read_text())

    names = gguf.get_tensor_name_map(gguf.MODEL_ARCH.QWEN3, raw["num_hidden_layers"])
    kind = gguf.GGMLQuantizationType[dtype.upper()]
    for name, tensor in tensors.items():
        values = tensor.numpy().astype(np.float32)
        target = names.get_name(name, try_suffixes=(".weight",))
        if tensor.ndim == 1:
            writer.add_tensor(target, values)
        else:
            writer.add_tensor(target, gguf.quants.quantize(values, kind), raw_dtype=kind)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, default=SHIPPED)
    parser.add_argument(
        "--submodel",
        default="XL",
        help="a granularity, a row of the frontier, widths such as 128,0,256, or nested for all",
    )
    parser.add_argument("--format", default="huggingface", choices=FORMATS)
    parser.add_argument("--dtype", default="f32", choices=(*DTYPES, "q8_0"), help="q8_0 is for gguf alone")
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args()
    if args.dtype == "q8_0" and args.format != "gguf":
        raise SystemExit(f"--dtype q8_0 is a format of gguf; for {args.format} take one of {', '.join(DTYPES)}")
    model, tokenizer = load_exported(args.model), args.model / "tokenizer.json"
    if args.submodel == "nested":
        raw, tensors = nested(args.model, model)
    else:
        raw, tensors = dense(model, widths_of(args.model, model.config, args.submodel))
    args.out.parent.mkdir(parents=True, exist_ok=True)
    if args.format == "gguf":
        write_gguf(raw, tensors, tokenizer, args.dtype, args.out)
    elif args.format == "safetensors":
        write_safetensors(raw, tensors, DTYPES[args.dtype], args.out)
    else:
        write_hugging_face(raw, tensors, tokenizer, DTYPES[args.dtype], args.out)
    files = sorted(args.out.iterdir()) if args.out.is_dir() else [args.out]
    for file in files:
        print(f"{file}  {file.stat().st_size / 1e6:.2f} MB")


if __name__ == "__main__":
    torch.set_grad_enabled(False)
    main()
