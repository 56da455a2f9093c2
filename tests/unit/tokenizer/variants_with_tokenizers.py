"""Every supported component of a tokenizer.json, one at a time, against Hugging Face tokenizers on hostile texts.

    variants_with_tokenizers.py ENCODE_MAIN

The base is trained here on made-up text. Exit status 1 at the first differences, 77 where tokenizers is absent.
"""
import copy
import json
import os
import sys
import tempfile

import compare_with_tokenizers as compare
import tokenizers

LLAMA3 = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
CL100K = LLAMA3.replace(r"|\s*[\r\n]+", r"|\s+(?!\s|\S)|\s*[\r\n]+")
QWEN2 = LLAMA3.replace("{1,3}", "")
UPPER, LOWER = r"[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]", r"[\p{Ll}\p{Lm}\p{Lo}\p{M}]"
TAIL = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)?"
O200K = (rf"[^\r\n\p{{L}}\p{{N}}]?{UPPER}*{LOWER}+{TAIL}|[^\r\n\p{{L}}\p{{N}}]?{UPPER}+{LOWER}*{TAIL}"
         r"|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+")
# Expressions without a scanner of their own: DeepSeek 3, Qwen 3.5, StarCoder-like, and made-up ones.
REGEXES = [
    r"\p{N}{1,3}", "[\u4e00-\u9fa5\u3040-\u309f\u30a0-\u30ff]+",
    r"[!\"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+| ?[\p{P}\p{S}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+",
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?[\p{L}\p{M}]+|\p{N}| ?[^\s\p{L}\p{M}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+",
    r"\s", r"\S+", r"\w+|\W", r"[\w']+", r"\d{,2}x?", r"(?=\p{Lu})", r"(?<=\s)\S", r"\p{Han}|\p{^L}", r".\n?", r"x*", r"a|the|[^\S\n]+", "\\u00e9+|\\x41",
]
SPLIT = {"type": "Split", "pattern": {"Regex": LLAMA3}, "behavior": "Isolated", "invert": False}
BYTE_LEVEL = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": False}


def base():
    tokenizer = tokenizers.Tokenizer(tokenizers.models.BPE())
    tokenizer.pre_tokenizer = tokenizers.pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = tokenizers.decoders.ByteLevel()
    trainer = tokenizers.trainers.BpeTrainer(vocab_size=700, initial_alphabet=tokenizers.pre_tokenizers.ByteLevel.alphabet(),
                                             show_progress=False, special_tokens=["<|endoftext|>"])
    tokenizer.train_from_iterator(list(compare.hostile(2000, seed=1)), trainer)
    return json.loads(tokenizer.to_str())


def with_steps(*steps, nfc=None):
    def change(file):
        file["pre_tokenizer"] = {"type": "Sequence", "pretokenizers": list(steps)} if len(steps) > 1 else steps[0]
        file["normalizer"] = nfc
    return change


def with_added(content, nfc=None, **flags):
    def change(file):
        token = dict(id=len(file["model"]["vocab"]), content=content, single_word=False, lstrip=False, rstrip=False, normalized=False, special=False)
        file["added_tokens"].append(token | flags)
        file["normalizer"] = nfc
    return change


def with_model(**fields):
    return lambda file: file["model"].update(fields)


def without_bytes(file):
    """Drops the characters of some bytes, and all that is made of them."""
    gone = set("aĠ\u0142")
    model = file["model"]
    kept = [token for token in model["vocab"] if not gone & set(token)]
    model["vocab"] = {token: number for number, token in enumerate(kept)}
    model["merges"] = [pair for pair in model["merges"] if not gone & set("".join(pair))]


def variants():
    yield "as trained", lambda file: None
    yield "prefix space", with_steps(BYTE_LEVEL | {"add_prefix_space": True, "use_regex": True})
    yield "no regex", with_steps(BYTE_LEVEL)
    yield "no regex, prefix space", with_steps(BYTE_LEVEL | {"add_prefix_space": True})
    for name, regex in (("llama3", LLAMA3), ("tiktoken's cl100k", CL100K), ("qwen2", QWEN2), ("o200k", O200K)):
        yield name, with_steps(SPLIT | {"pattern": {"Regex": regex}}, BYTE_LEVEL)
        yield name + ", Removed, inverted", with_steps(SPLIT | {"pattern": {"Regex": regex}, "behavior": "Removed", "invert": True}, BYTE_LEVEL)
    yield "llama3, MergedWithNext", with_steps(SPLIT | {"behavior": "MergedWithNext"}, BYTE_LEVEL)
    for regex in REGEXES:
        yield regex, with_steps(SPLIT | {"pattern": {"Regex": regex}}, BYTE_LEVEL)
    for behavior in ("Removed", "Isolated", "MergedWithPrevious", "MergedWithNext", "Contiguous"):
        for invert in (False, True):
            for pattern in ({"Regex": r"\s|\p{Lu}"}, {"String": "the"}):
                yield f"{behavior} {invert} {pattern}", with_steps(SPLIT | {"pattern": pattern, "behavior": behavior, "invert": invert}, BYTE_LEVEL)
    yield "digits", with_steps({"type": "Digits", "individual_digits": True}, BYTE_LEVEL | {"use_regex": True})
    yield "runs of digits", with_steps({"type": "Digits", "individual_digits": False}, BYTE_LEVEL | {"use_regex": True})
    yield "three splits", with_steps(*(SPLIT | {"pattern": {"Regex": regex}} for regex in REGEXES[:3]), BYTE_LEVEL | {"add_prefix_space": True})
    yield "NFC in a sequence", with_steps(SPLIT, BYTE_LEVEL, nfc={"type": "Sequence", "normalizers": [{"type": "NFC"}]})
    for flags in ({}, {"single_word": True}, {"lstrip": True}, {"rstrip": True}, {"lstrip": True, "rstrip": True}, {"normalized": True}, {"special": True},
                  {"special": True, "lstrip": True, "rstrip": True}):
        for content in ("the", "e\u0301", "  ", "<|endoftext", "\u00e9", "a", "\u0111em", "\u0120"):
            yield f"added {content!r} {flags}", with_added(content, **flags)
    yield "added, normalised", with_added("e\u0301", nfc={"type": "NFC"}, normalized=True)
    yield "added, raw before NFC", with_added("e\u0301", nfc={"type": "NFC"})
    yield "ignore_merges", with_model(ignore_merges=True)
    yield "no merges", with_model(merges=[])
    yield "bytes missing", without_bytes
    yield "unk_token that never matters", with_model(unk_token="<|endoftext|>")


def main():
    program = sys.argv[1]
    texts = list(compare.hostile(250, seed=11))
    original, failed = base(), 0
    for name, change in variants():
        file = copy.deepcopy(original)
        change(file)
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "tokenizer.json")
            with open(path, "w") as out:
                json.dump(file, out)
            found = [number for number, _ in zip(compare.differences(program, path, texts), range(2))]
            if found:
                print("differs:", name, file=sys.stderr)
                failed += 1
    sys.exit(1 if failed else 0)


main()
