"""A tiny model and a tokenizer that every test may use."""

import pytest
import torch
from tokenizers import Tokenizer

from training import tokenizer
from training.model import Config, MatLM

torch.set_num_threads(1)  # threads that wait for a busy processor make the tiny models of the tests ten times as slow

TINY = Config(vocabulary=320, hidden=32, layers=2, heads=2, kv_heads=1, head_dim=16, ffn=64, context=64)
CODE = "export function add(a: number, b: number): number {\n  return a + b;\n}\n\nconst fooBar = add(1, 23);\n"


@pytest.fixture(scope="session")
def trained_tokenizer() -> Tokenizer:
    return tokenizer.train([CODE] * 4, vocabulary=320)


@pytest.fixture
def tiny_model() -> MatLM:
    torch.manual_seed(0)
    model = MatLM(TINY, torch.float32)
    with torch.no_grad():
        for block in model.blocks:
            block.attention.o_proj.normal_(std=0.1)
            for weight in block.ffn.down:
                weight.normal_(std=0.1)
    return model


@pytest.fixture
def tokens() -> torch.Tensor:
    """[2, 33]"""
    return torch.randint(0, TINY.vocabulary, (2, 33), generator=torch.Generator().manual_seed(3))
