#!/usr/bin/env python3
"""Trains a small plain-PyTorch transformer on bytes with Superpose's compiled operators.

The first steps read and predict bags of s bytes (token superposition, arXiv 2605.06546); the rest is ordinary
next-byte prediction. The model never changes: only how the window is cut, and how many bytes a bag holds.

    python examples/train_with_operators.py --library build/release/src/ops/libsuperpose_ops.so

The operators are built against one version of torch: run this with the Python environment they were built for.
"""

import argparse
import pathlib
import time

import torch
from torch import nn

VOCABULARY = 256  # bytes


class Block(nn.Module):
    def __init__(self, width, heads):
        super().__init__()
        self.heads = heads
        self.norm_1 = nn.RMSNorm(width)
        self.qkv = nn.Linear(width, 3 * width, bias=False)
        self.out = nn.Linear(width, width, bias=False)
        self.norm_2 = nn.RMSNorm(width)
        self.feed_forward = nn.Sequential(
            nn.Linear(width, 4 * width, bias=False), nn.GELU(), nn.Linear(4 * width, width, bias=False)
        )

    def forward(self, x):  # [B, L, D]
        q, k, v = (
            part.unflatten(-1, (self.heads, -1)).transpose(1, 2) for part in self.qkv(self.norm_1(x)).chunk(3, dim=-1)
        )
        mixed = nn.functional.scaled_dot_product_attention(q, k, v, is_causal=True)  # causal over bags
        x = x + self.out(mixed.transpose(1, 2).flatten(2))
        return x + self.feed_forward(self.norm_2(x))


class Model(nn.Module):
    def __init__(self, width=96, heads=3, layers=3, positions=64):
        super().__init__()
        self.tokens = nn.Embedding(VOCABULARY, width)
        self.positions = nn.Embedding(positions, width)
        self.blocks = nn.Sequential(*(Block(width, heads) for _ in range(layers)))
        self.norm = nn.RMSNorm(width)
        self.head = nn.Linear(width, VOCABULARY, bias=False)
        for weight in (self.tokens.weight, self.positions.weight, self.head.weight):
            nn.init.normal_(weight, std=0.02)

    def loss(self, inputs, targets):
        """inputs [B, L, s] are the bags read, targets [B, L, s] the bags to predict."""
        x = torch.ops.superpose.bag_embedding(self.tokens.weight, inputs)  # [B, L, D]
        x = x + self.positions.weight[: x.shape[1]]
        hidden = self.norm(self.blocks(x)).flatten(0, 1)  # [B * L, D]
        slot_weights = torch.ones(targets.shape[-1])
        loss, _ = torch.ops.superpose.multi_hot_linear_cross_entropy(
            hidden, self.head.weight, targets.flatten(0, 1), slot_weights
        )
        return loss


def cut_window(raw, bag_size):
    """raw [B, (L + 1) * s] -> inputs and targets [B, L, s]: the targets of a bag are the bag after it."""
    bags = raw.unflatten(1, (-1, bag_size))
    return bags[:, :-1], bags[:, 1:]


def sample(text, rows, positions, bag_size, generator):
    length = (positions + 1) * bag_size
    starts = torch.randint(0, len(text) - length + 1, (rows,), generator=generator)
    return cut_window(torch.stack([text[start : start + length] for start in starts.tolist()]).long(), bag_size)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--library", required=True, help="libsuperpose_ops.so")
    parser.add_argument("--text", type=pathlib.Path, help="file to train on (default: torch's own Python sources)")
    parser.add_argument("--steps", type=int, default=400)
    parser.add_argument("--share", type=float, default=0.3, help="share of the steps that is superposed")
    parser.add_argument("--bag-size", type=int, default=4)
    parser.add_argument("--rows", type=int, default=16)
    parser.add_argument("--positions", type=int, default=64)
    arguments = parser.parse_args()

    torch.ops.load_library(arguments.library)
    torch.manual_seed(0)
    if arguments.text:
        raw = arguments.text.read_bytes()
    else:
        sources = sorted(pathlib.Path(torch.__file__).parent.glob("nn/modules/*.py"))
        raw = b"".join(path.read_bytes() for path in sources)
    text = torch.frombuffer(bytearray(raw), dtype=torch.uint8)
    held_out = len(text) // 20
    training, validation = text[:-held_out], text[-held_out:]

    model = Model(positions=arguments.positions)
    optimizer = torch.optim.AdamW(model.parameters(), lr=2e-3, betas=(0.9, 0.95), weight_decay=0.1)
    generator = torch.Generator().manual_seed(1)
    # Validation is next-byte prediction in both phases, on the same bytes.
    fixed = sample(validation, 64, arguments.positions, 1, torch.Generator().manual_seed(2))
    switch = int(arguments.share * arguments.steps)
    begin = time.monotonic()
    for step in range(arguments.steps + 1):
        if step % max(1, arguments.steps // 10) == 0 or step == switch:
            with torch.no_grad():
                loss = model.loss(*fixed).item()
            phase = f"bags of {arguments.bag_size}" if step < switch else "next byte"
            print(f"step {step:4d}  {phase:10s}  validation {loss:.3f} nats a byte  {time.monotonic() - begin:5.1f} s")
        if step == arguments.steps:
            break
        bag_size = arguments.bag_size if step < switch else 1
        batch = sample(training, arguments.rows, arguments.positions, bag_size, generator)
        optimizer.zero_grad()
        model.loss(*batch).backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()


if __name__ == "__main__":
    main()
