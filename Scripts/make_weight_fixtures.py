#!/usr/bin/env python3
"""Writes Tests/Fixtures/weights: small files made by the reference libraries.

Needs numpy, gguf and safetensors. Run it from anywhere; the output is deterministic.

  dequantise/TYPE.blocks   4 matrix rows of 96 elements as ggml stores them, random bits, finite scales
  dequantise/TYPE.floats   these rows as `gguf.quants.dequantize` expands them, f32
  gguf/mixed.gguf          a model of two layers by `GGUFWriter`, every tensor type in it
  huggingface/single       this model by `safetensors.numpy`, F32 and F16
  huggingface/sharded      this model by `safetensors.numpy` in two shards with an index
  gguf/mixed.json, huggingface/tensors.json
                           per tensor: shape, first and last float as bits, sum of all bits mod 2^32
"""

import json
from pathlib import Path

import gguf
import numpy as np
from safetensors.numpy import save_file

OUT = Path(__file__).resolve().parent.parent / "Tests" / "Fixtures" / "weights"
TYPES = ["F32", "F16", "BF16", "Q8_0", "Q4_0", "Q4_1", "Q5_0", "Q5_1"]
HIDDEN, INTERMEDIATE, HEADS, KEY_HEADS, VOCABULARY, LAYERS = 32, 64, 4, 2, 24, 2
HEAD = HIDDEN // HEADS


def quantised_rows(kind: str, rng: np.random.Generator) -> np.ndarray:
    """4 matrix rows of 96 elements with random bits, except that no scale is infinite or NaN."""
    size, bytes_per_block = gguf.GGML_QUANT_SIZES[gguf.GGMLQuantizationType[kind]]
    rows = rng.integers(0, 256, (4, 96 // size, bytes_per_block), dtype=np.uint8)
    # The scales, which must be finite: their width in bytes and their exponent bits.
    width, exponent = {"F32": (4, 0x7F800000), "BF16": (2, 0x7F80)}.get(kind, (2, 0x7C00))
    for first in [0, 2] if kind in ("Q4_1", "Q5_1") else [0]:
        words = rows[:, :, first : first + width].copy().view(f"<u{width}")
        words[(words & exponent) == exponent] &= ~exponent & (256**width - 1)  # zero or subnormal
        rows[:, :, first : first + width] = words.view(np.uint8)
    return rows.reshape(4, -1)


def write_dequantise(rng: np.random.Generator) -> None:
    folder = OUT / "dequantise"
    folder.mkdir(parents=True, exist_ok=True)
    for kind in TYPES:
        rows = quantised_rows(kind, rng)
        floats = expanded(rows, kind)
        assert floats.shape == (4, 96) and np.isfinite(floats).all(), kind
        rows.tofile(folder / f"{kind}.blocks")
        floats.tofile(folder / f"{kind}.floats")


def expanded(rows: np.ndarray, kind: str) -> np.ndarray:
    """Quantised matrix rows as f32, by the gguf package."""
    if kind in ("F32", "F16"):
        return rows.view({"F32": np.float32, "F16": np.float16}[kind]).astype(np.float32)
    return gguf.quants.dequantize(rows, gguf.GGMLQuantizationType[kind]).astype(np.float32)


def model(rng: np.random.Generator) -> dict[str, np.ndarray]:
    """Random weights under their Hugging Face names."""
    normal = lambda *shape: rng.standard_normal(shape).astype(np.float32) * np.float32(0.1)
    tensors = {"model.embed_tokens.weight": normal(VOCABULARY, HIDDEN)}
    for n in range(LAYERS):
        p = f"model.layers.{n}."
        tensors |= {
            p + "input_layernorm.weight": normal(HIDDEN),
            p + "self_attn.q_proj.weight": normal(HEADS * HEAD, HIDDEN),
            p + "self_attn.k_proj.weight": normal(KEY_HEADS * HEAD, HIDDEN),
            p + "self_attn.v_proj.weight": normal(KEY_HEADS * HEAD, HIDDEN),
            p + "self_attn.o_proj.weight": normal(HIDDEN, HEADS * HEAD),
            p + "post_attention_layernorm.weight": normal(HIDDEN),
            p + "mlp.gate_proj.weight": normal(INTERMEDIATE, HIDDEN),
            p + "mlp.up_proj.weight": normal(INTERMEDIATE, HIDDEN),
            p + "mlp.down_proj.weight": normal(HIDDEN, INTERMEDIATE),
        }
    return tensors | {"model.norm.weight": normal(HIDDEN), "lm_head.weight": normal(VOCABULARY, HIDDEN)}


GGUF_NAMES = {
    "model.embed_tokens": "token_embd", "model.norm": "output_norm", "lm_head": "output",
    "input_layernorm": "attn_norm", "post_attention_layernorm": "ffn_norm",
    "self_attn.q_proj": "attn_q", "self_attn.k_proj": "attn_k", "self_attn.v_proj": "attn_v",
    "self_attn.o_proj": "attn_output", "mlp.gate_proj": "ffn_gate", "mlp.up_proj": "ffn_up",
    "mlp.down_proj": "ffn_down",
}


def gguf_name(name: str) -> str:
    for old, new in GGUF_NAMES.items():
        name = name.replace(old, new)
    return name.replace("model.layers.", "blk.")


def fingerprint(values: np.ndarray) -> dict:
    bits = np.ascontiguousarray(values, dtype=np.float32).reshape(-1).view(np.uint32)
    return {
        "shape": list(values.shape), "first": int(bits[0]), "last": int(bits[-1]),
        "sum": int(bits.astype(np.uint64).sum() % 2**32),
    }


def write_gguf(tensors: dict[str, np.ndarray]) -> None:
    folder = OUT / "gguf"
    folder.mkdir(parents=True, exist_ok=True)
    writer = gguf.GGUFWriter(folder / "mixed.gguf", "llama")
    writer.add_block_count(LAYERS)
    writer.add_context_length(512)
    writer.add_embedding_length(HIDDEN)
    writer.add_feed_forward_length(INTERMEDIATE)
    writer.add_head_count(HEADS)
    writer.add_head_count_kv(KEY_HEADS)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_rope_freq_base(500000.0)
    writer.add_rope_dimension_count(HEAD)
    writer.add_bos_token_id(1)
    writer.add_eos_token_id(2)
    writer.add_eot_token_id(3)
    writer.add_token_list([f"<{n}>" for n in range(VOCABULARY)])
    writer.add_token_scores([-float(n) for n in range(VOCABULARY)])
    expected, turn = {}, 0
    for name, values in tensors.items():
        kind = "F32"
        if values.ndim == 2:
            kind, turn = TYPES[turn % len(TYPES)], turn + 1
        quantum = gguf.GGMLQuantizationType[kind]
        rows = gguf.quants.quantize(values, quantum)
        writer.add_tensor(gguf_name(name), rows, raw_dtype=quantum)
        flat = rows.reshape(rows.shape[0], -1).view(np.uint8) if values.ndim == 2 else rows.view(np.uint8)
        expected[gguf_name(name)] = fingerprint(expanded(flat, kind).reshape(values.shape)) | {"type": kind}
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    (folder / "mixed.json").write_text(json.dumps(expected, indent=1) + "\n")


def write_hugging_face(tensors: dict[str, np.ndarray]) -> None:
    config = {
        "architectures": ["LlamaForCausalLM"], "model_type": "llama", "vocab_size": VOCABULARY,
        "hidden_size": HIDDEN, "intermediate_size": INTERMEDIATE, "num_hidden_layers": LAYERS,
        "num_attention_heads": HEADS, "num_key_value_heads": KEY_HEADS, "hidden_act": "silu",
        "max_position_embeddings": 512, "rms_norm_eps": 1e-5, "rope_theta": 500000.0,
        "rope_scaling": None, "tie_word_embeddings": False, "bos_token_id": 1,
        "eos_token_id": [2, 3], "attention_bias": False, "mlp_bias": False,
    }
    stored = {n: v.astype(np.float16) if ".mlp." in n else v for n, v in tensors.items()}
    shards = {"model-00001-of-00002.safetensors": {}, "model-00002-of-00002.safetensors": {}}
    for name in stored:
        shards[sorted(shards)[0 if ".layers.0." in name or "embed" in name else 1]][name] = stored[name]
    for kind, files in {"single": {"model.safetensors": stored}, "sharded": shards}.items():
        folder = OUT / "huggingface" / kind
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "config.json").write_text(json.dumps(config, indent=2) + "\n")
        for file, content in files.items():
            save_file(content, folder / file, metadata={"format": "pt"})
    index = {"metadata": {"total_size": sum(v.nbytes for v in stored.values())},
             "weight_map": {n: f for f, content in shards.items() for n in content}}
    (OUT / "huggingface" / "sharded" / "model.safetensors.index.json").write_text(
        json.dumps(index, indent=2) + "\n")
    (OUT / "huggingface" / "tensors.json").write_text(
        json.dumps({n: fingerprint(v.astype(np.float32)) for n, v in stored.items()}, indent=1) + "\n")


if __name__ == "__main__":
    write_dequantise(np.random.default_rng(1))
    weights = model(np.random.default_rng(2))
    write_gguf(weights)
    write_hugging_face(weights)
