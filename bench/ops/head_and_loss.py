#!/usr/bin/env python3
r"""Head + multi-hot cross-entropy, forward and backward: Superpose's operator against plain PyTorch, alternating.

    python bench/ops/head_and_loss.py --library build/release/src/ops/libsuperpose_ops.so --dtypes float32,bfloat16 \
        --widths 512,2048 --vocabularies 256,32000,128256 --bag-sizes 1,4,8,16

Two PyTorch forms, eager and under torch.compile: `separate` is the paper's listing, one cross_entropy a slot over f32
logits; `gather` is one log_softmax and a gather. Prints medians of the timed rounds, their ratios, and how far one
round raises the peak memory of a process (each side in one of its own). Large shapes of `separate` need tens of
gigabytes: a side that does not fit is killed while its memory is measured, said so and left out. --rows makes all
smaller.
"""

import argparse
import itertools
import json
import pathlib
import re
import statistics
import subprocess
import sys
import time

import torch
from torch.nn.functional import cross_entropy, linear, log_softmax


def superpose(hidden, weight, targets, slots):
    return torch.ops.superpose.multi_hot_linear_cross_entropy(hidden, weight, targets, slots)[0]


def separate(hidden, weight, targets, slots):
    logits = linear(hidden, weight).float()
    losses = [cross_entropy(logits, targets[:, i]) for i in range(targets.shape[1])]
    return torch.stack(losses).mul(slots).sum()


def gather(hidden, weight, targets, slots):
    logs = log_softmax(linear(hidden, weight).float(), dim=1)
    return -(logs.gather(1, targets).mean(0) * slots).sum()


SIDES = {
    "superpose": superpose,
    "separate": separate,
    "gather": gather,
    "separate-compiled": torch.compile(separate, dynamic=False),
    "gather-compiled": torch.compile(gather, dynamic=False),
}


def one_round(side, tensors):
    hidden, weight, _, _ = tensors
    hidden.grad = weight.grad = None
    begin = time.perf_counter()
    SIDES[side](*tensors).backward()
    return time.perf_counter() - begin


def make_tensors(shape):
    torch.manual_seed(0)
    dtype = getattr(torch, shape["dtype"])
    rows, width, vocabulary, bag_size = (shape[key] for key in ("rows", "width", "vocabulary", "bag_size"))
    hidden = torch.randn(rows, width).to(dtype).requires_grad_()
    weight = (torch.randn(vocabulary, width) * 0.02).to(dtype).requires_grad_()
    targets = torch.randint(0, vocabulary, (rows, bag_size))
    return hidden, weight, targets, torch.full((bag_size,), 1 / bag_size)


def peak_bytes():
    # Not getrusage: its maximum outlives exec, so a child would report its parent's.
    status = pathlib.Path("/proc/self/status").read_text()
    return int(re.search(r"VmHWM:\s+(\d+) kB", status).group(1)) * 1024


def raised_peak(side, tensors):
    """How far one round raises the peak of this process. The round before it compiles."""
    one_round(side, tensors)
    tensors[0].grad = tensors[1].grad = None
    pathlib.Path("/proc/self/clear_refs").write_text("5")  # the peak starts again from what is held now
    before = peak_bytes()
    one_round(side, tensors)
    return peak_bytes() - before


def memory_of(side, shape, arguments):
    """The same in a process of its own; None where that fails, after saying why."""
    command = [sys.executable, __file__, "--library", arguments.library, "--threads", str(arguments.threads)]
    run = subprocess.run([*command, "--memory", side, json.dumps(shape)], capture_output=True, text=True)
    if run.returncode == 0:
        return int(run.stdout)
    why = run.stderr.strip().splitlines()[-1] if run.stderr.strip() else f"exit status {run.returncode}"
    print(f"{side:18s} left out: {why}")
    return None


def compare(shape, arguments):
    torch.compiler.reset()  # or the limit of recompilations would leave later shapes to eager
    print("{dtype} rows {rows} width {width} vocabulary {vocabulary} s {bag_size}".format(**shape), flush=True)
    memory = {side: memory_of(side, shape, arguments) for side in arguments.sides.split(",")}
    sides = [side for side in memory if memory[side] is not None]
    tensors = make_tensors(shape)
    for side in sides:
        one_round(side, tensors)
    times = {side: [] for side in sides}
    for _ in range(arguments.rounds):
        for side in sides:
            times[side].append(one_round(side, tensors))
    products = 6 * shape["rows"] * shape["width"] * shape["vocabulary"] / 1e9
    for side in sides:
        median = statistics.median(times[side])
        ratio = statistics.median(other / own for other, own in zip(times[side], times[sides[0]]))
        print(f"{side:18s} {median * 1e3:9.1f} ms  {ratio:6.2f}x the time  {memory[side] / 2**20:7.0f} MiB  "
              f"{memory[side] / max(1, memory[sides[0]]):6.2f}x the memory  "
              f"{products / median:6.0f} GFLOP/s of products", flush=True)  # fmt: skip


def numbers(text):
    return [int(word) for word in text.split(",")]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--library", required=True, help="libsuperpose_ops.so")
    parser.add_argument("--rows", type=int, default=2048)
    parser.add_argument("--widths", type=numbers, default=[512])
    parser.add_argument("--vocabularies", type=numbers, default=[32000])
    parser.add_argument("--bag-sizes", type=numbers, default=[8])
    parser.add_argument("--dtypes", default="float32", help="of float32, bfloat16")
    parser.add_argument("--sides", default=",".join(SIDES), help="compared with the first (%(default)s)")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--memory", nargs=2, metavar=("SIDE", "SHAPE"),
                        help="print how far one round of a side raises the peak")  # fmt: skip
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    torch.ops.load_library(arguments.library)
    if arguments.memory:
        side, shape = arguments.memory
        print(raised_peak(side, make_tensors(json.loads(shape))))
        return
    print(f"{arguments.threads} threads, {arguments.rounds} rounds in turn")
    dtypes = arguments.dtypes.split(",")
    axes = ("dtype", "width", "vocabulary", "bag_size")
    for values in itertools.product(dtypes, arguments.widths, arguments.vocabularies, arguments.bag_sizes):
        compare({"rows": arguments.rows} | dict(zip(axes, values)), arguments)


if __name__ == "__main__":
    main()
