"""Compares ids and decoded text with Hugging Face tokenizers, text by text.

    compare_with_tokenizers.py ENCODE_MAIN SHARED MEGABYTES TOKENIZER...

Texts: the documents in the first MEGABYTES of each corpus of SHARED, and generated hostile ones. TOKENIZER is a
tokenizer.json, or one packed by zstd. Exit status 1 and the first differences if there are any, 77 where tokenizers is absent.
"""
import itertools
import json
import os
import random
import struct
import subprocess
import sys
import tempfile
import unicodedata

os.environ.setdefault("TOKENIZERS_PARALLELISM", "true")
try:
    import tokenizers
except ImportError as error:
    print(f"skipped: {error}", file=sys.stderr)
    sys.exit(77)

# Assigned in Unicode 14: what PCRE2 10.42 and Python 3.11 know. Later ones are left out (docs/formats/tokenizers.md).
ASSIGNED = [chr(c) for c in range(0x110000) if unicodedata.category(chr(c)) not in ("Cn", "Cs", "Co")]
PIECES = [
    " ", " ", "  ", "   ", "\n", "\r\n", "\n\n", "\t", "\u00a0", "\u3000", "\u0085", "\u180e", "\u200b", "\u2028", "\ufeff",
    "'s", "'S", "'\u017f", "'ll", "'LL", "'Re", "'ve", "'m", "'d", "'t", "'x", "\u2019s", "''", "'",
    "a", "Z", "the", " the", "The", "HTML", "iPhone", "\u00e9", "e\u0301", "\u0301", "\u0327\u0301", "\u212b", "\u1e9b\u0323", "\uac00", "\u1100\u1161\u11a8",
    "\u01c5", "\u02b0", "\u05d0", "\u0e01\u0e33", "\u4f60\u597d", "\u3042", "\u30ab\u3099", "\U00010400", "\U0001d400",
    "0", "12", "1234", "\u0663", "\u216b", "\u00bd", "\u00b2", "\U0001d7d8",
    ".", "...", "!?", "(", ")", "/", "//", "_", "-", "--", "#", "$", "+", "\u00ab", "\u20ac", "\U0001f600", "\U0001f469\u200d\U0001f467", "\u200d", "\x00", "\x07",
    "<|endoftext|>", "<|endoftext", "<|im_start|>", "<think>", "</think>", "|||IP_ADDRESS|||", "<|padding|>", "<", "|>",
]


def hostile(count, seed):
    source = random.Random(seed)
    low = [c for c in ASSIGNED if ord(c) < 0x3000]
    marks = [c for c in ASSIGNED if unicodedata.category(c).startswith("M")]
    for _ in range(count):
        kind = source.randrange(4)
        if kind == 0:
            yield "".join(source.choice(PIECES) for _ in range(source.randrange(1, 40)))
        elif kind == 1:
            yield "".join(source.choice(ASSIGNED) for _ in range(source.randrange(1, 40)))
        elif kind == 2:
            yield "".join(source.choice(source.choice((low, marks, PIECES))) for _ in range(source.randrange(1, 60)))
        else:
            yield source.choice(PIECES) * source.randrange(1, 300) + source.choice(PIECES)


def slices(shared, megabytes):
    """Documents of the first megabytes of both corpora."""
    for name in ("books.jsonl.zst", "modern.txt.zst"):
        path = os.path.join(shared, "data", "corpus", name)
        if not os.path.exists(path):
            print(f"skipped: no {path}", file=sys.stderr)
            continue
        with subprocess.Popen(["zstd", "-dcq", path], stdout=subprocess.PIPE) as process:
            raw = process.stdout.read(int(megabytes * 1e6))
            process.kill()
        if ".jsonl" in name:
            yield from (json.loads(line)["text"] for line in raw.split(b"\n")[:-1])
        else:
            yield from raw.decode("utf-8", "ignore").split("\n\n")


def answers(program, path, documents):
    """((ids, decoded) with special tokens recognised, (ids, decoded) with them as text) of each document; all in bytes."""
    packed = b"".join(struct.pack("<I", len(document)) + document for document in documents)
    out = memoryview(subprocess.run([program, path], input=packed, stdout=subprocess.PIPE, check=True).stdout)
    at = 0

    def block(width):
        nonlocal at
        (count,) = struct.unpack_from("<I", out, at)
        piece = out[at + 4:at + 4 + width * count]
        at += 4 + width * count
        return piece

    for _ in documents:
        yield tuple((block(4).cast("i").tolist(), bytes(block(1))) for _ in range(2))


def ours(program, path, texts):
    """The answers to texts, decoded to text."""
    for answer in answers(program, path, [text.encode() for text in texts]):
        yield tuple((ids, decoded.decode("utf-8", "replace")) for ids, decoded in answer)


def misread(theirs):
    """Ids of added tokens that tokenizers decodes through the byte table though they stand for themselves
    (docs/formats/tokenizers.md): spelled in its characters, and neither a merge nor an ASCII byte."""
    model = json.loads(theirs.to_str())["model"]
    made = {"".join(merge) if isinstance(merge, list) else merge.replace(" ", "") for merge in model["merges"]}
    byte_of = {character: byte for byte, character in enumerate(alphabet())}
    ids = {}
    for number in theirs.get_added_tokens_decoder():
        text = theirs.id_to_token(number)
        spelled = all(character in byte_of for character in text) and not text.isascii()
        if spelled and text not in made and not (len(text) == 1 and byte_of[text] < 0x80):
            ids[number] = text
    return ids


def alphabet():
    """The characters of the bytes 0 to 255."""
    shown = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    others = iter(range(256, 512))
    return [chr(byte if byte in shown else next(others)) for byte in range(256)]


def decoded_as_documented(theirs, plain, ids):
    """Each of those tokens as itself, and what lies between them as tokenizers has it."""
    out = b""
    for is_plain, run in itertools.groupby(ids, key=lambda number: number in plain):
        run = list(run)
        if is_plain:
            out += "".join(plain[number] for number in run).encode()
        else:
            byte_of = {character: byte for byte, character in enumerate(alphabet())}
            for number in run:
                token = theirs.id_to_token(number)
                out += bytes(byte_of[c] for c in token) if all(c in byte_of for c in token) else token.encode()
    return out.decode("utf-8", "replace")


def differences(program, path, texts, modes=(False, True)):
    """Numbers of the texts that differ; modes: special tokens recognised (False), as text (True)."""
    theirs = tokenizers.Tokenizer.from_file(path)
    theirs.no_truncation()
    theirs.no_padding()
    got = list(ours(program, path, texts))
    plain = misread(theirs)
    for as_text in modes:
        theirs.encode_special_tokens = as_text
        expected = [encoding.ids for encoding in theirs.encode_batch_fast(texts, add_special_tokens=False)]
        decoded = [decoded_as_documented(theirs, plain, ids) for ids in expected] if plain else theirs.decode_batch(expected, skip_special_tokens=False)
        for number, text in enumerate(texts):
            if got[number][as_text] != (expected[number], decoded[number]):
                ids = zip(got[number][as_text][0], expected[number])
                first = next((place for place, (mine, their) in enumerate(ids) if mine != their), "at the end")
                print(f"{path}: text {number}, as text {as_text}, id {first}: {text[:200]!r}", file=sys.stderr)
                yield number


def main():
    program, shared, megabytes, *paths = sys.argv[1:]
    documents = list(slices(shared, float(megabytes)))
    made_up = list(hostile(4000, seed=7))
    failed = False
    for path in paths:
        with tempfile.NamedTemporaryFile(suffix=".json") as unpacked:
            if path.endswith(".zst"):
                unpacked.write(subprocess.run(["zstd", "-dcq", path], capture_output=True, check=True).stdout)
                unpacked.flush()
                path = unpacked.name
            # Real text holds no special tokens: one way to take them is enough.
            different = itertools.chain(differences(program, path, documents, [False]), differences(program, path, made_up))
            found = len(list(itertools.islice(different, 10)))
        print(f"{path}: {len(documents)} documents, {len(made_up)} made up, {found or 'no'} differences")
        failed |= found > 0
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
