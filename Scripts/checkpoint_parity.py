#!/usr/bin/env python3
"""Checks that transformers and llama.cpp read a checkpoint as kvpolicy does.

    checkpoint_parity.py FOLDER KVPOLICY MODEL.gguf [MODEL.gguf ...]

FOLDER is the checkpoint's Hugging Face folder; each GGUF file is this checkpoint in some format. Compares the
tokens of a few texts in all programs, and every vocabulary logit of a few tokens: kvpolicy's from the folder with
transformers', and kvpolicy's from each GGUF file with transformers' and llama.cpp's. Needs torch, transformers,
gguf and llama-cpp-python.
"""
import json, os, random, subprocess, sys
from parity import ours


def torch_logits(folder, **file):
    """A function from tokens to vocabulary logits, by transformers in float32."""
    import torch
    from transformers import AutoModelForCausalLM
    torch.set_num_threads(2)
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32, **file).eval()

    def logits(tokens):
        with torch.no_grad():
            return model(torch.tensor([tokens])).logits[0].numpy()
    return logits


def torch_model(folder):
    from transformers import AutoTokenizer
    tokenizer = AutoTokenizer.from_pretrained(folder)
    def encode(text): return tokenizer(text, add_special_tokens=False)["input_ids"]
    return encode, tokenizer.decode, torch_logits(folder)


def llama_model(path):
    import llama_cpp, numpy
    model = llama_cpp.Llama(path, n_ctx=0, logits_all=True, type_k=llama_cpp.GGML_TYPE_F32,
                            type_v=llama_cpp.GGML_TYPE_F32, flash_attn=False, n_threads=2, verbose=False)

    def logits(tokens):
        model.reset()
        model.eval(tokens)
        return numpy.array(model.scores[:len(tokens)])

    def encode(text): return model.tokenize(text.encode(), add_bos=False, special=True)
    def decode(tokens): return model.detokenize(tokens, special=True).decode()
    return encode, decode, logits


def our_tokens(binary, path, texts):
    lines = "".join(json.dumps(text) + "\n" for text in texts)
    answer = subprocess.run([binary, "tokenize", "--model", path], input=lines, check=True, stdout=subprocess.PIPE,
                            text=True).stdout
    return [json.loads(line) for line in answer.splitlines()]


def same_tokens(name, path, binary, encode, decode, texts):
    """Whether a program splits each text into our tokens, and decodes these tokens to the text."""
    equal = sum(encode(text) == tokens for text, tokens in zip(texts, our_tokens(binary, path, texts)))
    read = sum(decode(encode(text)) == text for text in texts)
    print("%-30s tokens equal in %d of %d texts, read back %d" % (name, equal, len(texts), read))
    return equal == read == len(texts)


def compare(name, want, got, limit):
    """Whether no vocabulary logit differs by more than the limit."""
    difference = float(abs(got - want).max())
    best = int((got.argmax(1) == want.argmax(1)).sum())
    print("%-30s %d positions of %d logits within ±%.1f: max |difference| %.6f, same best %d" % (
        name, *want.shape, float(abs(want).max()), difference, best))
    return difference <= limit


def main(folder, binary, paths):
    with open(os.path.join(folder, "tokenizer.json")) as f:
        words = [token["content"] for token in json.load(f)["added_tokens"]]
    choose = random.Random(1)
    # Words alone, then words among other characters.
    texts = ["".join(choose.choices(words, k=40)) for _ in range(6)]
    texts += ["".join(choose.choices(words + list("abcé ,7\tÄ\n") + ["amber,", "  "], k=40)) for _ in range(6)]
    encode, decode, logits = torch_model(folder)
    tokens = encode(texts[0]) + choose.sample(range(len(words)), k=min(20, len(words)))
    sound = [same_tokens("transformers", folder, binary, encode, decode, texts)]
    want = logits(tokens)
    sound.append(compare("transformers", want, ours(binary, folder, tokens, want.shape), 1e-4))
    for path in paths:
        place, name = os.path.split(os.path.abspath(path))
        got = ours(binary, path, tokens, want.shape)
        sound.append(compare("transformers, " + name, torch_logits(place, gguf_file=name)(tokens), got, 1e-4))
        encode, decode, logits = llama_model(path)
        sound.append(same_tokens("llama.cpp, " + name, path, binary, encode, decode, texts))
        # llama.cpp rounds activations to the weights' 16 or 8 bits; transformers and kvpolicy do not.
        sound.append(compare("llama.cpp, " + name, logits(tokens), got, 0.3))
    return 0 if all(sound) else 1


if __name__ == "__main__":
    if len(sys.argv) < 4:
        sys.exit(__doc__)
    sys.exit(main(sys.argv[1], sys.argv[2], sys.argv[3:]))
