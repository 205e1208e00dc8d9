#!/usr/bin/env python3
"""Prefill and decode speed of kvpolicy, llama.cpp and PyTorch, alternating in one run on one machine.

    peers.py install VENV                                  make a virtual environment with the peers
    peers.py run MODEL.gguf KVPOLICY VENV [options]        measure; Markdown on standard output

      --lengths LIST    prompts to read; decoding starts after each (default: 0,512,2048,8192)
      --max-depth N     leave out longer prompts (PyTorch reads 8192 tokens in a minute)
      --rounds N        how often each length is measured by every tool (default: 3)
      --steps N         tokens decoded after each prompt (default: 16)
      --threads N       for every tool (default: all cores)
      --policies NAMES  kvpolicy's; the ratios use the first (default: full)
      --budget ROWS     rows per lane that each policy may keep (default: 512)
      --arithmetic LIST kvpolicy's products while decoding (default: exact,integer; prompts are always exact)
      --tools NAMES     peers to measure (default: llama-q,llama-f32,torch)
      --json FILE       every single measurement

`install` needs python3 with venv and a C++ compiler with cmake (llama-cpp-python is built from source for this
machine, which takes minutes). VENV is a folder outside the repository. In every round, for every length, each tool
reads a prompt from an empty cache and then decodes, while the other tools wait. So a drift of the machine affects all
tools. The machine must do nothing else: tools whose threads spin while they wait lose most of their speed on a busy
machine.

llama-q    the model as it is, keys and values in f16, flash attention
llama-f32  the model's weights written out as f32, keys and values in f32, llama.cpp's default attention
torch      transformers, float32 (the file's weights dequantised), scaled-dot-product attention
"""
import argparse, json, os, random, statistics, subprocess, sys, tempfile, time

PACKAGES = ["torch", "transformers", "accelerate", "gguf", "numpy"]
WARM_UP = 4  # untimed decode steps, as in kvpolicy bench


def tokens(count):
    """Ordinary tokens of any vocabulary of this size; their values do not affect the time."""
    return random.Random(1).choices(range(100, 20000), k=count)


# The peers. Each has the methods `prefill(tokens)`, from an empty cache, and `step(token)`.

class Llama:
    def __init__(self, path, threads, context, f32):
        import llama_cpp
        kind = llama_cpp.GGML_TYPE_F32 if f32 else llama_cpp.GGML_TYPE_F16
        self.model = llama_cpp.Llama(
            path, n_ctx=context, n_batch=512, n_ubatch=512, n_threads=threads, n_threads_batch=threads, type_k=kind,
            type_v=kind, flash_attn=not f32, verbose=False)

    def prefill(self, prompt):
        self.model.reset()
        if prompt:
            self.model.eval(prompt)

    def step(self, token):
        self.model.eval([token])


class Torch:
    def __init__(self, path, threads, context):
        import torch
        from transformers import AutoModelForCausalLM
        torch.set_num_threads(threads)
        torch.set_grad_enabled(False)
        folder, name = os.path.split(os.path.abspath(path))
        self.torch = torch
        self.model = AutoModelForCausalLM.from_pretrained(folder, gguf_file=name, dtype=torch.float32).eval()
        self.cache = None

    def read(self, part):
        out = self.model(self.torch.tensor([part]), past_key_values=self.cache, use_cache=True, logits_to_keep=1)
        self.cache = out.past_key_values

    def prefill(self, prompt):
        self.cache = None
        if prompt:
            self.read(prompt)

    def step(self, token):
        self.read([token])


def write_f32(path, out):
    """The model with its weights as f32."""
    import llama_cpp
    params = llama_cpp.llama_model_quantize_default_params()
    params.ftype, params.allow_requantize = llama_cpp.LLAMA_FTYPE_ALL_F32, True
    if llama_cpp.llama_model_quantize(path.encode(), out.encode(), params) != 0:
        sys.exit("cannot write %s as f32" % path)


def worker(name, path, threads, context, steps):
    """Reads lengths from standard input and writes times to standard output, one line of JSON each."""
    threads, context, steps = int(threads), int(context), int(steps)
    # The libraries' output must not be mistaken for an answer.
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    peer = Torch(path, threads, context) if name == "torch" else Llama(path, threads, context, name == "llama-f32")
    text = tokens(context)
    peer.prefill(text[:64])
    peer.step(text[64])
    print(json.dumps("ready"), file=answers, flush=True)
    for line in sys.stdin:
        length = int(line)
        start = time.perf_counter()
        peer.prefill(text[:length])
        read = time.perf_counter() - start
        rest = text[length:]
        for token in rest[:WARM_UP]:
            peer.step(token)
        start = time.perf_counter()
        for token in rest[WARM_UP:WARM_UP + steps]:
            peer.step(token)
        step = (time.perf_counter() - start) / steps
        print(json.dumps({"prefill": length / read if length else None, "decode": 1 / step}), file=answers, flush=True)


# The run.

class Peer:
    """A peer in a separate process, which sleeps while the other tools run."""

    def __init__(self, name, model, python, arguments, context):
        self.name = name
        command = [python, os.path.abspath(__file__), "worker", name, model, str(arguments.threads), str(context),
                   str(arguments.steps)]
        quiet = dict(os.environ, TQDM_DISABLE="1")
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=quiet)
        self.answer()

    def answer(self):
        line = self.process.stdout.readline()
        if not line:
            sys.exit("%s ended with status %s" % (self.name, self.process.wait()))
        return json.loads(line)

    def measure(self, length):
        print(length, file=self.process.stdin, flush=True)
        return {self.name: self.answer()}

    def end(self):
        self.process.stdin.close()
        self.process.wait()


def label(policy, arithmetic):
    return policy if arithmetic == "exact" else "%s, %s" % (policy, arithmetic)


def measure_ours(arguments, length, arithmetic):
    """kvpolicy's speeds by policy, and the floor's."""
    command = [arguments.kvpolicy, "bench", "--model", arguments.model, "--policies", arguments.policies, "--budget",
               str(arguments.budget), "--prefill", str(length) if length and arithmetic == "exact" else "none",
               "--decode", str(length),
               "--steps", str(arguments.steps), "--repeats", "1", "--threads", str(arguments.threads),
               "--arithmetic", arithmetic, "--json", "-"]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit(done.stderr)
    speeds = {}
    for row in json.loads(done.stdout)["rows"]:
        speed = speeds.setdefault(label(row["label"], arithmetic), {"prefill": None, "floor": {}})
        speed[row["work"]] = row["tokensPerSecond"]["median"]
        speed["floor"][row["work"]] = row["tokensPerSecond"]["median"] / row["floorShare"]
    return speeds


def run(arguments):
    python = os.path.join(arguments.venv, "bin", "python")
    if not os.path.exists(python):
        sys.exit("%s is no virtual environment; make it with: %s install %s" % (
            arguments.venv, sys.argv[0], arguments.venv))
    lengths = [n for n in arguments.lengths if n <= arguments.max_depth]
    if not lengths:
        sys.exit("no length is left to measure; --max-depth is %d" % arguments.max_depth)
    context = max(lengths) + WARM_UP + arguments.steps + 64
    with tempfile.TemporaryDirectory() as folder:
        peers = []
        for name in arguments.tools:
            model = arguments.model
            if name == "llama-f32":
                model = os.path.join(folder, "f32.gguf")
                subprocess.run([python, os.path.abspath(__file__), "f32", arguments.model, model], check=True,
                               stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            peers.append(Peer(name, model, python, arguments, context))
        samples = []
        for number in range(arguments.rounds):
            for length in lengths:
                found = {}
                for arithmetic in arguments.arithmetic:
                    found.update(measure_ours(arguments, length, arithmetic))
                for peer in peers:
                    found.update(peer.measure(length))
                samples.append({"round": number, "length": length, "speeds": found})
                print("round %d, %d tokens: done" % (number + 1, length), file=sys.stderr)
        for peer in peers:
            peer.end()
    if arguments.json:
        with open(arguments.json, "w") as f:
            json.dump({"threads": arguments.threads, "steps": arguments.steps, "samples": samples}, f, indent=1)
    print(table(samples, lengths, arguments))


def table(samples, lengths, arguments):
    """Medians of tokens per second with minimum and maximum, the floor, and the ratios of kvpolicy to the peers."""
    ours = [label(policy, kind) for kind in arguments.arithmetic for policy in arguments.policies.split(",")]
    peers = arguments.tools
    head = (["%d threads, tokens/s" % arguments.threads, "floor"] + ours + peers + ["%s / floor" % ours[0]]
            + ["%s / %s" % (ours[0], peer) for peer in peers])
    lines = [head, ["---"] * len(head)]
    for work in ("prefill", "decode"):
        for length in lengths:
            speeds = [s["speeds"] for s in samples if s["length"] == length]
            if speeds[0][ours[0]][work] is None:
                continue
            floor = statistics.median(s[ours[0]]["floor"][work] for s in speeds)
            medians, cells = {}, []
            for tool in ours + peers:
                values = [s[tool][work] for s in speeds]
                if None in values:
                    cells.append("–")
                    continue
                medians[tool] = statistics.median(values)
                cells.append("%s (%s–%s)" % tuple(map(number, (medians[tool], min(values), max(values)))))
            mine = medians[ours[0]]
            ratios = ["%.2f" % (mine / floor)] + ["%.2f" % (mine / medians[peer]) for peer in peers]
            lines.append(["%s %d" % (work if work == "prefill" else "decode at", length), number(floor)] + cells + ratios)
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def number(value):
    return "%.0f" % value if value >= 100 else "%.1f" % value


def install(venv):
    subprocess.run([sys.executable, "-m", "venv", venv], check=True)
    pip = [os.path.join(venv, "bin", "python"), "-m", "pip", "install"]
    subprocess.run(pip + PACKAGES, check=True)
    subprocess.run(pip + ["--no-binary", "llama-cpp-python", "llama-cpp-python"], check=True)


def parse(words):
    def names(text): return text.split(",")

    def numbers(text): return [int(part) for part in text.split(",")]

    parser = argparse.ArgumentParser(prog="peers.py run")
    for name in ("model", "kvpolicy", "venv"):
        parser.add_argument(name)
    parser.add_argument("--lengths", type=numbers, default=[0, 512, 2048, 8192])
    parser.add_argument("--max-depth", type=int, default=1 << 20)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--steps", type=int, default=16)
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--policies", default="full")
    parser.add_argument("--budget", type=int, default=512)
    parser.add_argument("--arithmetic", type=names, default=["exact", "integer"])
    parser.add_argument("--tools", type=names, default=["llama-q", "llama-f32", "torch"])
    parser.add_argument("--json")
    arguments = parser.parse_args(words)
    if min(arguments.rounds, arguments.steps, arguments.threads) < 1 or min(arguments.lengths) < 0:
        parser.error("rounds, steps and threads are 1 or more, lengths 0 or more")
    unknown = set(arguments.tools) - {"llama-q", "llama-f32", "torch"}
    if unknown:
        parser.error("there is no tool '%s'; there are llama-q, llama-f32, torch" % unknown.pop())
    return arguments


if __name__ == "__main__":
    command, words = (sys.argv[1] if len(sys.argv) > 1 else ""), sys.argv[2:]
    if command == "install" and len(words) == 1:
        install(words[0])
    elif command == "run":
        run(parse(words))
    elif command == "worker":
        worker(*words)
    elif command == "f32":
        write_f32(*words)
    else:
        sys.exit(__doc__)
