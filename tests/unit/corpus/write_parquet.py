"""Writes Parquet files with pyarrow; the texts are "text 0", "text 1" ...

    write_parquet.py FOLDER
"""

import pathlib
import sys

try:
    import pyarrow as pa
    import pyarrow.parquet as pq
except ImportError:
    print("skipped: pyarrow is not installed", file=sys.stderr)
    sys.exit(77)

folder = pathlib.Path(sys.argv[1])
texts = [f"text {i}" for i in range(2500)]
numbers = list(range(len(texts)))


def write(name, column, **options):
    pq.write_table(pa.table({"id": numbers, "text": column}), folder / f"{name}.parquet", **options)


for codec in "none", "snappy", "gzip", "zstd", "lz4", "brotli":
    write(codec, pa.array(texts), compression=codec, row_group_size=700)
write("large_string", pa.array(texts, pa.large_string()))
write("binary", pa.array([t.encode() for t in texts], pa.binary()))
write("dictionary", pa.array(texts).dictionary_encode(), row_group_size=1000)
write("plain", pa.array(texts), use_dictionary=False, data_page_version="2.0", write_page_checksum=True)
write("delta", pa.array(texts), use_dictionary=False, column_encoding={"text": "DELTA_BYTE_ARRAY"})
write("pages", pa.array(texts), data_page_size=256, write_batch_size=16)
meta = pa.StructArray.from_arrays([pa.array(texts), pa.array(numbers)], ["text", "id"])
pq.write_table(pa.table({"meta": meta}), folder / "nested.parquet")
pq.write_table(pa.table({"text": pa.array([], pa.string())}), folder / "empty.parquet")
pq.write_table(pa.table({"text": pa.array([["a"], ["b", "c"]])}), folder / "lists.parquet")

few = ["a", None, "\u00e4\u0000b", "", None]
pq.write_table(pa.table({"text": few}), folder / "nulls.parquet")
pq.write_table(pa.table({"text": pa.array(few, pa.binary())}), folder / "small.parquet", compression="none",
               write_page_checksum=True)
bad = pa.Array.from_buffers(pa.string(), 2, pa.array([b"\xff\xfe", b"ok"], pa.binary()).buffers())
pq.write_table(pa.table({"text": bad}), folder / "utf8.parquet")
