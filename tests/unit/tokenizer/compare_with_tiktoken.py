"""Compares rank files, and documents that are not UTF-8, with tiktoken's bytes API.

    compare_with_tiktoken.py ENCODE_MAIN [SHARED]

Ranks: two small vocabularies trained here, and GPT-2's where SHARED has it. Split expressions and special tokens: those of
the installed tiktoken; Llama 3's and Qwen's as their publishers' loaders have them. Exit status 1 and the first
differences if there are any, 77 where tiktoken or tokenizers is absent.
"""
import base64
import json
import os
import random
import sys
import tempfile
import unicodedata

import compare_with_tokenizers as compare  # ends with 77 where tokenizers is absent
import tokenizers

try:
    import tiktoken
    from tiktoken_ext import openai_public
except ImportError as error:
    print(f"skipped: {error}", file=sys.stderr)
    sys.exit(77)

QWEN = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
LLAMA3 = QWEN.replace(r"|\p{N}|", r"|\p{N}{1,3}|")
RESERVED = [f"<|reserved_special_token_{number}|>" for number in range(251)]
LLAMA3_SPECIALS = ["<|begin_of_text|>", "<|end_of_text|>", *RESERVED[:4], "<|start_header_id|>", "<|end_header_id|>",
                   RESERVED[4], "<|eot_id|>", *RESERVED[5:]]
QWEN_SPECIALS = ["<|endoftext|>", "<|im_start|>", "<|im_end|>", *(f"<|extra_{number}|>" for number in range(205))]


def byte_alphabet():
    """The character of each byte: itself where it can be printed, else the next from U+0100 on."""
    printed = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    others = [byte for byte in range(256) if byte not in printed]
    return {byte: chr(byte) for byte in printed} | {byte: chr(256 + number) for number, byte in enumerate(others)}


CHAR_OF = byte_alphabet()
BYTE_OF = {char: byte for byte, char in CHAR_OF.items()}


def ranks_of(vocabulary):
    """Ranks by bytes of a vocabulary in the byte-level alphabet, special tokens left out."""
    tokens = sorted((number, token) for token, number in vocabulary.items() if token != "<|endoftext|>")
    return {bytes(BYTE_OF[char] for char in token): rank for rank, (_, token) in enumerate(tokens)}


def trained(texts, pre_tokenizer):
    tokenizer = tokenizers.Tokenizer(tokenizers.models.BPE())
    if pre_tokenizer:
        tokenizer.pre_tokenizer = pre_tokenizer
    alphabet = tokenizers.pre_tokenizers.ByteLevel.alphabet()
    tokenizer.train_from_iterator(texts, tokenizers.trainers.BpeTrainer(vocab_size=1200, initial_alphabet=alphabet, show_progress=False))
    return ranks_of(tokenizer.get_vocab())


def vocabularies(shared):
    """(name, ranks): of text; of bytes, most of them no UTF-8, without any split; GPT-2's."""
    yield "trained on text", trained(list(compare.hostile(2000, seed=1)), tokenizers.pre_tokenizers.ByteLevel(add_prefix_space=False))
    source = random.Random(2)
    noise = ["".join(CHAR_OF[source.choice(b"\xff\xfe\xc3\xa9\xe2\x82  \n\n\tathe")] for _ in range(60)) for _ in range(2000)]
    yield "trained on bytes", trained(noise, None)
    if shared:
        with open(os.path.join(shared, "data", "tokenizers", "gpt2-tokenizer.json")) as file:
            yield "GPT-2's", ranks_of(json.load(file)["model"]["vocab"])


def encodings(ranks):
    """(file name, encoding, whether it normalises) for every rank file that is known."""
    openai_public.load_tiktoken_bpe = lambda *_, **__: dict(ranks)
    openai_public.data_gym_to_mergeable_bpe_ranks = lambda *_, **__: dict(ranks)
    for name in ("gpt2", "r50k_base", "p50k_base", "cl100k_base", "o200k_base"):
        parts = openai_public.ENCODING_CONSTRUCTORS[name]()
        parts.pop("explicit_n_vocab", None)  # of the real ranks
        yield name + ".tiktoken", tiktoken.Encoding(**parts), False
    for name, pattern, specials, first in (("tokenizer.model", LLAMA3, LLAMA3_SPECIALS, 128000), ("qwen.tiktoken", QWEN, QWEN_SPECIALS, 151643)):
        tokens = {text: first + number for number, text in enumerate(specials)}
        yield name, tiktoken.Encoding(name, pat_str=pattern, mergeable_ranks=ranks, special_tokens=tokens), name == "qwen.tiktoken"


def mutated(text, source):
    """The text with a few bytes changed, taken out or put in, or cut short."""
    document = bytearray(text)
    for _ in range(source.choice((1, 1, 1, 2, 5))):
        at = source.randrange(len(document) + 1)
        kind = source.randrange(4)
        if kind == 0:
            document[at:at + 1] = bytes([source.randrange(0x80, 0x100)])
        elif kind == 1:
            del document[at:at + source.randrange(1, 4)]
        elif kind == 2:
            document[at:at] = bytes(source.choice(b"\xff\xfe\xc3\xe2 \n\ta") for _ in range(source.randrange(1, 5)))
        else:
            del document[at + source.randrange(1, 60):]
    return bytes(document)


def documents(shared):
    """Texts, special tokens, and several thousand documents that are not UTF-8."""
    source = random.Random(5)
    texts = list(compare.hostile(1500, seed=21))
    # Only what NFC leaves alone or changes alike in all versions of Unicode may stand before Qwen's bad byte.
    pieces = ["".join(source.choice(compare.PIECES) for _ in range(source.randrange(1, 30))) for _ in range(1500)]
    blank = ["".join(source.choice((" ", "\n", "\t", "\r\n", "  ", "a", "\u00a0", ".")) for _ in range(source.randrange(1, 12))) for _ in range(500)]
    if shared:
        real = [text for text in compare.slices(shared, 2) if text]
        pieces += [text[at:at + 300] for text in source.sample(real, min(len(real), 1500)) for at in [source.randrange(len(text))]]
    specials = sorted({*LLAMA3_SPECIALS, *QWEN_SPECIALS, "<|fim_prefix|>", "<|fim_middle|>", "<|fim_suffix|>", "<|endofprompt|>"})
    valid = [text.encode() for text in texts + pieces + [f"a {special} b" for special in specials]]
    broken = [mutated(text.encode(), source) for text in pieces + pieces + texts]
    broken += [text.encode() + bytes([source.randrange(0x80, 0x100)]) + source.choice((b"", b" ", b" the")) for text in blank]
    broken += [special.encode() + b"\xff the" for special in specials[:40]]
    broken += [bytes(source.choice(b"\xff\xfe\xc3\xa9\xe2\x82 \n\tathe") for _ in range(source.randrange(0, 200))) for _ in range(500)]
    return [b"", *valid, *broken]


def split_at_bad_byte(document):
    try:
        return document.decode(), b""
    except UnicodeDecodeError as error:
        return document[:error.start].decode(), document[error.start:]


def expected(encoding, document, nfc, as_text):
    """Ids by tiktoken. It has no special tokens where bytes are bad: what lies before the last one is encoded as text."""
    text, tail = split_at_bad_byte(document)
    if nfc:
        text = unicodedata.normalize("NFC", text)
    before = 0
    if not as_text:
        before = max((text.rfind(special) + len(special) for special in encoding.special_tokens_set if special in text), default=0)
    ids = encoding.encode(text[:before], allowed_special="all")
    return ids + encoding._encode_bytes(text[before:].encode() + tail)


def is_comparable(document, nfc):
    """Unicode versions differ in what NFC does to marks that are rare, so of those none."""
    return not nfc or all(ord(char) < 0x300 or unicodedata.category(char)[0] != "M" or char in "\u0301\u0327\u0323\u3099" for char in split_at_bad_byte(document)[0])


def differences(program, path, encoding, nfc, every):
    """Numbers of the documents that differ."""
    for number, (document, answer) in enumerate(zip(every, compare.answers(program, path, every))):
        if not is_comparable(document, nfc):
            continue
        for as_text in (False, True):
            ids = expected(encoding, document, nfc, as_text)
            if answer[as_text] != (ids, encoding.decode_bytes(ids)):
                print(f"{path}: document {number}, as text {as_text}: {document[:200]!r}\n  {answer[as_text][0][:30]}\n  {ids[:30]}", file=sys.stderr)
                yield number


def main():
    program, shared = sys.argv[1], (sys.argv[2:] or [""])[0]
    every = documents(shared)
    num_broken = sum(split_at_bad_byte(document)[1] != b"" for document in every)
    failed = False
    for vocabulary, ranks in vocabularies(shared):
        with tempfile.TemporaryDirectory() as folder:
            for name, encoding, nfc in encodings(ranks):
                path = os.path.join(folder, name)
                with open(path, "wb") as file:
                    file.writelines(base64.b64encode(token) + b" %d\n" % rank for token, rank in ranks.items())
                found = len([number for number, _ in zip(differences(program, path, encoding, nfc, every), range(3))])
                print(f"{name}, {vocabulary}: {len(every)} documents, {num_broken} not UTF-8, {found or 'no'} differences")
                failed |= found > 0
    if shared:
        path = os.path.join(shared, "data", "tokenizers", "gpt2-tokenizer.json")
        _, encoding, _ = next(encodings(ranks))
        failed |= any(list(zip(differences(program, path, encoding, False, every), range(3))))
    sys.exit(1 if failed else 0)


main()
