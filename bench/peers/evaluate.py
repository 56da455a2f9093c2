#!/usr/bin/env python3
"""Items per second of `superpose eval` and of lm-eval's Hugging Face backend on one model folder and the same questions.

The questions are pairs of a context and a continuation, four endings behind each context, as HellaSwag has them: from a file of rows
with "ctx" and "endings" (JSON lines, plain or .zst), else of random words. Both sides get the same texts, read the same model, and score
every pair; reading the model and building the requests is not timed. The sides alternate in one run; medians of the rounds are printed,
their ratio, and the largest difference between the two sides' log-likelihoods.

lm-eval is that of requirements-lm-eval.txt; --packages says where it is installed.
"""

import argparse
import json
import logging
import os
import pathlib
import random
import statistics
import subprocess
import sys
import tempfile
import time


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=pathlib.Path, help="a Hugging Face folder with its tokenizer, or an export of a run")
    parser.add_argument("--program", type=pathlib.Path, default="build/release/bin/superpose")
    parser.add_argument("--packages", type=pathlib.Path, default=".venv/lm_eval", help="folder that lm-eval is installed in")
    parser.add_argument("--rows", type=pathlib.Path, help='JSON lines with "ctx" and "endings"')
    parser.add_argument("--items", type=int, default=60)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--batch", type=int, default=16, help="lm-eval's batch size")
    return parser.parse_args()


def rows_of(file):
    if file.suffix == ".zst":
        lines = subprocess.run(["zstd", "-dc", file], check=True, capture_output=True, text=True).stdout.splitlines()
    else:
        lines = file.read_text().splitlines()
    for line in lines:
        row = json.loads(line)
        yield row["ctx"].strip(), row["endings"]


def made_up_rows():
    chance = random.Random(1)
    words = "the a man woman dog then takes puts walks into over water hand ball table slowly and again with his her".split()
    while True:
        yield " ".join(chance.choices(words, k=45)), [" ".join(chance.choices(words, k=chance.randint(12, 28))) for _ in range(4)]


def pairs_of(options):
    source = rows_of(options.rows) if options.rows else made_up_rows()
    return [(context, " " + ending.strip()) for _, (context, endings) in zip(range(options.items), source) for ending in endings]


class Superpose:
    """Seconds of the scoring alone: those of a call with all pairs less those of a call with one."""

    def __init__(self, options, pairs):
        self.options, self.folder = options, tempfile.TemporaryDirectory()
        self.all, self.one = self.write("all", pairs), self.write("one", pairs[:1])

    def write(self, name, pairs):
        file = pathlib.Path(self.folder.name) / f"{name}.jsonl"
        file.write_text("".join(json.dumps({"context": context, "continuation": ending}) + "\n" for context, ending in pairs))
        return file

    def call(self, requests):
        self.records = pathlib.Path(self.folder.name) / "scores.jsonl"
        command = [self.options.program, "eval", self.options.folder, "--requests", requests, "--records", self.records, "--overwrite",
                   "--threads", self.options.threads]  # fmt: skip
        begin = time.perf_counter()
        subprocess.run(list(map(str, command)), check=True, capture_output=True)
        return time.perf_counter() - begin

    def round(self):
        start = self.call(self.one)
        seconds = self.call(self.all) - start
        return seconds, [json.loads(line)["loglikelihood"] for line in self.records.read_text().splitlines()]


class LmEval:
    def __init__(self, options, pairs):
        sys.path.insert(0, str(options.packages))
        for name in ("HF_HUB_OFFLINE", "HF_DATASETS_OFFLINE", "HF_HUB_DISABLE_PROGRESS_BARS", "TOKENIZERS_PARALLELISM"):
            os.environ[name] = "1"
        os.environ["TRANSFORMERS_VERBOSITY"] = "error"
        logging.disable(logging.WARNING)
        import torch
        from lm_eval.api.instance import Instance
        from lm_eval.models.huggingface import HFLM

        torch.set_num_threads(options.threads)
        self.model = HFLM(pretrained=str(options.folder), device="cpu", dtype="float32", batch_size=options.batch)
        self.requests = [Instance("loglikelihood", {}, pair, index) for index, pair in enumerate(pairs)]
        self.model.loglikelihood(self.requests[:4], disable_tqdm=True)

    def round(self):
        begin = time.perf_counter()
        scores = self.model.loglikelihood(self.requests, disable_tqdm=True)
        return time.perf_counter() - begin, [score for score, _ in scores]


def main():
    options = arguments()
    pairs = pairs_of(options)
    sides = {"superpose": Superpose(options, pairs), "lm-eval": LmEval(options, pairs)}
    seconds, scores = {name: [] for name in sides}, {}
    for _ in range(options.rounds):
        for name, side in sides.items():
            taken, scores[name] = side.round()
            seconds[name].append(taken)
    items = {name: len(pairs) / 4 / statistics.median(taken) for name, taken in seconds.items()}
    difference = max(abs(a - b) for a, b in zip(*scores.values(), strict=True))
    ratio = items["superpose"] / items["lm-eval"]
    print(f"superpose {items['superpose']:.2f} items/s, lm-eval {items['lm-eval']:.2f} items/s, ratio {ratio:.2f}")
    print(f"largest difference of a log-likelihood: {difference:.1e}")


if __name__ == "__main__":
    main()
