#!/usr/bin/env python3
"""Writes Tests/TrainingTests/Fixtures/*.json: a tiny Llama's loss and gradients, by PyTorch's autograd.

Run from the repository's root with a Python that has torch. The model is written in plain operations, so
autograd is the only code to trust. Double precision makes the printed numbers exact enough.
"""

import json
import math
import pathlib

import torch

VOCABULARY, HIDDEN, LAYERS, QUERY_HEADS, KEY_HEADS, DEPTH, INNER = 20, 20, 2, 4, 2, 6, 28
LENGTHS = [11, 4]
EPSILON, THETA = 1e-5, 10000.0
SINKS, WINDOW = 1, 3


def tensors():
    yield "model.embed_tokens.weight", (VOCABULARY, HIDDEN)
    for layer in range(LAYERS):
        name = f"model.layers.{layer}."
        yield name + "input_layernorm.weight", (HIDDEN,)
        yield name + "self_attn.q_proj.weight", (QUERY_HEADS * DEPTH, HIDDEN)
        yield name + "self_attn.k_proj.weight", (KEY_HEADS * DEPTH, HIDDEN)
        yield name + "self_attn.v_proj.weight", (KEY_HEADS * DEPTH, HIDDEN)
        yield name + "self_attn.o_proj.weight", (HIDDEN, QUERY_HEADS * DEPTH)
        yield name + "post_attention_layernorm.weight", (HIDDEN,)
        yield name + "mlp.gate_proj.weight", (INNER, HIDDEN)
        yield name + "mlp.up_proj.weight", (INNER, HIDDEN)
        yield name + "mlp.down_proj.weight", (HIDDEN, INNER)
    yield "model.norm.weight", (HIDDEN,)


def norm(x, weight):
    return x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + EPSILON) * weight


def rotate(x):
    """x: heads x tokens x DEPTH, elements paired by halves."""
    half = DEPTH // 2
    frequencies = THETA ** (-2 * torch.arange(half, dtype=x.dtype) / DEPTH)
    angles = torch.outer(torch.arange(x.shape[1], dtype=x.dtype), frequencies)
    a, b = x[..., :half], x[..., half:]
    return torch.cat(
        [a * angles.cos() - b * angles.sin(), b * angles.cos() + a * angles.sin()], dim=-1)


def attend(q, k, v, visible):
    logits = (q @ k.transpose(1, 2) / math.sqrt(DEPTH)).masked_fill(~visible, -math.inf)
    return logits.softmax(-1) @ v


def logits_of(weights, x, scalars):
    count = x.shape[0]
    row, column = torch.arange(count)[:, None], torch.arange(count)[None, :]
    causal = column <= row
    streaming = causal & ((column < SINKS) | (column > row - WINDOW))
    for layer in range(LAYERS):
        w = lambda part: weights[f"model.layers.{layer}.{part}.weight"]
        heads = lambda y, n: y.view(count, n, DEPTH).transpose(0, 1)
        normed = norm(x, w("input_layernorm"))
        q = rotate(heads(normed @ w("self_attn.q_proj").T, QUERY_HEADS))
        k = rotate(heads(normed @ w("self_attn.k_proj").T, KEY_HEADS))
        v = heads(normed @ w("self_attn.v_proj").T, KEY_HEADS)
        k, v = (t.repeat_interleave(QUERY_HEADS // KEY_HEADS, 0) for t in (k, v))
        out = attend(q, k, v, causal)
        if scalars is not None:
            z = scalars[layer][:, None, None]
            out = z * out + (1 - z) * attend(q, k, v, streaming)
        x = x + out.transpose(0, 1).reshape(count, -1) @ w("self_attn.o_proj").T
        normed = norm(x, w("post_attention_layernorm"))
        gate = normed @ w("mlp.gate_proj").T
        inner = gate * torch.sigmoid(gate) * (normed @ w("mlp.up_proj").T)
        x = x + inner @ w("mlp.down_proj").T
    return norm(x, weights["model.norm.weight"]) @ weights["model.embed_tokens.weight"].T


def pack(tensor):
    return [float(f"{value:.5g}") for value in tensor.detach().reshape(-1).tolist()]


def main():
    torch.manual_seed(1)
    weights = {}
    for name, shape in tensors():
        value = torch.randn(shape) * 0.3 + (1.0 if len(shape) == 1 else 0.0)
        # Few digits, so that the file holds exactly the numbers that are used.
        weights[name] = (value.double() * 1000).round().div(1000).requires_grad_()
    count = sum(LENGTHS)
    tokens = torch.randint(VOCABULARY, (count,))
    targets = torch.randint(VOCABULARY, (count,))
    shares = torch.tensor([(index % 3) / 2 for index in range(count)], dtype=torch.float64)
    z = torch.linspace(0, 1, LAYERS * QUERY_HEADS, dtype=torch.float64)
    z = (z * 1000).round().div(1000)
    result = {
        "tokens": tokens.tolist(), "targets": targets.tolist(), "shares": shares.tolist(),
        "lengths": LENGTHS, "scalars": z.tolist(), "sinks": SINKS, "window": WINDOW,
        "weights": [pack(value) for value in weights.values()], "passes": {},
    }
    for kind in ("causal", "mixed"):
        for value in weights.values():
            value.grad = None
        scalars = z.view(LAYERS, QUERY_HEADS).clone().requires_grad_()
        inputs = weights["model.embed_tokens.weight"][tokens]
        inputs.retain_grad()
        parts = [
            logits_of(weights, x, scalars if kind == "mixed" else None)
            for x in inputs.split(LENGTHS)
        ]
        losses = torch.nn.functional.cross_entropy(torch.cat(parts), targets, reduction="none")
        loss = (losses * shares).sum() / shares.sum()
        loss.backward()
        result["passes"][kind] = {
            "loss": loss.item(), "inputs": pack(inputs.grad),
            "scalars": pack(scalars.grad) if kind == "mixed" else [],
            "weights": [pack(value.grad) for value in weights.values()],
        }
    folder = pathlib.Path("Tests/TrainingTests/Fixtures")
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "autograd.json").write_text(json.dumps(result, separators=(",", ":")) + "\n")


if __name__ == "__main__":
    main()
