#!/usr/bin/env python3
"""Causal attention, forward and backward: Superpose's operator against libtorch's, in turn, in one process.

    python bench/ops/attention.py --library build/release/src/ops/libsuperpose_ops.so --dtype float32 --threads 1

Both sides take [B, L, heads, width] tensors and give [B, L, heads * width]. Prints GFLOP/s of the best round: a causal
head needs 4 * width * L (L + 1) / 2 operations forward and 2.5 times that backward, whatever a kernel really does.
"""

import argparse
import time

import torch
from torch.nn.functional import scaled_dot_product_attention

# Name -> rows, positions, query heads, key/value heads, head width.
SHAPES = {
    "demo": (16, 256, 3, 3, 32),
    "tiny": (16, 512, 6, 6, 32),
    "small": (4, 512, 8, 4, 64),
    "163M": (4, 512, 9, 3, 64),
    "long": (1, 2048, 8, 8, 128),
}


class Superpose(torch.autograd.Function):
    @staticmethod
    def forward(context, q, k, v):
        out, logsumexp = torch.ops.superpose.causal_attention(q, k, v, None)
        context.save_for_backward(q, k, v, out, logsumexp)
        return out

    @staticmethod
    def backward(context, grad):
        q, k, v, out, logsumexp = context.saved_tensors
        return torch.ops.superpose.causal_attention_backward(grad, q, k, v, None, out, logsumexp)


def libtorch(q, k, v):
    heads = [x.transpose(1, 2) for x in (q, k, v)]
    return scaled_dot_product_attention(*heads, is_causal=True, enable_gqa=True).transpose(1, 2).flatten(2)


SIDES = {"libtorch": libtorch, "superpose": Superpose.apply}


def one_round(side, inputs, grad):
    """Seconds of forward, and of forward and backward."""
    for x in inputs:
        x.grad = None
    begin = time.perf_counter()
    out = SIDES[side](*inputs)
    middle = time.perf_counter()
    out.backward(grad)
    return middle - begin, time.perf_counter() - begin


def measure(shape, dtype, seconds):
    rows, length, heads, kv_heads, width = shape
    torch.manual_seed(0)
    inputs = [torch.randn(rows, length, m, width).to(dtype).requires_grad_() for m in (heads, kv_heads, kv_heads)]
    grad = torch.randn(rows, length, heads * width).to(dtype)
    forward = 2 * rows * heads * width * length * (length + 1)
    times = {side: [] for side in SIDES}
    end = time.perf_counter() + seconds
    while time.perf_counter() < end or len(times["superpose"]) < 3:
        for side in SIDES:
            times[side].append(one_round(side, inputs, grad))
    best = {side: [min(column) for column in zip(*rounds)] for side, rounds in times.items()}
    return {side: (forward / f / 1e9, 3.5 * forward / both / 1e9) for side, (f, both) in best.items()}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--library", required=True)
    parser.add_argument("--dtype", default="float32", choices=["float32", "bfloat16"])
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=3, help="for each shape")
    parser.add_argument("--shapes", nargs="+", default=list(SHAPES), choices=list(SHAPES))
    arguments = parser.parse_args()
    torch.ops.load_library(arguments.library)
    torch.set_num_threads(arguments.threads)
    print(f"GFLOP/s, {arguments.dtype}, threads: {arguments.threads}")
    print(f"{'':8}{'forward':>10}{'':20}{'forward + backward':>30}")
    for name in arguments.shapes:
        speed = measure(SHAPES[name], getattr(torch, arguments.dtype), arguments.seconds)
        line = f"{name:8}"
        for part in (0, 1):
            own, other = speed["superpose"][part], speed["libtorch"][part]
            line += f"libtorch {other:6.0f}  superpose {own:6.0f}  x {own / other:4.2f}    "
        print(line)


if __name__ == "__main__":
    main()
