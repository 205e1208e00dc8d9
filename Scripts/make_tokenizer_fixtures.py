#!/usr/bin/env python3
"""Writes Tests/Fixtures/tokenizer: the tokens that the Hugging Face libraries make of hard strings.

    pip install tokenizers transformers gguf torch
    python3 Scripts/make_tokenizer_fixtures.py Models/SmolLM2-135M-Instruct.Q4_1.gguf

Everything is deterministic. Two vocabularies are used:

- SmolLM2's, read from the GGUF file (not copied into the repository; tests on it run where the file is);
- small ones, trained here on a few sentences and saved, so that their tests always run.

The SmolLM2 tokenizer is built from the vocabulary and merges with the pre-tokenizer of the published
tokenizer.json: Digits(individual_digits=True), then ByteLevel(add_prefix_space=False). The script
compares it with the tokenizer that `transformers` builds from the GGUF file, and prints the differences.
"""
import json
import os
import random
import sys

from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers
from tokenizers import pre_tokenizers, processors, trainers

HERE = os.path.dirname(os.path.abspath(__file__))
OUT = os.path.join(HERE, "..", "Tests", "Fixtures", "tokenizer")
CONTRACTIONS = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)"
MODERN = (
    CONTRACTIONS + r"|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}%s| ?[^\s\p{L}\p{N}]+[\r\n]*"
    r"|\s*[\r\n]+|\s+(?!\S)|\s+"
)
SPECIALS = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]


def byte_level(use_regex):
    return pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=use_regex)


def digits_then_gpt2():
    return pre_tokenizers.Sequence([pre_tokenizers.Digits(individual_digits=True), byte_level(True)])


def modern(numbers):
    split = pre_tokenizers.Split(Regex(MODERN % numbers), behavior="isolated", invert=False)
    return pre_tokenizers.Sequence([split, byte_level(False)])


RULES = {
    "gpt2": (lambda: byte_level(True), None, False),
    "smollm": (digits_then_gpt2, None, False),
    "llama-bpe": (lambda: modern("{1,3}"), None, True),
    "qwen2": (lambda: modern(""), normalizers.NFC, False),
}

# ---------------------------------------------------------------------------------------- strings

SCRIPTS = [
    "The quick brown fox jumps over the lazy dog.", "Größe, Straße und Übermut: äöüÄÖÜß",
    "À la recherche du temps perdu — « où êtes-vous ? »", "¿Dónde está el niño? ¡Aquí!",
    "Příliš žluťoučký kůň úpěl ďábelské ódy", "Zażółć gęślą jaźń", "İstanbul'da ığdır ĞÜŞİÖÇ",
    "Đường phố Việt Nam rất đẹp", "Þetta er íslenska, æðislegt", "Съешь ещё этих мягких булок, да выпей чаю",
    "Їжак і ґанок, є ще й «лапки»", "Ξεσκεπάζω την ψυχοφθόρα βδελυγμία", "ἐν ἀρχῇ ἦν ὁ λόγος",
    "نص عربي مع تَشْكِيل وأرقام ١٢٣", "السَّلامُ عَلَيْكُم", "שָׁלוֹם עוֹלָם, מה נשמע?", "یک متن فارسی با نیم‌فاصله می‌روم",
    "नमस्ते दुनिया, कैसे हैं आप?", "क्ष त्र ज्ञ श्र", "বাংলা ভাষা", "தமிழ் மொழி", "తెలుగు భాష", "ಕನ್ನಡ", "മലയാളം",
    "ภาษาไทยไม่มีช่องว่าง", "ລາວ", "မြန်မာဘာသာ", "ភាសាខ្មែរ", "བོད་སྐད་", "中文分词测试，标点。", "繁體中文「引號」",
    "日本語のテキスト。カタカナ、ひらがな", "ﾊﾝｶｸｶﾀｶﾅ", "한국어 띄어쓰기 테스트", "각 한글 자모", "አማርኛ ጽሑፍ።",
    "ქართული ენა", "Հայերեն լեզու", "ᏣᎳᎩ ᎦᏬᏂᎯᏍᏗ", "ᠮᠣᠩᠭᠣᠯ", "𐌰𐌱𐌲 gothic 𝔊𝔬𝔱𝔥𝔦𝔠", "𒀀𒀁 cuneiform", "𓀀𓁐 hieroglyphs",
    "ߒߞߏ", "ⵜⴰⵎⴰⵣⵉⵖⵜ", "ꯃꯩꯇꯩ", "සිංහල", "ગુજરાતી", "ਪੰਜਾਬੀ", "ଓଡ଼ିଆ", "ꦗꦮ", "ᮞᮥᮔ᮪ᮓ", "𞤀𞤣𞤤𞤢𞤥", "ᚠᚢᚦᚨᚱᚲ",
]
COMBINING = [
    "e\u0301", "é", "a\u0308\u0304", "\u0301alone", " \u0301", "\u0301", "a\u0328\u0301b", "n\u0303o",
    "Z\u0351\u036b\u0343\u036aalgo\u0362", "\u1100\u1161\u11a8", "\uac01", "\u212b\u00c5A\u030a", "q\u0307\u0323",
    "q\u0323\u0307", "\u0958", "\u0915\u093c", "\u2126\u03a9", "\u0344", "o\u0302\u0301\u1ed1", "x\u20dd", "\ufb1d\u05d9\u05b4",
    "\u0f73\u0f71\u0f72", "'\u0301s", "1\u0301 2\u20e3", "\u00a0\u0301", "caf\u0065\u0301s", "\u1e9b\u0323",
]
EMOJI = [
    "👍", "👍🏽", "👨‍👩‍👧‍👦", "🏳️‍🌈", "🏴󠁧󠁢󠁳󠁣󠁴󠁿", "🇩🇪🇫🇷🇯🇵", "🇩", "☺️☺︎", "1️⃣2️⃣#️⃣*️⃣", "👩🏾‍🚀 to 🌍!", "🤷🏻‍♀️", "❤️‍🔥",
    "text👍text", " 👍 ", "👍👍👍👍👍👍", "\u200d", "\ufe0f", "🧑‍🤝‍🧑", "😀😃😄😁 lol", "𝟘𝟙𝟚 𝕒𝕓𝕔", "⌘⌥⇧", "→←↑↓ ⇒", "♠♥♦♣", "∑∫√∞≠≤",
]
SPACES = [
    " ", "  ", "   ", "    ", "\t", "\t\t", "\n", "\n\n", "\n\n\n", "\r\n", "\r\n\r\n", "\r", "\r\r", "\u00a0", "\u00a0\u00a0",
    "\u3000", "\u2003\u2009\u200a", "\u202f", "\u205f", "\u1680", "\u2028", "\u2029", "\u0085", "\u000b\u000c", "\u200b",
    "\ufeff", "\u180e", "\u2060", "a b", "a  b", "a   b", "a\tb", "a \tb", "a\t b", "a\n b", "a \nb", "a \n b", "a\r\nb", "a \r\n b",
    "a\n\n\nb", "a \n \n b", "  a", "\ta", "\n a", "a ", "a  ", "a\t", "a\n", "a \n", "a\u00a0b", "a \u00a0b", "a\u00a0 b",
    "a\u3000b", "a \u3000 b", "a\u2028b", "a\u0085b", "   \n   \n   ", "\n   a", "\n\n   a", "a\n\n   \n\nb", " \n", "\n ", "\n \n", "1 \n 2",
    "!\n", "!\n\n", "! \n", "!\r\n!", "!!\n\nx", "?  \n", "  !", "  1", "  1  2", " \u00a01", "\u00a0!", "\u00a0a", "\u3000\u3000a",
    "\t!", "\t1", "\ta b", "x\t\ty", " \t \t", "tab\tsep\tvalues\n1\t2\t3\n", " " * 17, "\n" * 9, " " * 8 + "x", "x" + " " * 31 + "y",
]
CODE = [
    "def f(x):\n    return x + 1\n", "for (int i = 0; i < n; ++i) {\n\ta[i] = 0;\n}", "#include <stdio.h>\nint main(){}",
    "let x: Int? = nil // none", "SELECT * FROM t WHERE a='b' AND c<>1;", "<div class=\"a\">&nbsp;</div>", "{\"a\": [1, 2.5, null]}",
    "https://example.org/a?b=c&d=e#f", "user@example.org", "C:\\Users\\x\\y.txt", "/usr/local/bin/env", "a->b.c::d", "x=>y", "!=, ==, ===, <=>",
    "0xDEADBEEF", "0b1010_1010", "snake_case camelCase PascalCase kebab-case SCREAMING_CASE", "fn main() -> Result<(), Box<dyn Error>> {",
    "```swift\nprint(\"hi\")\n```", "\\frac{a}{b} $x^2$", "a\\nb", "%s %d %%", "\"quoted\" 'single' `tick`", "...", "…", "---", "—", "––", "/* c */",
    "@attr #tag $var", "~/.config", "x\ny\n\tz\n\t\tw\n", "if(a&&b||!c){return;}", "#!/bin/sh\nset -eu\n", "1e-10 -3.5e+7", "a[0][1](2){3}",
]
NUMBERS = [
    "0", "1", "12", "123", "1234", "12345", "1234567890", " 1", " 12", "1 2 3", "1,234,567.89", "3.14159", "-273.15", "2025-11-21", "12:34:56",
    "1st 2nd 3rd", "x1", "1x", "x1y2z3", "١٢٣٤٥", "۱۲۳", "१२३", "๑๒๓", "１２３", "²³¹", "x²+y³", "½ ¼ ¾", "Ⅷ ⅻ Ⅰ", "ⅷ", "①②③", "㊀㊁", "𝟏𝟐𝟑", "一二三",
    "〇〡〢", "1²", "10⁻³", "H₂O", "CO₂e", "100%", "$1,000", "€5", "5€", "№1", "1/2", "1⁄2", "+49 (0)30 1234567", "192.168.0.1", "v1.2.3-rc4",
    "12ab34cd", "1'000'000", "1'st", "5's", "٪٥٠", "௧௨௩", "፩፪፫", "Ⅳ世", "𐄇𐄈", "0" * 7, "9" * 20, " 1234 5678", "1 234", "\u00a012",
]
APOSTROPHES = [
    f"{w}'{s}" for w in ["I", "it", "HE", ""] for s in ["s", "S", "t", "T", "re", "RE", "Re", "rE", "ve", "VE", "m", "M", "ll", "LL", "lL", "d", "D"]
] + [
    "don't can't won't", "I'd've", "y'all'd've", "'tis 'twas", "rock'n'roll", "O'Neil", "l'été d'hiver", "it’s", "it’S they’ll", "'", "''", "'s's's",
    "' s", " 's", " 'll", "'lla", "'restaurant", "'Vendetta", "'\u017f", "it'\u017fx", "'\u017ft", "'\u212a", "'ſt", "'é", "'1", "'\n", "'r", "'l", "'v",
    "\"'s\"", "s'", "s's", "it'S A TEST", "don'T", "WE'RE", "we'Re", "1's", "é's", "日's", "'mañana", "'dog", "'ts", "'T'T", "x'm'm", "\t's", "\n's",
]
SPECIAL_TEXT = [
    "<|endoftext|>", "<|im_start|>", "<|im_end|>", "<|im_start|>user\nHi<|im_end|>\n", "a<|endoftext|>b", "a <|endoftext|> b",
    " <|im_end|>", "<|im_end|> ", "<|im_end|>\n", "<|im_end|><|im_end|>", "<|im_start|><|im_end|>", "<|im_start", "<|im_start|", "<|im_start>", "|im_start|>",
    "<<|im_start|>>", "<|im_<|im_end|>", "<|IM_END|>", "< |im_end|>", "<|im_end|>1", "1<|im_end|>", "'s<|im_end|>'s", "<|im_end|>'s",
    "é<|im_end|>\u0301", "<|im_start|>system\nYou are<|im_end|>\n<|im_start|>user\n", "<repo_name>a/b<file_sep>c.py\n", "<reponame>x<filename>y<gh_stars>100-1000",
    "<issue_start><issue_comment>text<issue_closed>", "<jupyter_start><jupyter_text>t<jupyter_code>c<jupyter_output>o<jupyter_script>", "<empty_output>",
    "<repo_name", "repo_name>", "<file_sep", "<file_sepx>", "<|endoftext|", "<|endoftext|>>", "<|endoftext|><|endoftext|><|endoftext|>",
    "  <|endoftext|>  ", "\n<|endoftext|>\n", "\u00a0<|im_end|>\u00a0", "<|im_start|>assistant\n", "x<|im_end|>y<|im_start|>z",
]
CONTROLS = [chr(c) for c in list(range(0x00, 0x20)) + [0x7F, 0x80, 0x81, 0x8D, 0x9F, 0xAD]] + [
    "\x00\x00", "a\x00b", "\x1b[31mred\x1b[0m", "\u202eRTL\u202c", "\u200e\u200f", "\ufffd", "a\ufffdb", "\ufffe", "\uffff", "\U0010ffff", "\ue000",
    "\U000f0000", "\u061c", "\u0378", "\U000e0041", "\u2066x\u2069", "\x7f\x7f", "\u00ad\u00ad", "soft\u00adhyphen", "\u034f", "\U0001f1e6",
]
LONG = [
    "a" * 300, "A" * 65, "ab" * 100, "the" * 60, "Donaudampfschifffahrtselektrizitätenhauptbetriebswerkbauunterbeamtengesellschaft",
    "pneumonoultramicroscopicsilicovolcanoconiosis", "é" * 50, "日" * 50, "=" * 80, "-" * 79 + "\n", "." * 33, "ha" * 20 + "!" * 20, "🎉" * 20, "\u0301" * 20,
    "0123456789" * 8, "x" * 127 + " " + "y" * 129, "\n\t" * 20, "<|" * 20, "'" * 20, "_" * 40, "antidisestablishmentarianism" * 3, "ſ" * 10, "Ĝ" * 9 + "Ġ" * 9,
]
INVALID = [
    "80", "ff", "c0", "c1", "fe", "f5", "c3", "e2", "e282", "f09f", "f09f98", "c328", "a0a1", "e228a1", "e28228", "f0288cbc", "f09028bc", "f0288c28",
    "c0af", "e080af", "eda080", "edbfbf", "f4908080", "f8888080", "41ff42", "41c3", "c341", "20ff20", "ff31ff32", "68c3a9ff68", "e4bda0e5a5", "ffffffff",
    "e4bda0a5bd", "27ff73", "2773ff", "f09f9880f09f98", "0a80", "800a0a", "20208020", "c3a9c3", "cc81ff", "65cc81ff65cc81", "ffcc81", "3c7c696d5f656e647c3eff",
    "ff3c7c696d5f656e647c3e", "3c7c696dff5f656e647c3e", "f1808080", "f18080", "f48fbfbf", "f48fbf", "dfbf", "df", "efbfbd", "efbf", "00ff00", "e0a0", "e0a080e0a0",
]
PROSE = [
    "Once upon a time there was a small model that could only remember a few things.", "It's the cache, isn't it? We'll see; they've said they'd try.",
    "In 1969, 3 astronauts flew 384,400 km.", "the cat sat on the mat and the rat ran after that", "import numpy as np\nprint(np.zeros((3, 4)))\n",
    "Il était une fois un roi et une reine.", "Es war einmal ein König.", "    indented = True\n        more = 1\n", "He said: \"I'm here!\" - and left...",
]


def random_strings(count):
    """Mixes of the strings above, cut at random indices."""
    pool = SCRIPTS + COMBINING + EMOJI + SPACES * 2 + CODE + NUMBERS + APOSTROPHES + SPECIAL_TEXT + CONTROLS + PROSE
    dice = random.Random(20251121)
    for _ in range(count):
        text = ""
        for _ in range(dice.randint(2, 5)):
            part = dice.choice(pool)
            start = dice.randint(0, len(part))
            text += part[start : start + dice.randint(1, 12)]
        yield text


def strings():
    groups = [SCRIPTS, COMBINING, EMOJI, SPACES, CODE, NUMBERS, APOSTROPHES, SPECIAL_TEXT, CONTROLS, LONG, PROSE]
    seen = [""] + [text for group in groups for text in group] + list(random_strings(160))
    return list(dict.fromkeys(seen))


# ------------------------------------------------------------------------------------- tokenizers


def with_specials(tokenizer, names):
    tokenizer.add_special_tokens([AddedToken(name, special=True, normalized=False) for name in names])
    tokenizer.decoder = decoders.ByteLevel()
    return tokenizer


def smollm2(path):
    """The tokenizer of the model in the GGUF file, and the fields from which it was made."""
    import gguf

    reader = gguf.GGUFReader(path)
    field = lambda name: reader.fields[name].contents()
    tokens, types = field("tokenizer.ggml.tokens"), field("tokenizer.ggml.token_type")
    vocab = {text: index for index, text in enumerate(tokens)}
    merges = [tuple(line.split(" ")) for line in field("tokenizer.ggml.merges")]
    tokenizer = Tokenizer(models.BPE(vocab=vocab, merges=merges, fuse_unk=False))
    tokenizer.pre_tokenizer = digits_then_gpt2()
    specials = [text for text, kind in zip(tokens, types) if kind == 3]
    return with_specials(tokenizer, specials), field("tokenizer.chat_template")


def trained(size, alphabet, names):
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = digits_then_gpt2()
    corpus = (PROSE + SCRIPTS + CODE) * 2 + PROSE * 10 + ["<|im_start|> don't we'll it's   "] * 9 + NUMBERS
    trainer = trainers.BpeTrainer(
        vocab_size=size, initial_alphabet=alphabet, limit_alphabet=len(alphabet), special_tokens=names, show_progress=False
    )
    tokenizer.train_from_iterator(corpus, trainer)
    model = json.loads(tokenizer.to_str())["model"]
    # Tokens that no merge makes: found only if a whole piece may be looked up as a token.
    for text in ["Ġxyzzy", "restaurant", "été", "Ġ日"]:
        spelled = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False).pre_tokenize_str(text.replace("Ġ", " "))[0][0]
        model["vocab"].setdefault(spelled, len(model["vocab"]))
    return model["vocab"], [tuple(pair) for pair in model["merges"]]


def ruled(vocab, merges, rule):
    make, normalizer, ignore = RULES[rule]
    tokenizer = Tokenizer(models.BPE(vocab=vocab, merges=merges, ignore_merges=ignore))
    tokenizer.pre_tokenizer = make()
    if normalizer:
        tokenizer.normalizer = normalizer()
    if rule == "llama-bpe":
        bos = (SPECIALS[0], vocab[SPECIALS[0]])
        template = processors.TemplateProcessing(single=f"{bos[0]} $A", pair=f"{bos[0]} $A $B", special_tokens=[bos])
        tokenizer.post_processor = processors.Sequence([processors.ByteLevel(trim_offsets=False), template])
    return with_specials(tokenizer, SPECIALS)


def encode(tokenizer, text, parse_special):
    tokenizer.encode_special_tokens = not parse_special
    return tokenizer.encode(text, add_special_tokens=False).ids


def both(tokenizer, text):
    """The ids; and the ids with special tokens read as plain text, if these differ."""
    ids, plain = encode(tokenizer, text, True), encode(tokenizer, text, False)
    return [ids] if ids == plain else [ids, plain]


def raw_bytes(tokenizer, raw):
    """The ids of bytes that are not UTF-8: cut like their lossy decoding; merges then join each piece's raw bytes."""
    spell = {}
    for byte in range(256):
        spell[byte] = chr(byte) if 0x21 <= byte <= 0x7E or 0xA1 <= byte <= 0xAC or byte >= 0xAE else chr(0x100 + sum(
            1 for b in range(byte) if not (0x21 <= b <= 0x7E or 0xA1 <= b <= 0xAC or b >= 0xAE)))
    units, index = [], 0
    lossy = raw.decode("utf-8", "replace")
    for char in lossy:  # the bytes of each character of the lossy text
        for length in range(1, 5):
            chunk = raw[index : index + length]
            if chunk.decode("utf-8", "replace") == char and (char != "\ufffd" or raw[index:].decode("utf-8", "replace")[1:] == raw[index + length :].decode("utf-8", "replace")):
                if char == "\ufffd" and raw[index : index + 3] == b"\xef\xbf\xbd":
                    chunk = raw[index : index + 3]
                units.append(chunk)
                break
        index += len(units[-1])
    assert b"".join(units) == raw, raw
    ids = []
    for _, (start, stop) in tokenizer.pre_tokenizer.pre_tokenize_str(lossy):
        piece = "".join(spell[byte] for unit in units[start:stop] for byte in unit)
        ids += [token.id for token in tokenizer.model.tokenize(piece)]
    return ids


# ---------------------------------------------------------------------------------------- writing


def write_lines(name, rows):
    with open(os.path.join(OUT, name), "w", encoding="utf-8", newline="\n") as file:
        for row in rows:
            file.write(json.dumps(row, ensure_ascii=False, separators=(",", ":")) + "\n")


def write_json(name, value):
    path = os.path.join(OUT, name)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w", encoding="utf-8", newline="\n") as file:
        file.write(json.dumps(value, ensure_ascii=False, separators=(",", ":")) + "\n")


def save(tokenizer, folder, pairs=True):
    value = json.loads(tokenizer.to_str())
    if not pairs:  # the older way to write merges
        value["model"]["merges"] = [" ".join(pair) for pair in value["model"]["merges"]]
    write_json(f"{folder}/tokenizer.json", value)


def write_small():
    vocab, merges = trained(700, pre_tokenizers.ByteLevel.alphabet(), SPECIALS)
    small = {rule: ruled(vocab, merges, rule) for rule in RULES}
    for rule, tokenizer in small.items():
        save(tokenizer, f"small/{rule}", pairs=rule in ("smollm", "qwen2"))
    write_json("small/smollm/tokenizer_config.json", {
        "add_prefix_space": False, "bos_token": "<|im_start|>", "eos_token": {"content": "<|im_end|>"},
        "chat_template": CHATML["plain"],
    })
    write_json("small/smollm/generation_config.json", {"eos_token_id": [vocab["<|im_end|>"], vocab["<|endoftext|>"]]})
    tokens = sorted(vocab, key=vocab.get)
    write_json("small/metadata.json", {
        "tokenizer.ggml.model": "gpt2", "tokenizer.ggml.tokens": tokens, "tokenizer.ggml.merges": [" ".join(pair) for pair in merges],
        "tokenizer.ggml.token_type": [3 if token in SPECIALS else 1 for token in tokens],
        "tokenizer.ggml.bos_token_id": vocab["<|im_start|>"], "tokenizer.ggml.eos_token_id": vocab["<|im_end|>"],
    })
    return small


def write_added():
    """Tokenizers with every kind of added token, a prefix space, and bytes without a token."""
    alphabet = [c for c in pre_tokenizers.ByteLevel.alphabet() if c not in "ðãÎĠ"] + ["Ġ"]
    texts = [
        "a <left> b", "a  \n<left>b", "a <right>  b", "<right>\u00a0\u3000x", "<both>", "  <both>  ", "a <both> <both> b", "<word>", "a<word>b", "a <word> b",
        "é<word>", "_<word>", "-<word>-", "<word>1", "<word><word>", "\u0301<word>", "<tool>", "a<tool>b", "<tool> <left> <right> <both>", "<left><right>",
        "<right> <left>", "<tool_call>", "<tool_call", "<tool_", "<tool><tool_call>", "é<é>e\u0301", "<e\u0301>", "<é>", "a<pad>b", "<pad> <left>", "😀 日本 Ω",
        "a😀b", "Ωmega", "<unk>", "hello world", "1 2  3", "don't", "", " ", "\n", "<right>", "<left>", " <left>", "<right> ", "<right>\n\n<left>", "<both><tool>",
    ]
    rows = []
    for name, unknown in [("unknown", "<unk>"), ("vanishing", None)]:
        vocab, merges = trained(320, alphabet, ["<unk>"])
        tokenizer = Tokenizer(models.BPE(vocab=vocab, merges=merges, unk_token=unknown))
        prefix = name == "unknown"
        tokenizer.pre_tokenizer = pre_tokenizers.Sequence([
            pre_tokenizers.Digits(individual_digits=False), pre_tokenizers.ByteLevel(add_prefix_space=prefix, use_regex=True)])
        tokenizer.normalizer = normalizers.Sequence([normalizers.NFC()])
        with_specials(tokenizer, ["<unk>", "<pad>"])
        tokenizer.add_tokens([
            AddedToken("<left>", lstrip=True), AddedToken("<right>", rstrip=True, normalized=False), AddedToken("<both>", lstrip=True, rstrip=True),
            AddedToken("<word>", single_word=True), AddedToken("<tool>"), AddedToken("<tool_call>", normalized=False), AddedToken("<é>", normalized=True)])
        save(tokenizer, f"added/{name}")
        rows += [{"folder": name, "text": text, "ids": both(tokenizer, text)} for text in texts]
    tokenizer, texts = composed_added(alphabet)
    save(tokenizer, "added/composed")
    rows += [{"folder": "composed", "text": text, "ids": both(tokenizer, text)} for text in texts]
    write_lines("added.jsonl", rows)


def composed_added(alphabet):
    """Added tokens that composition changes, with every flag, and a sequence in each sequence."""
    vocab, merges = trained(320, alphabet, ["<unk>"])
    tokenizer = Tokenizer(models.BPE(vocab=vocab, merges=merges))
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([
        pre_tokenizers.Sequence([pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.Sequence([byte_level(True)])])])
    tokenizer.normalizer = normalizers.Sequence([normalizers.Sequence([]), normalizers.Sequence([normalizers.NFC()])])
    tokenizer.post_processor = processors.Sequence([processors.Sequence([processors.ByteLevel(trim_offsets=False)])])
    with_specials(tokenizer, ["<pad>"])
    tokenizer.decoder = decoders.Sequence([decoders.Sequence([decoders.ByteLevel()])])
    words = {"\u0958": {}, "cafe\u0301": {}, "a\u030a": {"lstrip": True}, "\u212b": {"rstrip": True}, "o\u0308": {"single_word": True},
             "\u0344": {}, "\u1112\u1161\u11ab": {"lstrip": True, "rstrip": True}, "raw e\u0301": {"normalized": False}, "e\u0323\u0302": {}}
    tokenizer.add_tokens([AddedToken(text, **{"normalized": True, **flags}) for text, flags in words.items()])
    # Two tokens that composition makes equal: the first is found.
    tokenizer.add_tokens([AddedToken("<u\u0308>", normalized=True), AddedToken("<v\u0308>", normalized=True), AddedToken("<v\u0308>!", normalized=True)])
    tokenizer.add_special_tokens([AddedToken("<\u00fc>", normalized=True)])
    forms = [lambda text: text, normalizers.NFC().normalize_str, normalizers.NFD().normalize_str]
    around = ["%s", " %s ", "x%sy", "\u3000%s\n\n", "%s\u0301", "e%s", "%s%s", "1 %s 2", "\u0323%s\u0323"]
    words = [*words, "<u\u0308>", "<v\u0308>", "<v\u0308>!", "cafe", "caf", "raw e", "\u1112\u1161", "<pad>"]
    texts = [form(frame.replace("%s", word)) for word in words for frame in around for form in forms]
    return tokenizer, list(dict.fromkeys(texts))


def write_compositions():
    """Letters with more combining marks than a fixed buffer would hold."""
    dice, rows = random.Random(15), []
    marks = [c for c in range(0x300, 0x370)] + [0x5B0, 0x64B, 0x93C, 0xF71, 0xF72, 0xF73, 0x3099]
    letters = ["", "e", "é", "ệ", "x", "\u1100\u1161", "가", "각", "\u09c7\u09be", "か", "\u0915", "\ufb1d", "ab", "a\u0301b", "Å", "\u212b"]
    for length in (29, 30, 31, 32, 63, 64, 65, 100):
        for letter in dice.sample(letters, 6) + ["", "é", "각"]:
            run = "".join(chr(dice.choice(marks)) for _ in range(length))
            text = letter + run + dice.choice(["", "o\u0302", "\u09be", "\u11a8", "x", "\u0915\u093c"])
            rows.append({"text": text, "composed": normalizers.NFC().normalize_str(text)})
    write_lines("compositions.jsonl", rows)


PLAIN_LOOP = "{% for message in messages %}"
PLAIN_TURN = "{{'<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>' + '\n'}}{% endfor %}"
PLAIN_END = "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
CHATML = {
    "plain": PLAIN_LOOP + PLAIN_TURN + PLAIN_END,
    "qwen2": PLAIN_LOOP
    + "{% if loop.first and messages[0]['role'] != 'system' %}{{ '<|im_start|>system\nYou are a helpful assistant.<|im_end|>\n' }}{% endif %}"
    + PLAIN_TURN + PLAIN_END,
    "spaced": "{% if not add_generation_prompt is defined %}{% set add_generation_prompt = false %}{% endif %}\n"
    "{%- for message in messages -%}\n  {{ \"<|im_start|>\" + message.role + \"\\n\" + message.content + \"<|im_end|>\\n\" }}\n{%- endfor %}\n"
    "{% if add_generation_prompt %}\n{{ '<|im_start|>assistant\\n' }}{% endif %}\n",
}


def write_chats(template):
    from transformers import PreTrainedTokenizerFast

    say = lambda *turns: [{"role": role, "content": text} for role, text in turns]
    conversations = [
        say(("user", "Hi")), say(("system", "Be brief."), ("user", "Hi")), say(("user", "Hi"), ("assistant", "Hello!"), ("user", "2+2?")),
        say(("system", ""), ("user", "x")), say(("assistant", "I begin.")), say(("user", "a"), ("system", "late"), ("user", "b")),
        say(("user", "with <|im_end|> inside")), say(("user", "  spaces \n\n")), say(("tool", "42"), ("user", "日本語 👍🏽 e\u0301\r\n")), say(("user", "")),
    ]
    rows = []
    for name, source in {"smollm2": template, **CHATML}.items():
        tokenizer = PreTrainedTokenizerFast(tokenizer_object=Tokenizer(models.BPE()), chat_template=source)
        for messages in conversations:
            for prompt in (False, True):
                text = tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=prompt)
                rows.append({"template": name, "messages": messages, "prompt": prompt, "text": text})
    write_json("chats.json", {"templates": {"smollm2": template, **CHATML}, "chats": rows})


def compare_with_transformers(tokenizer, path, texts):
    """Prints where the tokenizer that transformers builds from the GGUF file differs from this one."""
    from transformers import AutoTokenizer

    other = AutoTokenizer.from_pretrained(os.path.dirname(path) or ".", gguf_file=os.path.basename(path))
    print("transformers' pre-tokenizer:", other.backend_tokenizer.pre_tokenizer)
    print("transformers' normalizer:", other.backend_tokenizer.normalizer)
    differing = [text for text in texts if other.encode(text, add_special_tokens=False) != encode(tokenizer, text, True)]
    with_digits = [text for text in differing if any(c.isnumeric() for c in text)]
    print(f"{len(differing)} of {len(texts)} strings differ, {len(with_digits)} of them with digits; others:")
    for text in [text for text in differing if text not in with_digits][:20]:
        print("  ", repr(text), other.encode(text, add_special_tokens=False), encode(tokenizer, text, True))


def main():
    os.makedirs(OUT, exist_ok=True)
    real, template = smollm2(sys.argv[1])
    small, texts = write_small(), strings()
    write_lines("strings.jsonl", [
        {"text": text, "smollm2": both(real, text), **{rule: both(tokenizer, text) for rule, tokenizer in small.items()}} for text in texts])
    lossy = [bytes.fromhex(row).decode("utf-8", "replace") for row in INVALID]
    write_lines("bytes.jsonl", [
        {"hex": row, "lossy": {"smollm2": both(real, text)[0], **{rule: both(t, text)[0] for rule, t in small.items()}},
         "raw": {rule: raw_bytes(small[rule], bytes.fromhex(row)) for rule in ("gpt2", "llama-bpe") if b"<|" not in bytes.fromhex(row)}}
        for row, text in zip(INVALID, lossy)])
    write_added()
    write_compositions()
    write_chats(template)
    print(len(texts), "strings,", len(INVALID), "byte strings")
    compare_with_transformers(real, sys.argv[1], texts)


if __name__ == "__main__":
    main()
