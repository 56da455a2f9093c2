"""Writes a file of many a kind with the tools that people use: FOLDER/<kind>, and FOLDER/expected, "kind: words" per line.

    write_kinds.py FOLDER

A name has no ending: what the file is shows in its bytes alone.
"""

import bz2
import io
import lzma
import pathlib
import pickle
import sqlite3
import struct
import sys
import tarfile
import zipfile
import zlib

import numpy
import pyarrow
import pyarrow.feather
import pyarrow.orc

folder = pathlib.Path(sys.argv[1])
expected = {}


def put(kind, words, content):
    (folder / kind).write_bytes(content)
    expected[kind] = words


def packed(write):
    buffer = io.BytesIO()
    write(buffer)
    return buffer.getvalue()


def chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def tar(buffer):
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        info = tarfile.TarInfo("a.txt")
        info.size = 5
        archive.addfile(info, io.BytesIO(b"hello"))


def zipped(buffer):
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("a.txt", "hello")


text = b"The quick brown fox jumps over the lazy dog. " * 20
table = pyarrow.table({"text": ["a", "b", "c"]})
put("bzip2", "bzip2 data", bz2.compress(text))
put("bzip2-short", "bzip2 data", bz2.compress(b"a"))
put("bzip2-empty", "bzip2 data", bz2.compress(b""))
put("lzma-alone", "lzma data", lzma.compress(text, format=lzma.FORMAT_ALONE))
put("zip", "a zip archive", packed(zipped))
put("zip-empty", "a zip archive", packed(lambda b: zipfile.ZipFile(b, "w").close()))
put("tar", "a tar archive", packed(tar))
put("lz4", "lz4 data", pyarrow.compress(text, codec="lz4", asbytes=True))
put("arrow-file", "an Arrow file", packed(lambda b: pyarrow.feather.write_feather(table, b, compression="uncompressed")))


def stream(buffer):
    with pyarrow.ipc.new_stream(buffer, table.schema) as writer:
        writer.write_table(table)


def orc(buffer):
    pyarrow.orc.write_table(table, buffer)


put("arrow-stream", "an Arrow stream", packed(stream))
put("feather-1", "a Feather file", b"FEA1" + bytes(20))
put("orc", "an ORC file", packed(orc))
put("npy", "a NumPy array", packed(lambda b: numpy.save(b, numpy.arange(9, dtype=numpy.uint16))))
put("npz", "a zip archive", packed(lambda b: numpy.savez(b, numpy.arange(9))))
for protocol in (2, 3, 4, 5):
    put(f"pickle-{protocol}", "a pickle", pickle.dumps({"a": [1, "b"]}, protocol))
header = b'{"w":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}'
put("safetensors", "a safetensors file", struct.pack("<Q", len(header)) + header + bytes(4))
put("gguf", "a GGUF file", b"GGUF" + struct.pack("<IQQ", 3, 0, 0))
with sqlite3.connect(folder / "sqlite") as base:
    base.execute("create table a (b text)")
expected["sqlite"] = "an SQLite database"
put("elf", "an ELF file", pathlib.Path("/bin/ls").read_bytes())
rows = zlib.compress(b"\0\xff\xff\xff" * 4)
ihdr = struct.pack(">IIBBBBB", 1, 4, 8, 2, 0, 0, 0)
put("png", "a PNG image", b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", ihdr) + chunk(b"IDAT", rows) + chunk(b"IEND", b""))
put("gif", "a GIF image", b"GIF89a\1\0\1\0\x80\0\0\xff\xff\xff\0\0\0,\0\0\0\0\1\0\1\0\0\2\2D\1\0;")
put("jpeg", "a JPEG image", b"\xff\xd8\xff\xe0\0\x10JFIF\0\1\1")
put("webp", "a WebP image", b"RIFF\x1a\0\0\0WEBPVP8L\x0d\0\0\0/\0\0\0\x10\x07\x10\x11\x11\x88\x88\xfe\7\0")
put("pdf", "a PDF document", b"%PDF-1.4\n1 0 obj\n<< /Type /Catalog >>\nendobj\n")
put("llm.c", "a token file of llm.c", struct.pack("<256i", 20240520, 1, *[0] * 254))
put("megatron", "an index of Megatron", b"MMIDIDX\0\0" + struct.pack("<Q", 1))
words = "L\u00f6we, \u201equoted\u201c text\n" * 9
for codec, name in (("utf-16", "UTF-16 text"), ("utf-32", "UTF-32 text")):
    put(codec, name, words.encode(codec))
    for order in ("le", "be"):
        put(f"{codec}-{order}", name, ("plain text, l\u00f6we\n" * 9).encode(f"{codec}-{order}"))
put("zeros", "binary data", b"some text and a zero\0")
put("random", "binary data", bytes(range(128, 256)) * 4)
put("koi8", "binary data", "\u0440\u0443\u0441\u0441\u043a\u0438\u0439 \u0442\u0435\u043a\u0441\u0442 ".encode("koi8-r") * 9)

# Text, whatever it begins with.
for number, begin in enumerate(("ORC", "MZ", "BM", "GIF8", "ID3", "PAR1", "!<arch>\n", "wOFF", "Obj", "RIFF....WEBP")):
    put(f"text-{number}", "", (begin + " is how a line of plain text begins\n" * 300).encode())
put("text-latin-1", "", "Stra\u00dfen f\u00fcr L\u00f6wen und B\u00e4ren\n".encode("latin-1") * 300)
put("text-latin-1-short", "", "n\u00e9\n".encode("latin-1"))
put("text-mark", "", "a text with a mark\n".encode("utf-8-sig"))
put("text-chinese", "", "\u4f60\u597d\u4e16\u754c".encode() * 3000)
put("text-cut", "", b"x" * 8191 + "\u4f60".encode())
put("text-empty", "", b"")
(folder / "expected").write_text("".join(f"{kind}: {words}\n" for kind, words in expected.items()))
