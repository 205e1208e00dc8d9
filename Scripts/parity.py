#!/usr/bin/env python3
"""Vocabulary logits and greedy continuations of SmolLM2 by `transformers` (float32, dequantised GGUF).

    parity.py fixture MODEL.gguf OUT.json         write the committed fixture
    parity.py check MODEL.gguf KVPOLICY            compare every logit of every position with kvpolicy's

Needs torch, transformers, gguf and safetensors. The fixture holds, per prompt, the token ids, 48 greedy tokens, and
at every position of prompt and continuation the logits of every 257th token (rounded to 4 decimals); `check`
compares all logits.
"""
import json, os, struct, subprocess, sys, tempfile

PROMPTS = [
    "The capital of France is",
    "Once upon a time, in a village at the edge of a great forest, there lived an old clockmaker who",
    "def fibonacci(n):\n    \"\"\"Return the n-th Fibonacci number.\"\"\"\n",
    "<|im_start|>user\nExplain in two sentences why the sky is blue.<|im_end|>\n<|im_start|>assistant\n",
    "Zutaten: 250 g Mehl, 3 Eier, 1/2 l Milch. Zubereitung: Zuerst werden",
    "In 1969, 2 astronauts landed on the Moon; 12 people have walked there since. The numbers 3, 5, 7, 11 and 13 are all",
]
STEPS, STRIDE = 48, 257


def load(path):
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer
    torch.set_num_threads(2)
    folder, name = os.path.split(os.path.abspath(path))
    model = AutoModelForCausalLM.from_pretrained(folder, gguf_file=name, dtype=torch.float32)
    tokenizer = AutoTokenizer.from_pretrained(folder, gguf_file=name)
    return torch, model.eval(), tokenizer


def cases(path):
    torch, model, tokenizer = load(path)
    for prompt in PROMPTS:
        ids = tokenizer(prompt, add_special_tokens=False)["input_ids"]
        tokens = list(ids)
        with torch.no_grad():
            for _ in range(STEPS):
                logits = model(torch.tensor([tokens])).logits[0]
                tokens.append(int(logits[-1].argmax()))
            logits = model(torch.tensor([tokens])).logits[0].numpy()
        yield prompt, len(ids), tokens, logits


def fixture(path, out):
    made = []
    for prompt, length, tokens, logits in cases(path):
        made.append({"prompt": prompt, "promptLength": length, "tokens": tokens,
                     "logits": [[round(float(x), 4) for x in row[::STRIDE]] for row in logits]})
    with open(out, "w") as f:
        json.dump({"source": "transformers, float32, GGUF dequantised", "stride": STRIDE, "cases": made}, f,
                  separators=(",", ":"))


def ours(binary, path, tokens, shape):
    """The vocabulary logits of kvpolicy after each token."""
    import numpy
    with tempfile.TemporaryDirectory() as d:
        def file(name): return os.path.join(d, name)
        with open(file("c.json"), "w") as f:
            json.dump({"policy": "full"}, f)
        with open(file("t.json"), "w") as f:
            json.dump(tokens, f)
        # A prompt of one token, so that every line of logits is one position of the text.
        subprocess.run([binary, "trace", "--model", path, "--tokens", file("t.json"), "--prompt-length", "1",
                        "--config", file("c.json"), "--json", file("o.json"), "--logits", file("o.safetensors")],
                       check=True)
        with open(file("o.safetensors"), "rb") as f:
            raw = f.read()
    n, = struct.unpack("<Q", raw[:8])
    a, b = json.loads(raw[8:8 + n])["logits"]["data_offsets"]
    return numpy.frombuffer(raw[8 + n + a:8 + n + b], dtype="<f4").reshape(shape)


def check(path, binary):
    worst = 0.0
    for prompt, length, tokens, want in cases(path):
        got = ours(binary, path, tokens, want.shape)
        difference = float(abs(got - want).max())
        greedy = sum(int(got[i].argmax()) == tokens[i + 1] for i in range(length - 1, len(tokens) - 1))
        print("%-40.40s %3d positions  max |difference| %.5f  greedy %d/%d" % (
            prompt.replace("\n", " "), len(tokens), difference, greedy, STEPS))
        worst = max(worst, difference if greedy == STEPS else 99)
    print("worst %.5f" % worst)
    return 0 if worst <= 0.01 else 1


if __name__ == "__main__":
    if len(sys.argv) != 4 or sys.argv[1] not in ("fixture", "check"):
        sys.exit(__doc__)
    sys.exit(fixture(*sys.argv[2:]) if sys.argv[1] == "fixture" else check(*sys.argv[2:]))
