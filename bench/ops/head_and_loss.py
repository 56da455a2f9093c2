#!/usr/bin/env python3
"""Head + multi-hot cross-entropy, forward and backward: Superpose's operator against plain PyTorch, in turn, in one run.

    python bench/ops/head_and_loss.py --library build/release/src/ops/libsuperpose_ops.so --dtype float32

Two PyTorch sides: `separate` is the form of the paper's listing, one cross_entropy a slot over f32 logits; `gather` is one
log_softmax and a gather. Prints medians of the timed rounds, their ratios, and how far one round raises the peak memory of
a process (each side in one of its own, --memory).
"""

import argparse
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


SIDES = {"superpose": superpose, "separate": separate, "gather": gather}


def one_round(side, tensors):
    hidden, weight, _, _ = tensors
    hidden.grad = weight.grad = None
    begin = time.perf_counter()
    SIDES[side](*tensors).backward()
    return time.perf_counter() - begin


def make_tensors(arguments):
    torch.manual_seed(0)
    dtype = getattr(torch, arguments.dtype)
    hidden = torch.randn(arguments.rows, arguments.width).to(dtype).requires_grad_()
    weight = (torch.randn(arguments.vocabulary, arguments.width) * 0.02).to(dtype).requires_grad_()
    targets = torch.randint(0, arguments.vocabulary, (arguments.rows, arguments.bag_size))
    return hidden, weight, targets, torch.full((arguments.bag_size,), 1 / arguments.bag_size)


def peak_bytes():
    # Not getrusage: its maximum outlives exec, so a child would report its parent's.
    status = pathlib.Path("/proc/self/status").read_text()
    return int(re.search(r"VmHWM:\s+(\d+) kB", status).group(1)) * 1024


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--library", required=True, help="libsuperpose_ops.so")
    parser.add_argument("--rows", type=int, default=2048)
    parser.add_argument("--width", type=int, default=512)
    parser.add_argument("--vocabulary", type=int, default=32000)
    parser.add_argument("--bag-size", type=int, default=8)
    parser.add_argument("--dtype", default="float32", choices=["float32", "bfloat16"])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--memory", choices=list(SIDES), help="run this side once and print its peak memory alone")
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    torch.ops.load_library(arguments.library)
    tensors = make_tensors(arguments)
    if arguments.memory:
        pathlib.Path("/proc/self/clear_refs").write_text("5")  # the peak starts again from what is held now
        before = peak_bytes()
        one_round(arguments.memory, tensors)
        print(peak_bytes() - before)
        return

    times = {side: [] for side in SIDES}
    for number in range(arguments.rounds + 1):
        for side in SIDES:
            seconds = one_round(side, tensors)
            if number > 0:  # the first round warms up
                times[side].append(seconds)
    memory = {
        side: int(subprocess.run([sys.executable, *sys.argv, "--memory", side], check=True, capture_output=True).stdout)
        for side in SIDES
    }
    products = 6 * arguments.rows * arguments.width * arguments.vocabulary / 1e9
    print(f"{arguments.dtype} rows {arguments.rows} width {arguments.width} vocabulary {arguments.vocabulary} "
          f"s {arguments.bag_size}, {arguments.threads} threads, {arguments.rounds} rounds in turn")
    base = statistics.median(times["superpose"])
    for side, seconds in times.items():
        median = statistics.median(seconds)
        print(f"{side:10s} {median * 1e3:9.1f} ms  {median / base:5.2f}x the time  {memory[side] / 2**20:7.0f} MiB  "
              f"{memory[side] / max(1, memory['superpose']):5.2f}x the memory  {products / median:6.0f} GFLOP/s of products")


if __name__ == "__main__":
    main()
