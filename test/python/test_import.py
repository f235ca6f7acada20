"""Models that were exported to other forms and imported again write the same text."""

import json
import subprocess
from pathlib import Path

import gguf
import numpy as np
import pytest
import torch
from families import FAMILIES, draw, draw_tokens
from matcoder_engine import TSX, Engine
from reference import error, logits_of
from safetensors.numpy import load_file
from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from transformers import GraniteMoeHybridConfig

from training import export, gguf_file, submodel
from training.export import SHIPPED

TOKENS = 8
# The families whose switches a file has to tell.
SWITCHES = [
    "llama",
    "llama with a head of its own",
    "llama with biases in attention",
    "mistral",
    "qwen2, biases of query, key and value",
    "qwen3, norms of query and key",
    "granite, four scalars",
    "linear scaling",
    "llama3's scaling",
    "YaRN",
    "YaRN of qwen2",
    "one head of keys for all",
    "seven heads to each head of keys",
    "heads of 20",
]
PLACES = [
    "export function median(values: number[]): number {\n  const sorted = ",
    "def read_lines(path):\n    with open(path) as file:\n        return ",
    "for (let i = 0; i < rows.length; i++) {\n  const row = ",
    "class Stack:\n    def __init__(self):\n        self.items = []\n\n    def push(self, item):\n        ",
    "import { readFile } from 'node:fs/promises';\n\nasync function load(path: string) {\n  const text = ",
    "if (error instanceof Error) {\n  console.",
    "const total = items.reduce((sum, item) => ",
    "try:\n    import json\nexcept ImportError:\n    ",
    "switch (event.type) {\n  case 'open':\n    ",
    'print(f"{name}: {',
]


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The model that ships, in the forms of others."""
    out, tokenizer = tmp_path_factory.mktemp("exported"), SHIPPED / "tokenizer.json"
    with torch.no_grad():
        raw, tensors = submodel.nested(SHIPPED, export.load_exported(SHIPPED))
        for dtype in ("f32", "f16", "q8_0"):
            submodel.write_gguf(raw, tensors, tokenizer, dtype, out / f"{dtype}.gguf")
        for dtype in ("f32", "bf16"):
            submodel.write_hugging_face(raw, tensors, tokenizer, submodel.DTYPES[dtype], out / dtype)
    return {path.name: path for path in out.iterdir()}


def import_model(path: Path, folder: Path, *bits: str) -> dict:
    done = subprocess.run(
        ["node", str(TSX), "test/importModel.ts", str(path), str(folder), *bits], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def likeliest(engine: Engine, folder: Path, size: str, tokens: list[int]) -> np.ndarray:
    """[tokens] the next token that a submodel chooses after each"""
    widths = json.loads((folder / "config.json").read_text())["matformer"]["granularities"][size]
    return engine.ask(folder, tokens, widths=widths).logits.argmax(axis=-1)


def texts(engine: Engine, folder: Path) -> list[list[int]]:
    """Greedy text after each place, in tokens."""
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    prompts = [tokenizer.encode(place, add_special_tokens=False).ids for place in PLACES]
    return [engine.ask(folder, prompt, greedy=TOKENS).greedy for prompt in prompts]


# The model that ships has a scale for each row, and other forms have one for each group of 32, so that no import has
# the same weights. About 98.5 % of choices and four of five texts of eight tokens stay.
@pytest.mark.parametrize(
    ("name", "bits", "choices", "same"),
    [
        ("f16.gguf", "8", 0.97, 7),
        ("q8_0.gguf", "8", 0.97, 7),
        ("bf16", "8", 0.96, 6),
        ("f32", "8", 0.97, 7),
        ("f32", "4", 0.88, 4),
    ],
)
def test_the_model_that_ships_is_itself_after_an_export_and_an_import(
    name: str, bits: str, choices: float, same: int, exported: dict[str, Path], engine: Engine, tmp_path: Path
):
    folder = tmp_path / "model"
    done = import_model(exported[name], folder, bits)
    sizes = json.loads((SHIPPED / "config.json").read_text())["matformer"]["granularities"]
    assert done["facts"]["sizes"] == list(sizes)
    assert (done["relativeError"] == 0) == (name == "q8_0.gguf")
    code = Tokenizer.from_file(str(SHIPPED / "tokenizer.json")).encode(Path(__file__).read_text()).ids[:600]
    for size in ("S", "XL"):
        agreement = np.mean(likeliest(engine, SHIPPED, size, code) == likeliest(engine, folder, size, code))
        assert choices <= agreement < 1, size
    pairs = zip(texts(engine, SHIPPED), texts(engine, folder), strict=True)
    assert sum(before == after for before, after in pairs) >= same


def weight(stored: dict[str, np.ndarray], name: str) -> np.ndarray:
    """A tensor of a checkpoint in float32, computed as the form says: q times its scale, plus its minimum."""

    def spread(part: str) -> np.ndarray:
        return stored[name + part].astype(np.float32).repeat(32, axis=1)

    if name + "_packed" in stored:
        packed = stored[name + "_packed"]
        q = np.stack([packed & 15, packed >> 4], axis=-1).reshape(len(packed), -1).astype(np.float32)
        return q * spread("_scale") + (spread("_min") if name + "_min" in stored else -8 * spread("_scale"))
    values = stored[name].astype(np.float32)
    return values * spread("_scale") if name + "_scale" in stored else values


def test_every_weight_of_smollm2_is_that_of_its_file(tmp_path: Path):
    path = Path(
        subprocess.run(["node", "scripts/smollm2.mjs"], capture_output=True, text=True, check=True).stdout.strip()
    )
    done = import_model(path, tmp_path / "model")
    assert done["facts"] | {"family": "llama", "quantisation": "Q4_1", "bits": 4, "isExact": True} == done["facts"]
    assert done["relativeError"] == 0
    stored = load_file(tmp_path / "model" / "model.safetensors")
    raw = json.loads((tmp_path / "model" / "config.json").read_text())
    names = gguf.get_tensor_name_map(gguf.MODEL_ARCH.LLAMA, raw["num_hidden_layers"])
    theirs = {tensor.name: tensor for tensor in gguf.GGUFReader(path).tensors}
    ours = {name.removesuffix("_packed") for name in stored if not name.endswith(("_scale", "_min"))}
    assert len(ours) == len(theirs) == 272
    for name in ours:
        tensor = theirs[names.get_name(name, try_suffixes=(".weight",))]
        expected = gguf.quants.dequantize(tensor.data, tensor.tensor_type)
        assert np.array_equal(gguf_file.reordered(raw, name, weight(stored, name)), expected), name


def byte_tokenizer() -> dict:
    """A tokenizer.json that splits like SmolLM2's, with the end of text, a token for each byte, and a merge."""
    vocabulary = {"<|endoftext|>": 0} | {b: i + 1 for i, b in enumerate(sorted(pre_tokenizers.ByteLevel.alphabet()))}
    tokenizer = Tokenizer(models.BPE(vocabulary | {"ab": len(vocabulary)}, [("a", "b")]))
    stages = [pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False)]
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(stages)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens(["<|endoftext|>"])
    return json.loads(tokenizer.to_str())


@pytest.mark.parametrize("name", SWITCHES)
def test_a_family_computes_the_same_from_a_folder_and_from_gguf(name: str, engine: Engine, tmp_path: Path):
    family, tokenizer, folder = FAMILIES[name], byte_tokenizer(), tmp_path / "folder"
    model, tokens = draw(family.config()), draw_tokens(family)
    model.save_pretrained(folder, max_shard_size="200KB")
    (folder / "tokenizer.json").write_text(json.dumps(tokenizer))
    raw = json.loads((folder / "config.json").read_text())
    planned = [
        gguf_file.planned(key, value.numpy(), gguf.GGMLQuantizationType.F32)
        for key, value in model.state_dict().items()
        if not (raw["tie_word_embeddings"] and key == "lm_head.weight")
    ]
    gguf_file.write_gguf(raw, planned, tokenizer, "smollm", tmp_path / "model.gguf")
    expected, found = logits_of(model, tokens), []
    for source in (folder, tmp_path / "model.gguf"):
        out = tmp_path / f"imported-{source.name}"
        import_model(source, out)
        found.append(engine.ask(out, tokens[0].tolist()).logits)
    assert len(list(folder.glob("*.safetensors"))) > 1
    assert np.array_equal(*found)
    # The rounding of weights and activations to 8 bits; a switch that is off is a multiple of it (test_parity.py).
    assert error(found[0], expected) < 0.05


def test_a_dense_granite_4_is_a_granite(engine: Engine, tmp_path: Path):
    heads = {"num_attention_heads": 4, "num_key_value_heads": 2, "layer_types": ["attention"] * 2}
    sizes = {"vocab_size": 387, "hidden_size": 96, "shared_intermediate_size": 160, "num_hidden_layers": 2}
    none = {"num_local_experts": 0, "num_experts_per_tok": 0, "mamba_n_heads": 8, "mamba_d_head": 24}
    scalars = {
        "embedding_multiplier": 2.0,
        "attention_multiplier": 0.1,
        "residual_multiplier": 0.5,
        "logits_scaling": 4.0,
    }
    config = GraniteMoeHybridConfig(
        **heads, **sizes, **none, **scalars, position_embedding_type="rope", tie_word_embeddings=True, eos_token_id=0
    )
    model, tokens = draw(config), torch.arange(1, 60)[None]
    model.save_pretrained(tmp_path / "granite")
    (tmp_path / "granite" / "tokenizer.json").write_text(json.dumps(byte_tokenizer()))
    assert import_model(tmp_path / "granite", tmp_path / "imported")["facts"]["family"] == "granite"
    found = engine.ask(tmp_path / "imported", tokens[0].tolist()).logits
    assert error(found, logits_of(model, tokens)) < 0.05
