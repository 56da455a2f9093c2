"""Loads tokenizer files from the folder given and checks that every text encodes to its own bytes."""

import os
import random
import sys
import unicodedata

os.environ["TRANSFORMERS_VERBOSITY"] = "error"
try:
    import tokenizers
    import transformers
except ImportError as error:
    print(f"skipped: {error}", file=sys.stderr)
    sys.exit(77)

END = 256


def hostile_texts():
    yield ""
    yield "plain ASCII, with  two spaces and a tail \t\r\n\n"
    yield " leading"
    yield "".join(map(chr, range(0x20)))
    yield "e\u0301 \u00e9 \ufb01 \u212b \u1e9b\u0323"  # would change under NFC or NFKC
    yield "\ufeffbyte order mark, \u200b\u200d\u2060 joiners, \u202e right to left \u202c"
    yield "\U0001f469\u200d\U0001f469\u200d\U0001f467 \U0001f1e9\U0001f1ea \U0010ffff \ufffe \uffff"
    yield "\u4f60\u597d\u3000\u4e16\u754c \u0e2a\u0e27\u0e31\u0e2a\u0e14\u0e35 \u0643"
    yield "\u0120\u010a\u0143 \u00ad"  # the characters of the byte-level alphabet themselves
    yield "a" * 10000 + "\n" * 1000
    yield "<|endoftext| > <|endoftext <unk> [PAD] </s> \u2581"
    source = random.Random(3)
    for _ in range(200):
        points = [source.choice((source.randrange(0x110000), source.randrange(0x300))) for _ in range(50)]
        yield "".join(chr(p) for p in points if unicodedata.category(chr(p)) != "Cs")


def check(condition, *what):
    if not condition:
        print("failed:", *what, file=sys.stderr)
        sys.exit(1)


folder = sys.argv[1]
plain = tokenizers.Tokenizer.from_file(os.path.join(folder, "tokenizer.json"))
fast = transformers.AutoTokenizer.from_pretrained(folder)
check(type(fast).__name__ in ("PreTrainedTokenizerFast", "TokenizersBackend"), type(fast))
check(fast.eos_token == "<|endoftext|>" and fast.eos_token_id == END, fast.eos_token_id)
check(len(fast) == 257, len(fast))
for text in hostile_texts():
    expected = list(text.encode("utf-8"))
    check(plain.encode(text).ids == expected, "tokenizers", repr(text))
    check(fast(text)["input_ids"] == expected, "transformers", repr(text))
    check(fast.encode(text) == expected, "transformers, encode", repr(text))
    check(plain.decode(expected) == text, "decode, tokenizers", repr(text))
    check(fast.decode(expected) == text, "decode, transformers", repr(text))
check(fast("a<|endoftext|>b")["input_ids"] == [97, END, 98], "special token inside text")
check(fast.decode([97, END, 98], skip_special_tokens=True) == "ab", "skip_special_tokens")
for byte in range(256):  # also the bytes that no UTF-8 text holds
    check(plain.token_to_id(plain.id_to_token(byte)) == byte, "id", byte)
