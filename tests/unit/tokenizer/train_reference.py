"""Trains with Hugging Face's tokenizers, for bpe_trainer_test.cpp to compare with.

    train_reference.py cases FOLDER         case-00/, ... with documents.json, settings.json, tokenizer.json
    train_reference.py check FOLDER CASE... loads the tokenizer files of FOLDER/CASE and compares ids with the case's
                                            tokenizer.json on its own documents
    train_reference.py train FILE OUT SIZE  trains on the paragraphs of a file
"""

import json
import os
import pathlib
import random
import sys

os.environ["TRANSFORMERS_VERBOSITY"] = "error"
try:
    import tokenizers
    from tokenizers import Regex, decoders, models, pre_tokenizers, trainers
except ImportError as error:
    print(f"skipped: {error}", file=sys.stderr)
    sys.exit(77)

CL100K = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
EXPRESSIONS = {"llama3": CL100K, "qwen2": CL100K.replace("{1,3}", "")}


def pre_tokenizer(pattern):
    if pattern == "gpt2":
        return pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True)
    split = pre_tokenizers.Split(Regex(EXPRESSIONS[pattern]), "isolated")
    return pre_tokenizers.Sequence([split, pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)])


def train(documents, settings):
    tokenizer = tokenizers.Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizer(settings["pattern"])
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=settings["vocabulary_size"],
        min_frequency=settings["min_frequency"],
        special_tokens=settings["special_tokens"],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(documents, trainer)
    return tokenizer


def words(source, letters, count, longest):
    """Text over few letters: many pairs are equally frequent."""
    return " ".join("".join(source.choices(letters, k=source.randint(1, longest))) for _ in range(count))


def runs(source, count):
    """Runs of one character: the same token is spelled by several pairs."""
    return " ".join(source.choice("-=ab") * source.randint(1, 40) for _ in range(count))


def many_words(source, count):
    """One pair in so many words that several threads merge it."""
    return " ".join("ab" + "".join(source.choices("abcdefgh", k=7)) + "ab" for _ in range(count))


def hostile(source, count):
    """Letters, digits, marks, spaces and line ends of many scripts in any order."""
    pool = "aZz09 ''s't\n\r\t.,!-é\u0301ß漢字かなकाम\u200b\u3000👩\u200d👧Ⅷ²½\u2028\u00a0" + "".join(map(chr, range(0x400, 0x420)))
    return "".join(source.choice(pool) for _ in range(count))


def cases():
    source = random.Random(17)
    end = "<|endoftext|>"
    plain = [words(source, "abcde", 200, 9) for _ in range(20)]
    yield dict(vocabulary_size=500, min_frequency=0, special_tokens=[], pattern="gpt2"), plain
    yield dict(vocabulary_size=500, min_frequency=2, special_tokens=[end], pattern="gpt2"), plain
    # Runs out: every word is one token before the vocabulary is full.
    yield dict(vocabulary_size=5000, min_frequency=0, special_tokens=[end], pattern="gpt2"), plain[:2]
    yield dict(vocabulary_size=5000, min_frequency=7, special_tokens=[end, "<pad>", end], pattern="gpt2"), plain
    # Special tokens that training would have made, or that are a byte's character; and one inside the text.
    made = ["ab", "b", "\u0120", end, "cd"]
    yield dict(vocabulary_size=400, min_frequency=2, special_tokens=made, pattern="gpt2"), plain + [f"ab{end}cd " * 50]
    yield dict(vocabulary_size=256, min_frequency=2, special_tokens=[], pattern="gpt2"), plain
    yield dict(vocabulary_size=257, min_frequency=2, special_tokens=[], pattern="gpt2"), plain
    for seed in range(8):
        text = [runs(source, 300) for _ in range(3 + seed)]
        yield dict(vocabulary_size=300 + 40 * seed, min_frequency=seed % 4, special_tokens=[], pattern="gpt2"), text
    for pattern in ("gpt2", "llama3", "qwen2"):
        # Ends in white space, begins with it, empty: words do not reach over the borders of documents.
        text = [hostile(source, 400) for _ in range(40)] + ["tail  ", "  head", "", "\n", "don't DON'T x2024y"] * 9
        yield dict(vocabulary_size=1200, min_frequency=2, special_tokens=[end], pattern=pattern), text
        text = [words(source, "abcdefghijklmnopqrst'0123 \n", 3000, 14) for _ in range(5)]
        yield dict(vocabulary_size=2000, min_frequency=1, special_tokens=[end], pattern=pattern), text


    yield dict(vocabulary_size=400, min_frequency=2, special_tokens=[], pattern="gpt2"), [many_words(source, 40000)]


def write_cases(folder):
    for number, (settings, documents) in enumerate(cases()):
        case = folder / f"case-{number:02}"
        case.mkdir()
        (case / "documents.json").write_text(json.dumps(documents))
        (case / "settings.json").write_text(json.dumps(settings))
        train(documents, settings).save(str(case / "tokenizer.json"))


def check(folder, case, transformers):
    ours = tokenizers.Tokenizer.from_file(str(folder / "tokenizer.json"))
    theirs = tokenizers.Tokenizer.from_file(str(case / "tokenizer.json"))
    settings = json.loads((case / "settings.json").read_text())
    fast = transformers.AutoTokenizer.from_pretrained(str(folder))
    assert type(fast).__name__ in ("PreTrainedTokenizerFast", "TokenizersBackend"), type(fast)
    specials = settings["special_tokens"]
    expected_end = "<|endoftext|>" if "<|endoftext|>" in specials else (specials or [None])[0]
    assert fast.eos_token == expected_end, fast.eos_token
    assert len(fast) == theirs.get_vocab_size() and ours.get_vocab() == theirs.get_vocab()
    assert [(t.content, t.special) for t in ours.get_added_tokens_decoder().values()] == [
        (t.content, t.special) for t in theirs.get_added_tokens_decoder().values()
    ]
    for text in json.loads((case / "documents.json").read_text()):
        ids = theirs.encode(text).ids
        assert ours.encode(text).ids == ids, repr(text)
        assert fast(text)["input_ids"] == ids, repr(text)
        assert ours.decode(ids, skip_special_tokens=False) == theirs.decode(ids, skip_special_tokens=False), repr(text)


def main(mode, *rest):
    if mode == "cases":
        write_cases(pathlib.Path(rest[0]))
    elif mode == "check":
        import transformers

        for case in map(pathlib.Path, rest[1:]):
            check(pathlib.Path(rest[0]) / case.name, case, transformers)
    else:
        settings = dict(vocabulary_size=int(rest[2]), min_frequency=2, special_tokens=["<|endoftext|>"], pattern="gpt2")
        train(pathlib.Path(rest[0]).read_bytes().decode().split("\n\n"), settings).save(rest[1])


main(*sys.argv[1:])
