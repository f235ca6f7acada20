"""A dense Qwen3 as ONNX, in the form that ONNX Runtime runs fastest on a CPU: 8-bit weights in blocks of 32, attention,
norm and rotary embedding as single operators, the key-value cache as inputs and outputs.

Inputs: ids [1, n] int64, positions [1, n] int64, past_key_I and past_value_I [1, kv_heads, past, head_dim]; outputs:
logits of the last token [1, 1, vocabulary], present_key_I and present_value_I.
"""

from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from torch import Tensor

BLOCK = 32


class Graph:
    """Nodes and initialisers in the making; every method returns the name of its output."""

    def __init__(self) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.values: list[onnx.TensorProto] = []

    def constant(self, name: str, value: np.ndarray) -> str:
        self.values.append(numpy_helper.from_array(value, name))
        return name

    def node(self, kind: str, inputs: list[str], outputs: list[str], domain: str = "", **attributes: object) -> str:
        self.nodes.append(helper.make_node(kind, inputs, outputs, domain=domain, **attributes))
        return outputs[0]

    def matmul(self, x: str, name: str, weight: Tensor, out: str) -> str:
        """x @ weight.T with the weight [rows, k] in 8 bits."""
        rows, k = weight.shape
        blocks = weight.numpy().reshape(rows, k // BLOCK, BLOCK)
        scales = np.maximum(np.abs(blocks).max(axis=2), 1e-8) / 127
        packed = (np.rint(blocks / scales[..., None]) + 128).astype(np.uint8)
        inputs = [x, self.constant(f"{name}.b", packed), self.constant(f"{name}.s", scales.astype(np.float32).ravel())]
        return self.node("MatMulNBits", inputs, [out], "com.microsoft", K=k, N=rows, bits=8, block_size=BLOCK,
                         accuracy_level=4)  # fmt: skip

    def norm(self, x: str, name: str, weight: Tensor, out: str, epsilon: float) -> str:
        return self.node("RMSNormalization", [x, self.constant(name, weight.numpy())], [out], epsilon=epsilon, axis=-1)


def write_onnx(raw: dict, tensors: dict[str, Tensor], out: Path) -> None:
    """`raw` and `tensors` are those of `training.submodel.dense`."""
    g, heads, kv, dim = Graph(), raw["num_attention_heads"], raw["num_key_value_heads"], raw["head_dim"]
    eps = raw["rms_norm_eps"]
    frequencies = raw["rope_theta"] ** (-np.arange(0, dim, 2) / dim)
    angles = np.arange(raw["max_position_embeddings"])[:, None] * frequencies
    cos, sin = (g.constant(n, f(angles).astype(np.float32)) for n, f in (("cos", np.cos), ("sin", np.sin)))
    for name, shape in (("q_shape", [0, 0, heads, dim]), ("kv_shape", [0, 0, kv, dim]), ("flat", [0, 0, heads * dim])):
        g.constant(name, np.array(shape, dtype=np.int64))
    embedding = tensors["model.embed_tokens.weight"]
    x = g.node("Gather", [g.constant("embedding", embedding.numpy()), "ids"], ["x"])
    inputs = [helper.make_tensor_value_info(n, TensorProto.INT64, [1, "n"]) for n in ("ids", "positions")]
    outputs = [helper.make_tensor_value_info("logits", TensorProto.FLOAT, [1, 1, embedding.shape[0]])]

    for i in range(raw["num_hidden_layers"]):
        w = {n.removeprefix(f"model.layers.{i}.").removesuffix(".weight"): t for n, t in tensors.items()
             if n.startswith(f"model.layers.{i}.")}  # fmt: skip
        p = f"l{i}."
        y = g.norm(x, p + "n1", w["input_layernorm"], p + "y", eps)
        turned = {}
        for part, shape in (("q", "q_shape"), ("k", "kv_shape"), ("v", "kv_shape")):
            flat = g.matmul(y, p + part, w[f"self_attn.{part}_proj"], p + part + "f")
            by_head = g.node("Reshape", [flat, shape], [p + part + "h"])
            if part != "v":
                by_head = g.norm(by_head, p + part + "n", w[f"self_attn.{part}_norm"], p + part + "nn", eps)
            by_head = g.node("Transpose", [by_head], [p + part + "t"], perm=[0, 2, 1, 3])
            if part != "v":
                by_head = g.node("RotaryEmbedding", [by_head, cos, sin, "positions"], [p + part + "r"])
            turned[part] = by_head
        past = [f"past_key_{i}", f"past_value_{i}"]
        present = [f"present_key_{i}", f"present_value_{i}"]
        g.node("Attention", [turned["q"], turned["k"], turned["v"], "", *past], [p + "a", *present], is_causal=1)
        joined = g.node("Transpose", [p + "a"], [p + "at"], perm=[0, 2, 1, 3])
        flat = g.node("Reshape", [joined, "flat"], [p + "af"])
        x = g.node("Add", [x, g.matmul(flat, p + "o", w["self_attn.o_proj"], p + "od")], [p + "x1"])
        y = g.norm(x, p + "n2", w["post_attention_layernorm"], p + "y2", eps)
        gate = g.matmul(y, p + "g", w["mlp.gate_proj"], p + "gd")
        up = g.matmul(y, p + "u", w["mlp.up_proj"], p + "ud")
        silu = g.node("Mul", [gate, g.node("Sigmoid", [gate], [p + "gs"])], [p + "silu"])
        active = g.node("Mul", [silu, up], [p + "act"])
        x = g.node("Add", [x, g.matmul(active, p + "d", w["mlp.down_proj"], p + "dd")], [p + "x2"])
        for name in past:
            inputs.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, kv, "past", dim]))
        for name in present:
            outputs.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, kv, "present", dim]))

    g.constant("last", np.array([-1], dtype=np.int64))
    x = g.node("Gather", [x, "last"], ["tail"], axis=1)
    y = g.norm(x, "norm", tensors["model.norm.weight"], "final", eps)
    g.matmul(y, "head", embedding, "logits")
    graph = helper.make_graph(g.nodes, "qwen3", inputs, outputs, g.values)
    opsets = [helper.make_opsetid("", 23), helper.make_opsetid("com.microsoft", 1)]
    onnx.save(helper.make_model(graph, opset_imports=opsets, ir_version=10), out)
