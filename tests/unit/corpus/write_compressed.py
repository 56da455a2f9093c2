"""Compresses each file of a folder with the tools that people use: <name>.gz, .zst and .xz next to it.

    write_compressed.py FOLDER

<name>.many.gz, .many.zst and .many.xz hold the same bytes as several members, frames or streams; .many.zst also has a
skippable frame, and .long.zst a window of 256 MiB, more than decoders allow unless told.
"""

import gzip
import lzma
import pathlib
import shutil
import struct
import subprocess
import sys

if shutil.which("zstd") is None:
    print("skipped: zstd is not installed", file=sys.stderr)
    sys.exit(77)


def zstd(data, *options):
    return subprocess.run(["zstd", "-q", "-c", *options], input=data, stdout=subprocess.PIPE, check=True).stdout


def halves(data):
    return data[:len(data) // 2], data[len(data) // 2:]


folder = pathlib.Path(sys.argv[1])
for path in sorted(p for p in folder.iterdir() if p.is_file()):
    data = path.read_bytes()
    name, end = path.stem, path.suffix
    a, b = halves(data)
    skippable = struct.pack("<II", 0x184D2A53, 5) + b"hello"
    written = {
        f"{name}{end}.gz": gzip.compress(data),
        f"{name}{end}.zst": zstd(data),
        f"{name}{end}.xz": lzma.compress(data),
        f"{name}.many{end}.gz": gzip.compress(a) + gzip.compress(b"") + gzip.compress(b, 1),
        f"{name}.many{end}.zst": skippable + zstd(a) + skippable + zstd(b, "-19", "--check"),
        f"{name}.many{end}.xz": lzma.compress(a) + bytes(8) + lzma.compress(b, check=lzma.CHECK_SHA256),
        f"{name}.long{end}.zst": zstd(data, "--long=28"),
    }
    for file, content in written.items():
        (folder / file).write_bytes(content)
