"""From an encoder to the folder that ships: config.json, model.safetensors, and tokenizer.json if it reads tokens.

Tensors and keys are those of `training.export`, with an `"encoder"` object, `projection.weight`, and for pictures
`patch_embedding.weight` and `position_embedding.weight` (float32) in the place of the token embedding.

    python -m training.encoders.export --run build/encoders/code --out models/encoders/code
"""

import argparse
import json
import shutil
from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import Tensor

from training.encoders.model import EncoderConfig, MatEncoder, Picture
from training.export import config_of, hugging_face_blocks, int8_json, load_blocks, qwen3_json, write_int8
from training.model import GRANULARITIES, Config

MODEL_TYPE = "matcoder_encoder"
LANGUAGE_MODEL_KEYS = ("tie_word_embeddings", "bos_token_id", "eos_token_id")


def tensors_of(model: MatEncoder) -> dict[str, Tensor]:
    """The parameters in float32 under the names of the folder."""
    tensors = {"model.norm.weight": model.norm, "projection.weight": model.projection}
    if model.config.picture:
        tensors["patch_embedding.weight"] = model.patch_embedding
        tensors["position_embedding.weight"] = model.position_embedding
    else:
        tensors["model.embed_tokens.weight"] = model.embedding
    tensors |= hugging_face_blocks(model.blocks)
    return {name: tensor.detach().float().cpu() for name, tensor in tensors.items()}


def config_json(config: EncoderConfig) -> dict:
    """The keys of a MatLM's config.json that an encoder has, and the `"encoder"` object."""
    raw = int8_json(qwen3_json(config.shape))
    for key in LANGUAGE_MODEL_KEYS:
        del raw[key]
    raw["quantization_config"]["ignore"] = []
    encoder = {
        "input": "patches" if config.picture else "tokens",
        "attention": config.attention,
        "pooling": config.pooling,
        "embedding": config.embedding,
        "prefixes": list(config.prefixes),
        "max_input": config.max_input,
    }
    if config.picture:
        del raw["vocab_size"]
        picture = config.picture
        encoder["picture"] = {"size": picture.size, "patch": picture.patch, "channels": picture.channels}
    return raw | {
        "architectures": ["MatEncoder"],
        "model_type": MODEL_TYPE,
        "matformer": {"granularities": {name: config.widths(name) for name in GRANULARITIES}},
        "encoder": encoder,
    }


def export(model: MatEncoder, tokenizer: Path | None, out: Path) -> None:
    """Write the folder; `tokenizer` is needed for tokens and must be None for pictures."""
    if (tokenizer is None) != (model.config.picture is not None):
        raise ValueError("an encoder of tokens needs a tokenizer, one of pictures has none")
    write_int8(tensors_of(model), config_json(model.config), out)
    if tokenizer:
        shutil.copy(tokenizer, out / "tokenizer.json")


def encoder_config_of(raw: dict) -> EncoderConfig:
    """The shape in the config.json of an encoder."""
    if raw.get("model_type") != MODEL_TYPE:
        raise ValueError(f"model_type is {raw.get('model_type')!r}; that of an encoder is {MODEL_TYPE!r}")
    encoder = raw["encoder"]
    return EncoderConfig(
        shape=config_of({"vocab_size": 1} | raw),
        attention=encoder["attention"],
        pooling=encoder["pooling"],
        embedding=encoder["embedding"],
        prefixes=tuple(encoder["prefixes"]),
        max_input=encoder["max_input"],
        picture=Picture(**encoder["picture"]) if encoder["input"] == "patches" else None,
    )


def load_run(run: Path) -> tuple[MatEncoder, dict]:
    """The model of a run of `training.encoders.train`, and its state; `run` is its folder or one of its checkpoints."""
    file = run / "checkpoint.pt" if run.is_dir() else run
    if not file.exists():
        raise SystemExit(f"{file}: no such checkpoint; python -m training.encoders.train writes it")
    state = torch.load(file, map_location="cpu", weights_only=True)
    model = MatEncoder(EncoderConfig(shape=Config(**state["shape"]), **state["encoder"]))
    model.load_state_dict(state["model"])
    return model.eval(), state


@torch.no_grad()
def load_exported(folder: Path, dtype: torch.dtype = torch.float32) -> MatEncoder:
    """The shipped encoder as a float model: int8 weights times their scales."""
    try:
        config = encoder_config_of(json.loads((folder / "config.json").read_text()))
    except (OSError, KeyError, ValueError) as error:
        raise SystemExit(f"{folder}: not the folder of an encoder: {error}") from None
    stored = load_file(folder / "model.safetensors")

    def weight(name: str) -> Tensor:
        tensor = stored[name].float()
        return tensor * stored[name + "_scale"] if name + "_scale" in stored else tensor

    model = MatEncoder(config, dtype)
    model.norm.copy_(weight("model.norm.weight"))
    model.projection.copy_(weight("projection.weight"))
    if config.picture:
        model.patch_embedding.copy_(weight("patch_embedding.weight"))
        model.position_embedding.copy_(weight("position_embedding.weight"))
    else:
        model.embedding.copy_(weight("model.embed_tokens.weight"))
    load_blocks(model.blocks, weight)
    return model.eval()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--run", type=Path, default=Path("build/encoders/code"), help="of training.encoders.train")
    parser.add_argument("--tokenizer", type=Path, default=Path("models/matlm-6m/tokenizer.json"))
    parser.add_argument("--out", type=Path, default=Path("models/encoders/code"))
    args = parser.parse_args()
    export(load_run(args.run)[0], args.tokenizer, args.out)
    for file in sorted(args.out.iterdir()):
        print(f"{file}  {file.stat().st_size / 1e6:.2f} MB")
