"""Writes a transformers model as a checkpoint that the engine loads, in each form that a matrix may have.

It is written from the description of the format alone and shares no code with the importer, so that each checks the
other. Forms of a matrix W [rows, k], stored as X.weight:

- `rows`: int8 [rows, k] with X.weight_scale float32 [rows, 1];
- `groups8`: int8 [rows, k] with X.weight_scale float16 [rows, k / 32]: W = scale * q;
- `groups4`: X.weight_packed uint8 [rows, k / 2], column 2j in the low half of byte j, with X.weight_scale float16
  [rows, k / 32]: W = scale * (q - 8);
- `groups4min`: the same with X.weight_min float16 [rows, k / 32]: W = scale * q + min.

With the two forms of 4 bits, the embedding and the head are `groups8`, as in most GGUF files.
"""

import copy
import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from safetensors.numpy import save_file
from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers
from torch import nn
from transformers import PreTrainedModel

FORMS = ("rows", "groups8", "groups4", "groups4min")
GROUP = 32

Stored = dict[str, np.ndarray]


def rows(weight: np.ndarray) -> tuple[Stored, np.ndarray]:
    """(tensors by the end of their name, weights [rows, k] as the engine sees them), as the other forms."""
    scale = np.maximum(np.abs(weight).max(axis=1, keepdims=True), 1e-8).astype(np.float32) / np.float32(127)
    values = np.rint(weight / scale).clip(-127, 127).astype(np.int8)
    return {"weight": values, "weight_scale": scale}, values * scale


def groups8(weight: np.ndarray) -> tuple[Stored, np.ndarray]:
    grouped = weight.reshape(len(weight), -1, GROUP)
    scale = (np.abs(grouped).max(axis=2) / 127).astype(np.float16)
    values = np.rint(grouped * reciprocal(scale)).clip(-127, 127).astype(np.int8)
    stored = {"weight": values.reshape(weight.shape), "weight_scale": scale}
    return stored, (values * wide(scale)).reshape(weight.shape)


def groups4(weight: np.ndarray) -> tuple[Stored, np.ndarray]:
    grouped = weight.reshape(len(weight), -1, GROUP)
    # The value of the largest magnitude becomes -8, the end of the range that 7 does not reach.
    at = np.abs(grouped).argmax(axis=2, keepdims=True)
    scale = (np.take_along_axis(grouped, at, axis=2)[..., 0] / -8).astype(np.float16)
    values = (np.rint(grouped * reciprocal(scale)) + 8).clip(0, 15).astype(np.uint8)
    real = (values.astype(np.float32) - 8) * wide(scale)
    return {"weight_packed": packed(values, weight), "weight_scale": scale}, real.reshape(weight.shape)


def groups4min(weight: np.ndarray) -> tuple[Stored, np.ndarray]:
    grouped = weight.reshape(len(weight), -1, GROUP)
    least = grouped.min(axis=2).astype(np.float16)
    scale = ((grouped.max(axis=2) - least) / 15).astype(np.float16)
    values = np.rint((grouped - wide(least)) * reciprocal(scale)).clip(0, 15).astype(np.uint8)
    stored = {"weight_packed": packed(values, weight), "weight_scale": scale, "weight_min": least}
    return stored, (values * wide(scale) + wide(least)).reshape(weight.shape)


def wide(by_group: np.ndarray) -> np.ndarray:
    """float16 [rows, k / 32] as float32 [rows, k / 32, 1]."""
    return by_group.astype(np.float32)[..., None]


def reciprocal(scale: np.ndarray) -> np.ndarray:
    """Of a group of zeros it is 0."""
    real = wide(scale)
    return np.divide(1, real, out=np.zeros_like(real), where=real != 0)


def packed(values: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """[rows, k / 2] bytes of two columns each."""
    columns = values.reshape(len(weight), -1)
    return columns[:, 0::2] | columns[:, 1::2] << 4


QUANTISE = {"rows": rows, "groups8": groups8, "groups4": groups4, "groups4min": groups4min}


@torch.no_grad()
def write_checkpoint(
    model: PreTrainedModel, form: str, folder: Path, mean_active: np.ndarray | None = None
) -> PreTrainedModel:
    """Writes the folder; the model with the weights that were stored.

    `mean_active` [layers, ffn] are the means by which a submodel is compensated for the hidden units that it lacks.
    """
    folder.mkdir(parents=True, exist_ok=True)
    stored, again = {}, copy.deepcopy(model)
    for name, weight in parameters(again):
        values = weight.float().numpy()
        if weight.ndim == 1:
            stored[name] = values.copy()
            continue
        is_first_or_last = name in ("model.embed_tokens.weight", "lm_head.weight")
        tensors, real = QUANTISE["groups8" if is_first_or_last and form != "rows" else form](values)
        stored |= {name.removesuffix("weight") + end: tensor for end, tensor in tensors.items()}
        weight.copy_(torch.from_numpy(real))
    raw = config_json(model)
    if mean_active is not None:
        raw["matformer"]["compensation"] = "mean"
        stored |= {f"model.layers.{i}.mlp.mean_active": mean for i, mean in enumerate(mean_active.astype(np.float32))}
    save_file(stored, folder / "model.safetensors", metadata={"format": "pt"})
    (folder / "config.json").write_text(json.dumps(raw, indent=2) + "\n")
    any_tokenizer(model.config.vocab_size).save(str(folder / "tokenizer.json"))
    return again


def parameters(model: PreTrainedModel) -> Iterator[tuple[str, nn.Parameter]]:
    """By Hugging Face's names, a tied head left out."""
    for name, weight in model.named_parameters():
        if name != "lm_head.weight" or not model.config.tie_word_embeddings:
            yield name, weight


def config_json(model: PreTrainedModel) -> dict:
    """As transformers saves it, with the objects that make it a checkpoint of ours."""
    raw = model.config.to_diff_dict() | model.config.to_dict()
    widths = [model.config.intermediate_size] * model.config.num_hidden_layers
    return raw | {
        "matformer": {"granularities": {"XL": widths}, "frontier": []},
        "matcoder": {"prompt": {"order": "none", "hasHeader": False, "tokens": {}, "stop": [0]}},
    }


# The split of Qwen2's tokenizer, which llama.cpp calls qwen2.
SPLIT = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)


def any_tokenizer(size: int) -> Tokenizer:
    """A token for each byte, one merge, and as many others as the vocabulary needs: these tests write token ids."""
    tokens = ["<|endoftext|>", *sorted(pre_tokenizers.ByteLevel.alphabet()), "in"]
    tokens += [f"unused{i}" for i in range(len(tokens), size)]
    tokenizer = Tokenizer(models.BPE(vocab={token: i for i, token in enumerate(tokens)}, merges=[("i", "n")]))
    byte_level = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    split = pre_tokenizers.Split(Regex(SPLIT), "isolated")
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([split, byte_level])
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens(["<|endoftext|>"])
    return tokenizer
