#!/usr/bin/env python3
r"""Encoding speed against Hugging Face tokenizers (and tiktoken, where it is installed), the sides alternating.

    .venv/bin/python bench/tokenizer/encode.py --program build/bench/bench/encode_turns \
        --tokenizers gpt2.json,qwen3.json --corpora books.jsonl.zst,modern.txt.zst --threads 1,2 --rounds 5 --json out.json

Every side is a process that stays, with its tokenizer loaded and its caches warm after the first round, which is not
counted. `tokenizers` is `encode_batch`, `tokenizers-fast` is `encode_batch_fast` (no offsets). Before the timing the ids of all texts must
agree. Texts: documents of a .jsonl ("text"), paragraphs of a .txt, from the first --megabytes of each corpus.
"""

import argparse
import json
import os
import statistics
import struct
import subprocess
import sys
import tempfile

WORKER = r"""
import json, os, struct, sys, time
kind, path, texts_path, threads = sys.argv[1:]
os.environ["RAYON_NUM_THREADS"] = threads
os.environ["TOKENIZERS_PARALLELISM"] = "true" if int(threads) > 1 else "false"
packed, texts, at = open(texts_path, "rb").read(), [], 0
while at < len(packed):
    (size,) = struct.unpack_from("<I", packed, at)
    texts.append(packed[at + 4:at + 4 + size].decode())
    at += 4 + size
if kind == "tiktoken":
    import tiktoken
    alphabet = {chr(c): b for b, c in zip(sorted(range(256), key=lambda b: (not (0x21 <= b <= 0x7E or 0xA1 <= b <= 0xAC or b >= 0xAE), b)),
                [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100), *range(256, 256 + 68)])}
    file = json.load(open(path))
    added = {t["content"]: t["id"] for t in file["added_tokens"]}
    ranks = {bytes(alphabet[c] for c in t): i for t, i in file["model"]["vocab"].items() if t not in added}
    split = file["pre_tokenizer"].get("pretokenizers", [{}])[0].get("pattern", {}).get(
        "Regex", r"'(?:[sdmt]|ll|ve|re)| ?\p{L}++| ?\p{N}++| ?[^\s\p{L}\p{N}]++|\s++$|\s+(?!\S)|\s")
    encoding = tiktoken.Encoding("file", pat_str=split, mergeable_ranks=ranks, special_tokens=added)
    encode = lambda: encoding.encode_batch(texts, num_threads=int(threads), allowed_special="all")
else:
    import tokenizers
    tokenizer = tokenizers.Tokenizer.from_file(path)
    batch = tokenizer.encode_batch_fast if kind == "tokenizers-fast" else tokenizer.encode_batch
    encode = lambda: batch(texts, add_special_tokens=False)
for line in sys.stdin:
    begin = time.perf_counter()
    out = encode()
    seconds = time.perf_counter() - begin
    ids = [e if isinstance(e, list) else e.ids for e in out]
    answer = {"seconds": seconds, "ids": sum(map(len, ids))}
    if line.strip() == "ids":
        with open(texts_path + "." + kind, "wb") as file:
            for row in ids:
                file.write(struct.pack(f"<{len(row)}i", *row))
    print(json.dumps(answer), flush=True)
"""


def documents(path, megabytes):
    with subprocess.Popen(["zstd", "-dcq", path], stdout=subprocess.PIPE) as process:
        raw = process.stdout.read(int(megabytes * 1e6))
        process.kill()
    if ".jsonl" in path:
        return [json.loads(line)["text"] for line in raw.split(b"\n")[:-1]]
    return raw.decode("utf-8", "ignore").split("\n\n")


class Side:
    def __init__(self, command):
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def turn(self, word="go"):
        self.process.stdin.write(word + "\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        if not line:
            raise SystemExit(f"a side failed: {self.process.args[:4]}")
        return json.loads(line)


def has(module):
    return subprocess.run([sys.executable, "-c", f"import {module}"], capture_output=True).returncode == 0


def measure(options, tokenizer, texts_path, threads):
    """Seconds of each round, by side; the first round is left out."""
    sides = {"superpose": Side([options.program, tokenizer, texts_path, str(threads)])}
    for kind in ["tokenizers", "tokenizers-fast"] + (["tiktoken"] if has("tiktoken") else []):
        sides[kind] = Side([sys.executable, "-c", WORKER, kind, tokenizer, texts_path, str(threads)])
    first = {name: side.turn("ids") for name, side in sides.items()}
    if len({answer["ids"] for name, answer in first.items() if name != "tiktoken"}) != 1:
        raise SystemExit(f"the sides do not agree: {first}")
    seconds = {name: [] for name in sides}
    for _ in range(options.rounds):
        for name, side in sides.items():
            seconds[name].append(side.turn()["seconds"])
    for side in sides.values():
        side.process.stdin.close()
        side.process.wait()
    return seconds


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--program", required=True)
    parser.add_argument("--tokenizers", required=True)
    parser.add_argument("--corpora", required=True)
    parser.add_argument("--threads", default="1,2")
    parser.add_argument("--megabytes", type=float, default=10)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--json")
    options = parser.parse_args()
    records = []
    print(f"load {os.getloadavg()[0]:.2f}; MB/s: median (lowest .. highest); ratio: median of the ratios in a round")
    for corpus in options.corpora.split(","):
        texts = [text.encode() for text in documents(corpus, options.megabytes)]
        size = sum(map(len, texts)) / 1e6
        with tempfile.TemporaryDirectory() as folder:
            texts_path = os.path.join(folder, "texts")
            with open(texts_path, "wb") as file:
                file.writelines(struct.pack("<I", len(text)) + text for text in texts)
            for tokenizer in options.tokenizers.split(","):
                for threads in map(int, options.threads.split(",")):
                    seconds = measure(options, tokenizer, texts_path, threads)
                    name = f"{os.path.basename(corpus).split('.')[0]}, {os.path.basename(tokenizer)}, {threads} thread{'s'[:threads > 1]}"
                    for side, taken in seconds.items():
                        rates = sorted(size / s for s in taken)
                        ratio = statistics.median(theirs / mine for mine, theirs in zip(seconds["superpose"], taken))
                        print(f"{name}: {side:16} {statistics.median(rates):7.2f} ({rates[0]:.2f} .. {rates[-1]:.2f}) MB/s  x{ratio:.2f}")
                    records.append({"case": name, "megabytes": size, "documents": len(texts), "seconds": seconds})
    if options.json:
        with open(options.json, "w") as file:
            json.dump({"load": os.getloadavg(), "records": records}, file, indent=1)


main()
