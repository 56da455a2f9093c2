"""Writes the same three documents in every layout of token files, with NumPy alone.

    write_token_files.py FOLDER

Documents: 5 6 9, 1 9 and 2 3 4 9, of which 9 is the end of a document. Files of llm.c put it first: 9 5 6, 9 1, 9 2 3 4.
"""

import pathlib
import struct
import sys

try:
    import numpy as np
except ImportError:
    print("skipped: NumPy is not installed", file=sys.stderr)
    sys.exit(77)

DOCUMENTS = [[5, 6, 9], [1, 9], [2, 3, 4, 9]]
TOKENS = [t for document in DOCUMENTS for t in document]
CODES = {1: np.uint8, 2: np.int8, 3: np.int16, 4: np.int32, 5: np.int64, 8: np.uint16}
folder = pathlib.Path(sys.argv[1])


def llm_c(name, magic, version, dtype):
    header = np.zeros(256, dtype=np.int32)
    header[:3] = magic, version, len(TOKENS)
    tokens = np.array([t for document in DOCUMENTS for t in [9] + document[:-1]], dtype=dtype)
    with open(folder / name, "wb") as file:
        file.write(header.tobytes())
        file.write(tokens.tobytes())


def megatron(name, code, documents, order=None, modes=False):
    """documents: lists of sequences; order: places of the sequences in .bin."""
    dtype = CODES[code]
    sequences = [np.array(s, dtype=dtype) for document in documents for s in document]
    pointers = [0] * len(sequences)
    data = b""
    for i in order or range(len(sequences)):
        pointers[i] = len(data)
        data += sequences[i].tobytes()
    ends = np.cumsum([0] + [len(document) for document in documents])
    (folder / f"{name}.bin").write_bytes(data)
    with open(folder / f"{name}.idx", "wb") as file:
        file.write(b"MMIDIDX\x00\x00" + struct.pack("<QBQQ", 1, code, len(sequences), len(ends)))
        file.write(np.array([len(s) for s in sequences], dtype=np.int32).tobytes())
        file.write(np.array(pointers, dtype=np.int64).tobytes())
        file.write(ends.astype(np.int64).tobytes())
        if modes:
            file.write(np.zeros(len(sequences), dtype=np.int8).tobytes())


llm_c("gpt2.bin", 20240520, 1, np.uint16)
llm_c("llama3.bin", 20240801, 7, np.uint32)
for dtype in np.uint8, np.uint16, np.uint32, np.uint64:
    np.array(TOKENS, dtype=dtype).tofile(folder / f"raw-u{8 * np.dtype(dtype).itemsize}.bin")
for dtype in (np.uint8, np.int8, np.uint16, np.int16, np.uint32, np.int32, np.uint64, np.int64):
    np.save(folder / f"{np.dtype(dtype).name}.npy", np.array(TOKENS, dtype=dtype))
with open(folder / "version2.npy", "wb") as file:
    np.lib.format.write_array(file, np.array(TOKENS, dtype=np.int32), version=(2, 0))
np.save(folder / "float.npy", np.array(TOKENS, dtype=np.float32))
np.save(folder / "big_endian.npy", np.array(TOKENS, dtype=">u2"))
np.save(folder / "matrix.npy", np.array(TOKENS, dtype=np.uint16).reshape(3, 3))
np.save(folder / "none.npy", np.array([], dtype=np.uint16))
for code in CODES:
    megatron(f"megatron-{code}", code, [[document] for document in DOCUMENTS], modes=code == 4)
megatron("sequences", 4, [[[5], [6, 9]], [[1, 9]], [[2], [], [3, 4], [9]]])
megatron("shuffled", 8, [[[5], [6, 9]], [[1, 9]], [[2, 3], [4, 9]]], order=[3, 0, 1, 4, 2])
megatron("empty_documents", 8, [[[5, 6, 9]], [], [[1, 9]], [[]], [[2, 3, 4, 9]], []])
megatron("nothing", 8, [])
