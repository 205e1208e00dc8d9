"""Writes policies.json: what four policies keep of a toy model's cache.

An independent restatement of the algorithms in double precision, without dependencies, to compare the
Swift policies with. Two key heads, each read by two query heads; head dimension 4; no rotation; token t
has key sin(0.7t + 1.3d + 0.9g) and query 2cos(0.4t + 0.9d + 0.5h). Equal scores keep the lower position.

Run: python3 make_golden.py > policies.json
"""

import json
from math import cos, exp, inf, sin, sqrt

QUERY_HEADS, KEY_HEADS, WIDTH = 4, 2, 4
GROUP = QUERY_HEADS // KEY_HEADS


def logit(h, query, key):
    q = [2 * cos(0.4 * query + 0.9 * d + 0.5 * h) for d in range(WIDTH)]
    k = [sin(0.7 * key + 1.3 * d + 0.9 * (h // GROUP)) for d in range(WIDTH)]
    return sum(a * b for a, b in zip(q, k)) / sqrt(WIDTH)


def softmax(row):
    top = max(row)
    e = [exp(x - top) for x in row]
    return [x / sum(e) for x in e]


def causal(h, query, keys):
    return softmax([logit(h, query, k) if k <= query else -inf for k in keys])


def heads(g):
    return range(g * GROUP, (g + 1) * GROUP)


def largest(tokens, scores, count):
    ranked = sorted(range(len(tokens)), key=lambda i: (-scores[i], i))
    return [tokens[i] for i in sorted(ranked[:count])]


def morphkv(prompt, steps, window, capacity, fusion="sum", rows="W-1", gqa="max"):
    cache = [list(range(prompt)) for _ in range(KEY_HEADS)]
    out = []
    for t in range(prompt, prompt + steps):
        for g in range(KEY_HEADS):
            tokens = cache[g] + [t]
            if len(tokens) >= capacity + 2:
                cut = len(tokens) - window - 1
                distant, recent = tokens[:cut], tokens[cut:]
                votes = []
                for q in range(t - (window - 1 if rows == "W-1" else window), t):
                    z = [[logit(h, q, k) for k in distant] for h in heads(g)]
                    if gqa == "max":
                        votes.append([max(c) for c in zip(*[softmax(r) for r in z])])
                    else:
                        votes.append(softmax([sum(c) for c in zip(*z)]))
                join = sum if fusion == "sum" else max
                scores = [join(c) for c in zip(*votes)]
                tokens = largest(distant, scores, capacity - window) + recent
            cache[g] = tokens
        out.append([list(c) for c in cache])
    return out


def snapkv(prompt, window, capacity, kernel, pool, order):
    tokens, cut, out = list(range(prompt)), prompt - window, []

    def pooled(v):
        reach = kernel // 2
        parts = [v[max(0, i - reach):i + reach + 1] for i in range(len(v))]
        return [sum(p) / kernel if pool == "average" else max(p) for p in parts]

    def mean(rows):
        return [sum(c) / len(rows) for c in zip(*rows)]

    for g in range(KEY_HEADS):
        sums = []
        for h in heads(g):
            attention = [causal(h, q, tokens) for q in range(cut, prompt)]
            sums.append([sum(c) for c in zip(*attention)][:cut])
        scores = mean([pooled(v) for v in sums]) if order == "poolThenGroup" else pooled(mean(sums))
        out.append(largest(tokens[:cut], scores, capacity - window) + tokens[cut:])
    return [out]


def h2o(prompt, steps, heavy, recent):
    cache, score, out = [], [], []

    def evict(g):
        cut = len(cache[g]) - recent
        if cut > heavy:
            order = sorted(range(cut), key=lambda i: (-score[g][i], i))
            kept = sorted(order[:heavy]) + list(range(cut, cut + recent))
            cache[g], score[g] = [cache[g][i] for i in kept], [score[g][i] for i in kept]

    for g in range(KEY_HEADS):
        cache.append(list(range(prompt)))
        score.append([0.0] * prompt)
        for q in range(prompt):
            for h in heads(g):
                score[g] = [s + p / GROUP for s, p in zip(score[g], causal(h, q, cache[g]))]
        evict(g)
    out.append([list(c) for c in cache])
    for t in range(prompt, prompt + steps):
        for g in range(KEY_HEADS):
            cache[g], score[g] = cache[g] + [t], score[g] + [0.0]
            for h in heads(g):
                score[g] = [s + p / GROUP for s, p in zip(score[g], causal(h, t, cache[g]))]
            evict(g)
        out.append([list(c) for c in cache])
    return out


def tova(prompt, steps, capacity):
    tokens, out = list(range(prompt)), []
    for t in range(prompt - 1, prompt + steps):
        tokens = tokens + [t] if t >= prompt else tokens
        if len(tokens) > capacity:
            rows = [causal(h, t, tokens) for h in range(QUERY_HEADS)]
            tokens = largest(tokens, [sum(c) for c in zip(*rows)], capacity)
        out.append([list(tokens)] * KEY_HEADS)
    return out


def case(name, prompt, settings, kept, first):
    """`first` is the moment of kept[0]: 0 for the end of the prompt, 1 for the first step."""
    return {"policy": name, "settings": settings, "prompt": prompt, "first": first, "kept": kept}


def morph_case(prompt, steps, window, capacity, **options):
    settings = {"window": window, "capacity": capacity}
    settings["fusion"] = options.get("fusion", "sum")
    settings["rows"] = options.get("rows", "W-1")
    settings["gqa"] = "maxOfProbabilities" if options.get("gqa", "max") == "max" else "sumOfLogits"
    return case("morphkv", prompt, settings, morphkv(prompt, steps, window, capacity, **options), 1)


def snap_case(pool, order):
    settings = {"window": 4, "capacity": 10, "kernel": 5, "pool": pool, "poolOrder": order}
    return case("snapkv", 16, settings, snapkv(16, 4, 10, 5, pool, order), 0)


CASES = [
    morph_case(10, 5, 3, 6),
    morph_case(10, 5, 3, 6, fusion="max"),
    morph_case(10, 5, 3, 6, rows="W"),
    morph_case(10, 5, 3, 6, rows="W", gqa="sum"),
    morph_case(3, 7, 2, 5),
    snap_case("average", "poolThenGroup"),
    snap_case("max", "poolThenGroup"),
    snap_case("max", "groupThenPool"),
    case("h2o", 12, {"heavy": 3, "recent": 4}, h2o(12, 4, 3, 4), 0),
    case("tova", 10, {"capacity": 5}, tova(10, 4, 5), 0),
]

if __name__ == "__main__":
    print("[\n" + ",\n".join(json.dumps(c) for c in CASES) + "\n]")
