"""Training byte-level BPE: `superpose tokenizer train` and the trainer of `tokenizers`, alternating, on the same documents.

    .venv/bin/python bench/tokenizer/train.py books.jsonl --megabytes 100 --vocab-sizes 8192,32768 --threads 1,2

The corpus is JSON lines with a field "text", plain or .zst (needs pyarrow). Its beginning is written to a temporary
.jsonl that both sides read. Every run is a process of its own: seconds from its start to its end, and the peak of its
resident memory. The vocabularies and merges of both sides must be equal, or the exit status is 1.
"""

import argparse
import json
import multiprocessing
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]

PEER = """
import json, sys
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
tokenizer = Tokenizer(models.BPE())
tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True)
tokenizer.decoder = decoders.ByteLevel()
trainer = trainers.BpeTrainer(vocab_size=int(sys.argv[2]), min_frequency=2, special_tokens=["<|endoftext|>"],
                              initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), show_progress=False)
with open(sys.argv[1], encoding="utf-8") as lines:
    tokenizer.train_from_iterator((json.loads(line)["text"] for line in lines), trainer)
tokenizer.save(sys.argv[3])
"""


def write_corpus(source, path, size):
    """The first documents of `source`, `size` bytes of text or a little more. Returns how many bytes."""
    if source.suffix == ".zst":
        import pyarrow

        lines = pyarrow.input_stream(str(source), compression="zstd").read().splitlines()
    else:
        lines = source.read_bytes().splitlines()
    written = 0
    with path.open("wb") as out:
        for line in lines:
            if written >= size:
                break
            out.write(line + b"\n")
            written += len(json.loads(line)["text"].encode())
    return written


def apart(function, *arguments):
    """Calls in a process of its own: a large parent would count in the peak of what it starts."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(function, arguments)


def run(command, environment):
    """Wall seconds and peak resident MiB of a process."""
    start = time.monotonic()
    process = subprocess.Popen(list(map(str, command)), env=os.environ | environment, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.monotonic() - start
    if status != 0:
        sys.exit(f"failed: {command[0]}")
    return seconds, usage.ru_maxrss / 1024


def equal_models(*paths):
    models = [json.loads(path.read_text())["model"] for path in paths]
    return all(model[part] == models[0][part] for model in models for part in ("vocab", "merges"))


def measure(arguments, corpus, folder, size, threads):
    """Runs of both sides, alternating: {name: [(seconds, MiB)]}; and whether they agree."""
    runs, agree = {"superpose": [], "tokenizers": []}, True
    for number in range(arguments.rounds):
        ours, theirs = folder / f"ours-{size}-{threads}-{number}", folder / "theirs.json"
        command = [arguments.program, "tokenizer", "train", "--out", ours, "--vocab-size", size, "--threads", threads]
        runs["superpose"].append(run([*command, corpus], {}))
        command = [sys.executable, "-c", PEER, corpus, size, theirs]
        runs["tokenizers"].append(run(command, {"RAYON_NUM_THREADS": str(threads)}))
        agree = apart(equal_models, ours / "tokenizer.json", theirs) and agree
    return runs, agree


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("corpus", type=pathlib.Path)
    parser.add_argument("--program", default=ROOT / "build/release/bin/superpose", type=pathlib.Path)
    parser.add_argument("--megabytes", default=100, type=int)
    parser.add_argument("--vocab-sizes", default="8192,32768")
    parser.add_argument("--threads", default="1,2")
    parser.add_argument("--rounds", default=1, type=int)
    arguments = parser.parse_args()
    all_agree = True
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        size = apart(write_corpus, arguments.corpus, folder / "corpus.jsonl", arguments.megabytes * 10**6)
        print(f"{size / 1e6:.0f} MB of text, load average {os.getloadavg()[0]:.2f} before")
        print("| threads | vocabulary | superpose | | | tokenizers | | | times as fast | same result |")
        print("|---|---|---|---|---|---|---|---|---|---|")
        for threads in arguments.threads.split(","):
            for vocabulary in arguments.vocab_sizes.split(","):
                runs, agree = measure(arguments, folder / "corpus.jsonl", folder, vocabulary, threads)
                cells, median = [], {}
                for side, results in runs.items():
                    median[side] = statistics.median(seconds for seconds, _ in results)
                    memory = max(peak for _, peak in results)
                    cells.append(f"{median[side]:.2f} s | {size / 1e6 / median[side]:.1f} MB/s | {memory:.0f} MiB")
                ratio = statistics.median(
                    theirs / ours for (ours, _), (theirs, _) in zip(runs["superpose"], runs["tokenizers"])
                )
                print(f"| {threads} | {vocabulary} | {' | '.join(cells)} | {ratio:.1f} | {'yes' if agree else 'NO'} |", flush=True)
                all_agree = all_agree and agree
        print(f"load average {os.getloadavg()[0]:.2f} after")
    return 0 if all_agree else 1


if __name__ == "__main__":
    sys.exit(main())
