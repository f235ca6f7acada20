"""Dense checkpoints in, elastic ones out.

- In: a folder of `transformers` (Llama, Qwen2, Qwen3), a GGUF file of those families, a run of `training.train` or a
  folder of `training.export` (of these XL only).
- Out: the same tensors under Hugging Face's names, sorted, with `mlp.mean_active` (float32 [ffn]) in each layer if its
  submodels are compensated, and `matformer` in config.json; a model of ours in the int8 of `training.export`.
"""

import json
from dataclasses import dataclass
from pathlib import Path

import gguf
import torch
from safetensors.torch import load_file, save_file
from torch import nn
from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer, GgufConfig, PreTrainedModel, Qwen3Config

from training import export
from training.elastic.nested import blocks, full_widths, make_nested, set_widths
from training.elastic.text import OurText, PlainText, Text, knows_our_marks
from training.model import MatLM

FAMILIES = ("llama", "qwen2", "qwen3")


class CheckpointError(Exception):
    """A checkpoint that cannot be read or made elastic; the message names it and the fault."""


@dataclass
class Checkpoint:
    """model: nested, float32, at its full width. is_ours: the shape and tokens of `training.model`."""

    model: PreTrainedModel
    text: Text
    is_ours: bool
    matformer: dict | None = None  # of config.json, if the checkpoint is elastic already

    @property
    def window(self) -> int:
        """Tokens that are scored at once."""
        return min(1024, self.model.config.max_position_embeddings)


def from_ours(model: MatLM) -> PreTrainedModel:
    """A model of ours as a Qwen3 of `transformers`."""
    dense = AutoModelForCausalLM.from_config(Qwen3Config(**export.qwen3_json(model.config)), dtype=torch.float32)
    dense.load_state_dict(export.hugging_face_tensors(model), strict=False)
    dense.tie_weights()
    return dense


def load_gguf(path: Path) -> PreTrainedModel:
    """Every weight in float32: `transformers` would keep them packed, and those can be neither sorted nor trained."""
    config = AutoConfig.from_pretrained(path.parent, gguf_file=path.name)
    stated = gguf.GGUFReader(path).fields.get(f"{config.model_type}.attention.key_length")
    if stated:  # transformers takes the family's own
        config.head_dim = stated.contents()
    packed = AutoModelForCausalLM.from_pretrained(
        path.parent,
        gguf_file=path.name,
        config=config,
        dtype=torch.float32,
        quantization_config=GgufConfig(dequantize=True),
    )
    # A plain model with the same weights: the loaded one remembers that it came from GGUF, and cannot be saved.
    model = AutoModelForCausalLM.from_config(packed.config, dtype=torch.float32)
    model.load_state_dict(packed.state_dict(), strict=False)
    model.tie_weights()
    return model


def require_tokenizer(path: Path, tokenizer: Path | None) -> None:
    """Raises CheckpointError unless a run has the tokenizer.json of its tokens, and only a run."""
    is_run = (path / "checkpoint.pt").exists()
    if is_run and tokenizer is None:
        raise CheckpointError(f"{path}: a training run; give the tokenizer.json of its tokens as --tokenizer")
    if tokenizer and path.exists() and not is_run:
        raise CheckpointError(f"{path}: has a tokenizer of its own; leave out --tokenizer, which is for a run")
    if tokenizer and not knows_our_marks(tokenizer):
        fault = "has not our special tokens" if tokenizer.exists() else "no such file"
        raise CheckpointError(f"{tokenizer}: {fault}; give the tokenizer.json that the run was trained with")


def load(path: Path, tokenizer: Path | None = None) -> Checkpoint:
    """Read a checkpoint. `tokenizer`: the tokenizer.json of a run, which has none. Raises CheckpointError."""
    require_tokenizer(path, tokenizer)
    matformer, is_ours, family = None, False, None
    model: PreTrainedModel | None = None
    if path.suffix == ".gguf" and path.is_file():
        with open(path, "rb") as file:
            if file.read(4) != b"GGUF":
                raise CheckpointError(f"{path}: not a GGUF file")
        family = AutoConfig.from_pretrained(path.parent, gguf_file=path.name).model_type
        if family in FAMILIES:
            model = load_gguf(path)
            text: Text = PlainText(AutoTokenizer.from_pretrained(path.parent, gguf_file=path.name))
    elif (path / "checkpoint.pt").exists():
        run, text, is_ours = export.load_run(path), OurText(tokenizer), True
        tokens = text.encoder.tokenizer.get_vocab_size()
        if tokens > run.config.vocabulary:
            raise CheckpointError(
                f"{tokenizer}: {tokens} tokens, of which {path} has {run.config.vocabulary}; give the one of its tokens"
            )
        model = from_ours(run)
    elif (path / "config.json").exists():
        raw = json.loads((path / "config.json").read_text())
        family, matformer = raw.get("model_type"), raw.get("matformer")
        is_ours = raw.get("quantization_config", {}).get("format") == "int-quantized"
        if is_ours:
            model, text = from_ours(export.load_exported(path, submodels=False)), OurText(path / "tokenizer.json")
        elif family in FAMILIES:
            model = AutoModelForCausalLM.from_pretrained(path, dtype=torch.float32)
            ours = path / "tokenizer.json"
            text = OurText(ours) if knows_our_marks(ours) else PlainText(AutoTokenizer.from_pretrained(path))
    else:
        raise CheckpointError(f"{path}: expected a GGUF file, a run of training.train, or a folder with a config.json")
    if model is None:
        raise CheckpointError(f"{path}: a {family or 'nameless'} checkpoint; expected one of {', '.join(FAMILIES)}")
    try:
        make_nested(model.eval())
    except ValueError as error:
        raise CheckpointError(f"{path}: {error}") from None
    if matformer and matformer.get("compensation"):
        stored = load_file(path / "model.safetensors")
        for i, mlp in enumerate(blocks(model)):
            mlp.mean_active = nn.Parameter(stored[f"model.layers.{i}.mlp.mean_active"])
    return Checkpoint(model, text, is_ours, matformer)


def matformer_of(model: PreTrainedModel, shapes: dict[str, list[int]], record: dict, frontier: list[dict]) -> dict:
    """The object `matformer` of config.json."""
    is_compensated = blocks(model)[0].mean_active is not None
    return {
        **({"compensation": "mean"} if is_compensated else {}),
        "granularities": {**shapes, "XL": full_widths(model)},
        "frontier": frontier,
        # Sizes that were trained are kept: only a record of this name lets them be looked for again.
        "training" if record.get("trainedTokens") else "elastic": record,
    }


@torch.no_grad()
def save(
    checkpoint: Checkpoint,
    shapes: dict[str, list[int]],
    record: dict,
    out: Path,
    dtype: torch.dtype = torch.bfloat16,
    frontier: list[dict] = (),
) -> None:
    """Write the elastic folder. Matrices in `dtype`, or in int8 for a model of ours; vectors in float32.

    frontier: what each size needs, cheapest first; without it, a size counts as nearly as good as the whole model

    Raises CheckpointError if a weight is not finite, ValueError for widths that the format forbids.
    """
    model = checkpoint.model
    for widths in shapes.values():
        set_widths(model, widths)
    set_widths(model, full_widths(model))
    tensors = {name: tensor.detach().float().cpu() for name, tensor in model.state_dict().items()}
    if model.config.tie_word_embeddings:
        tensors.pop("lm_head.weight", None)
    broken = [name for name, tensor in tensors.items() if not tensor.isfinite().all()]
    if broken:
        raise CheckpointError(f"{broken[0]} has values that are not finite; nothing was written")
    out.mkdir(parents=True, exist_ok=True)
    matformer = matformer_of(model, shapes, record, list(frontier))
    if checkpoint.is_ours:
        raw = export.qwen3_json(export.config_of(model.config.to_dict()))
        export.write_int8(tensors, export.int8_json(raw) | {"matformer": matformer}, out)
    else:
        stored = {name: t.to(dtype) if t.ndim == 2 else t for name, t in tensors.items()}
        save_file({name: t.contiguous() for name, t in stored.items()}, out / "model.safetensors", {"format": "pt"})
        raw = model.config.to_dict() | {"torch_dtype": str(dtype).removeprefix("torch."), "matformer": matformer}
        raw = {name: value for name, value in raw.items() if name not in ("dtype", "_name_or_path")}
        (out / "config.json").write_text(json.dumps(raw, indent=2) + "\n")
    checkpoint.text.save(out)
