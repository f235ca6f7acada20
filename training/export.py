"""From a training checkpoint to the folder that ships: config.json, tokenizer.json, model.safetensors.

Notable:
- tensor names and `config.json` are those of a Hugging Face Qwen3; a `"matformer"` object adds the granularities;
- matrices are int8 with one float32 scale a row (`weight_scale`, the compressed-tensors "int-quantized" form), so
  that a prefix of the hidden units keeps the scales of the whole;
- `load_exported` reads the folder back as a float model, so that evaluation measures the shipped weights.

    python -m training.export --run build/run --tokenizer build/tokenizer.json --out models/matlm-46m
"""

import argparse
import json
import shutil
from collections.abc import Callable
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from training.model import GRANULARITIES, Config, MatLM

SHIPPED = Path("models/matlm-46m")


def quantise(weight: Tensor) -> tuple[Tensor, Tensor]:
    """Symmetric int8 by row: (int8 [out, in], float32 scale [out, 1]); weight ~ int8 * scale."""
    scale = weight.abs().amax(dim=1, keepdim=True).clamp_min(1e-8) / 127
    return (weight / scale).round().clamp(-127, 127).to(torch.int8), scale.float()


def hugging_face_tensors(model: MatLM) -> dict[str, Tensor]:
    """The model's parameters in float32 under Qwen3's names; slices are joined, `down` is turned to [d, h]."""
    if model.config.key_shift:
        raise ValueError("a model with --key-shift is not a Qwen3 and cannot be exported")
    tensors = {"model.embed_tokens.weight": model.embedding, "model.norm.weight": model.norm}
    tensors |= hugging_face_blocks(model.blocks)
    return {name: tensor.detach().float().cpu() for name, tensor in tensors.items()}


def hugging_face_blocks(blocks: nn.ModuleList) -> dict[str, Tensor]:
    """The parameters of the layers under Qwen3's names."""
    tensors = {}
    for i, block in enumerate(blocks):
        layer = f"model.layers.{i}."
        tensors[layer + "input_layernorm.weight"] = block.input_norm
        tensors[layer + "post_attention_layernorm.weight"] = block.ffn_norm
        for name in ("q_proj", "k_proj", "v_proj", "o_proj", "q_norm", "k_norm"):
            tensors[f"{layer}self_attn.{name}.weight"] = getattr(block.attention, name)
        tensors[layer + "mlp.gate_proj.weight"] = torch.cat(list(block.ffn.gate))
        tensors[layer + "mlp.up_proj.weight"] = torch.cat(list(block.ffn.up))
        tensors[layer + "mlp.down_proj.weight"] = torch.cat(list(block.ffn.down)).T.contiguous()
    return tensors


def qwen3_json(config: Config) -> dict:
    """The shape as Qwen3's config.json."""
    return {
        "architectures": ["Qwen3ForCausalLM"],
        "model_type": "qwen3",
        "hidden_size": config.hidden,
        "num_hidden_layers": config.layers,
        "num_attention_heads": config.heads,
        "num_key_value_heads": config.kv_heads,
        "head_dim": config.head_dim,
        "intermediate_size": config.ffn,
        "vocab_size": config.vocabulary,
        "max_position_embeddings": config.context,
        "rope_theta": config.rope_theta,
        "rms_norm_eps": config.norm_eps,
        "hidden_act": "silu",
        "attention_bias": False,
        "attention_dropout": 0.0,
        "tie_word_embeddings": True,
        "bos_token_id": None,
        "eos_token_id": 0,
        "torch_dtype": "float32",
    }


def int8_json(raw: dict) -> dict:
    """A config.json with the form of the int8 weights added."""
    return raw | {
        "quantization_config": {
            "quant_method": "compressed-tensors",
            "format": "int-quantized",
            "quantization_status": "compressed",
            "ignore": ["lm_head"],
            "config_groups": {
                "group_0": {
                    "targets": ["Linear"],
                    "format": "int-quantized",
                    "weights": {"num_bits": 8, "type": "int", "symmetric": True, "strategy": "channel"},
                }
            },
        },
    }


def config_json(config: Config) -> dict:
    """Qwen3's config.json with the form of the int8 weights and the nested submodels added."""
    granularities = {name: config.widths(name) for name in ("XS", *GRANULARITIES)}
    return int8_json(qwen3_json(config)) | {"matformer": {"granularities": granularities, "frontier": []}}


def write_int8(floats: dict[str, Tensor], raw: dict, out: Path) -> None:
    """model.safetensors with the matrices in int8, and config.json. floats: float32 under Hugging Face's names."""
    out.mkdir(parents=True, exist_ok=True)
    tensors = {}
    for name, tensor in floats.items():
        if name == "model.embed_tokens.weight":
            # Stored as float16, but rounded to the engine's int8, so that evaluation and engine agree.
            values, scale = quantise(tensor)
            tensors[name] = (values * scale).half()
        elif tensor.ndim == 2 and name != "position_embedding.weight":  # added, not multiplied: stays float32
            tensors[name], tensors[name + "_scale"] = quantise(tensor)
        else:
            tensors[name] = tensor
    save_file(tensors, out / "model.safetensors", metadata={"format": "pt"})
    (out / "config.json").write_text(json.dumps(raw, indent=2) + "\n")


def export(model: MatLM, tokenizer: Path, out: Path) -> None:
    """Write the checkpoint folder. The frontier stays empty until `training.frontier --write` has measured it."""
    write_int8(hugging_face_tensors(model), config_json(model.config), out)
    shutil.copy(tokenizer, out / "tokenizer.json")


def load_run(run: Path, dtype: torch.dtype = torch.float32) -> MatLM:
    """The model of a training run's last checkpoint."""
    state = torch.load(run / "checkpoint.pt", map_location="cpu", weights_only=True)
    model = MatLM(Config(**state["config"]), dtype)
    model.load_state_dict(state["model"])
    return model.eval()


def config_of(raw: dict) -> Config:
    """The shape in a Qwen3's config.json."""
    rope = raw.get("rope_parameters") or raw
    return Config(
        vocabulary=raw["vocab_size"], hidden=raw["hidden_size"], layers=raw["num_hidden_layers"],
        heads=raw["num_attention_heads"], kv_heads=raw["num_key_value_heads"], head_dim=raw["head_dim"],
        ffn=raw["intermediate_size"], context=raw["max_position_embeddings"], rope_theta=rope["rope_theta"],
        norm_eps=raw["rms_norm_eps"],
    )  # fmt: skip


@torch.no_grad()
def load_exported(folder: Path, dtype: torch.dtype = torch.float32, submodels: bool = True) -> MatLM:
    """The shipped checkpoint as a float model: int8 weights times their scales.

    A `MatLM` has no compensation, so a compensated folder is refused unless its XL alone is wanted (`submodels` off).
    """
    raw = json.loads((folder / "config.json").read_text())
    if submodels and raw["matformer"].get("compensation"):
        raise SystemExit(
            f"{folder}: its submodels are compensated; measure them with python -m training.elastic.orders"
        )
    config = config_of(raw)
    stored = load_file(folder / "model.safetensors")

    def weight(name: str) -> Tensor:
        tensor = stored[name].float()
        return tensor * stored[name + "_scale"] if name + "_scale" in stored else tensor

    model = MatLM(config, dtype)
    model.embedding.copy_(weight("model.embed_tokens.weight"))
    model.norm.copy_(weight("model.norm.weight"))
    load_blocks(model.blocks, weight)
    return model.eval()


def load_blocks(blocks: nn.ModuleList, weight: Callable[[str], Tensor]) -> None:
    """Copy the weights of the layers, which `weight` gives by Qwen3's names."""
    for i, block in enumerate(blocks):
        layer = f"model.layers.{i}."
        block.input_norm.copy_(weight(layer + "input_layernorm.weight"))
        block.ffn_norm.copy_(weight(layer + "post_attention_layernorm.weight"))
        for name in ("q_proj", "k_proj", "v_proj", "o_proj", "q_norm", "k_norm"):
            getattr(block.attention, name).copy_(weight(f"{layer}self_attn.{name}.weight"))
        for slices, name in ((block.ffn.gate, "gate_proj"), (block.ffn.up, "up_proj"), (block.ffn.down, "down_proj")):
            matrix = weight(f"{layer}mlp.{name}.weight")
            rows = matrix.T if name == "down_proj" else matrix
            for target, part in zip(slices, rows.split(block.config.slices), strict=True):
                target.copy_(part)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--run", type=Path, default=Path("build/run"))
    parser.add_argument("--tokenizer", type=Path, default=Path("build/tokenizer.json"))
    parser.add_argument("--out", type=Path, default=SHIPPED)
    args = parser.parse_args()
    export(load_run(args.run), args.tokenizer, args.out)
    for file in sorted(args.out.iterdir()):
        print(f"{file}  {file.stat().st_size / 1e6:.2f} MB")
