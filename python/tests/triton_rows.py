"""Run by test_triton.py in a process of its own: the interpreter has to be chosen before triton is imported."""

import sys

import torch
from reference import integers, random

from superpose import composed, triton_loss

# Rows, vocabulary, slots: one block and several, of which the last is partly outside.
SIZES = [(5, 50, 1), (4, 300, 4), (3, 129, 16)]
OPTIONS = [(0.0, 0.0), (1e-2, 0.0), (0.0, 2.0), (1e-2, 2.0)]


def check(dtype, rows, vocabulary, slots, z_loss, soft_cap, wants_grad):
    logits = 3 * random((rows, vocabulary), 1, dtype)
    targets = integers(vocabulary, (rows, slots), 2)
    targets[integers(4, (rows, slots), 3) == 0] = -100
    targets[0] = 7  # all the same
    targets[1] = -100
    logits[1, 0] = torch.inf  # not looked at
    coefficients = random((slots,), 4, torch.float32).abs() / rows
    options = (z_loss, soft_cap, -100, wants_grad)
    expected, grad = composed.loss_rows(logits.double(), targets, coefficients.double(), *options)
    losses, ours = triton_loss.loss_rows(logits.clone(), targets, coefficients, *options)
    epsilon = torch.finfo(torch.float32).eps
    assert losses.dtype == torch.float32 and losses[1] == 0
    assert (losses - expected).abs().max() <= 64 * epsilon * max(1.0, expected.abs().max().item())
    if not wants_grad:
        assert ours is None
        return
    assert ours.dtype == dtype and not ours[1].any()
    rounding = (torch.finfo(dtype).eps + 64 * epsilon) * grad.abs().max()
    assert (ours - grad).abs().max() <= rounding, (ours - grad).abs().max()


def main():
    triton_loss._BLOCK = 128
    count = 0
    for dtype in (torch.float32, torch.bfloat16):
        for sizes in SIZES:
            for options in OPTIONS:
                check(dtype, *sizes, *options, wants_grad=True)
                count += 1
    check(torch.float32, *SIZES[1], *OPTIONS[3], wants_grad=False)
    assert triton_loss.loss_rows(torch.empty(0, 9), torch.empty(0, 2, dtype=torch.int64), torch.ones(2), 0.0, 0.0,
                                 -100, True)[0].shape == (0,)  # fmt: skip
    print(f"{count + 2} cases agree")


if __name__ == "__main__":
    sys.exit(main())
