"""Holds a prepared corpus against its JSON-lines sources: NumPy reads the shards, `tokenizers` makes the ids.

check_corpus.py FOLDER TOKENIZER as_text|recognise SOURCE...

Every document of the sources must be the next one of either split, and nothing else may be there.
"""

import json
import pathlib
import sys

import megatron_reader  # exits with 77 where NumPy is absent

try:
    import tokenizers
except ImportError:
    print("skipped: tokenizers is not installed", file=sys.stderr)
    sys.exit(77)


def documents(folder, split):
    """Id lists of the documents of a split, and the numbers' type."""
    result, dtypes = [], set()
    for path in sorted(folder.glob(f"{split}-*.idx")):
        dtype, _, index, rows = megatron_reader.read(path.with_suffix(""))
        dtypes.add(str(dtype))
        for first, last in zip(index[:-1], index[1:]):
            result.append([int(id) for row in rows[first:last] for id in row])
    return result, dtypes


def main():
    folder, tokenizer, special = pathlib.Path(sys.argv[1]), sys.argv[2], sys.argv[3]
    encoder = tokenizers.Tokenizer.from_file(tokenizer)
    encoder.encode_special_tokens = special == "as_text"
    sidecar = json.loads((folder / "corpus.json").read_text())
    end = sidecar["tokenizer"]["end_of_document"]
    train, train_types = documents(folder, "train")
    held_out, held_out_types = documents(folder, "validation")
    wide = encoder.get_vocab_size() >= 65500
    assert train_types | held_out_types == {"int32" if wide else "uint16"}, train_types
    assert len(held_out) == len(sidecar["validation_halves"]) > 0
    tokens = 0
    for source in sys.argv[4:]:
        for line in pathlib.Path(source).read_text(encoding="utf-8").strip("\n").split("\n"):
            ids = encoder.encode(json.loads(line)["text"], add_special_tokens=False).ids + [end]
            tokens += len(ids)
            split = train if train and train[0] == ids else held_out
            assert split and split.pop(0) == ids, line[:200]
    assert not train and not held_out, (len(train), len(held_out))
    assert tokens == sidecar["train"]["tokens"] + sidecar["validation"]["tokens"]
    print("same", tokens, "tokens")


main()
