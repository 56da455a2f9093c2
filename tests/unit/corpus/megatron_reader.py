"""Reads Megatron .bin/.idx pairs with NumPy alone and prints them, a line a shard."""

import pathlib
import struct
import sys

try:
    import numpy as np
except ImportError:
    print("skipped: NumPy is not installed", file=sys.stderr)
    sys.exit(77)

DTYPES = {1: np.uint8, 2: np.int8, 3: np.int16, 4: np.int32, 5: np.int64, 8: np.uint16}


def read(prefix):
    index = prefix.with_suffix(".idx").read_bytes()
    assert index[:9] == b"MMIDIDX\x00\x00", index[:9]
    (version,) = struct.unpack_from("<Q", index, 9)
    (code,) = struct.unpack_from("<B", index, 17)
    sequences, documents = struct.unpack_from("<QQ", index, 18)
    assert version == 1
    at = 34
    lengths = np.frombuffer(index, np.int32, sequences, at)
    at += lengths.nbytes
    pointers = np.frombuffer(index, np.int64, sequences, at)
    at += pointers.nbytes
    document_index = np.frombuffer(index, np.int64, documents, at)
    at += document_index.nbytes
    assert at == len(index)
    dtype = np.dtype(DTYPES[code])
    tokens = prefix.with_suffix(".bin").read_bytes()
    rows = [np.frombuffer(tokens, dtype, n, p) for n, p in zip(lengths, pointers)]
    return dtype, lengths, document_index, rows


def words(numbers):
    return " ".join(str(n) for n in numbers)


def main():
    for path in sorted(pathlib.Path(sys.argv[1]).glob("*.idx")):
        dtype, lengths, document_index, rows = read(path.with_suffix(""))
        print(path.stem, dtype, "lengths", words(lengths), "documents", words(document_index),
              "tokens", " | ".join(words(row) for row in rows))


if __name__ == "__main__":
    main()
