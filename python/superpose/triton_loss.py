"""The rows of the loss in one Triton kernel, for CUDA: imported only where it runs.

One program per row goes through the row's logits twice: first for their log-sum-exp, kept as a running maximum and a
sum scaled to it (Milakov and Gimelshein, arXiv 1805.02867), then to overwrite each logit with its gradient. Each
element asks all s targets whether they are meant: so equal targets are summed in their order, and there are neither
atomics nor reads of what another thread writes. Cost: two reads and one write of the logits, and 2 s comparisons per
logit.

Block size and warps are fixed; nothing is tuned at import or at the first call. With TRITON_INTERPRET=1 set before
triton is imported, it runs on the CPU, for tests.
"""

import torch
import triton
import triton.language as tl
from torch import Tensor

_BLOCK = 4096
_WARPS = 8


@triton.jit
def _share_of(columns, targets, coefficients, ignore_index, slots: tl.constexpr):
    """Sum of the coefficients of the slots whose target is this column; padding beyond the row matches none."""
    share = tl.zeros_like(columns).to(tl.float32)
    for i in tl.static_range(slots):
        target = tl.load(targets + i)
        coefficient = tl.load(coefficients + i)
        share += tl.where((columns == target) & (target != ignore_index), coefficient, 0.0)
    return share


@triton.jit
def _capped(logits, soft_cap):
    """soft_cap * tanh(logits / soft_cap), by the exponential of a number that is not positive."""
    ratio = logits / soft_cap
    small = tl.exp(-2.0 * tl.abs(ratio))
    tanh = (1.0 - small) / (1.0 + small)
    return soft_cap * tl.where(ratio < 0, -tanh, tanh)


@triton.jit
def _rows(
    logits,
    row_stride,
    targets,
    coefficients,
    losses,
    num_columns,
    ignore_index,
    z_loss,
    soft_cap,
    slots: tl.constexpr,
    has_cap: tl.constexpr,
    wants_grad: tl.constexpr,
    block: tl.constexpr,
):
    row = tl.program_id(0).to(tl.int64)
    logits += row * row_stride
    targets += row * slots
    row_share = 0.0
    valid = 0
    for i in tl.static_range(slots):
        counts = tl.load(targets + i) != ignore_index
        valid += counts.to(tl.int32)
        row_share += tl.where(counts, tl.load(coefficients + i), 0.0)

    top = float("-inf")
    exp_sum = 0.0
    picked = 0.0
    for first in range(0, num_columns, block):
        columns = first + tl.arange(0, block)
        inside = columns < num_columns
        z = tl.load(logits + columns, mask=inside, other=0.0).to(tl.float32)
        if has_cap:
            z = _capped(z, soft_cap)
        share = _share_of(columns, targets, coefficients, ignore_index, slots)
        picked += tl.sum(share * tl.where(inside, z, 0.0))
        z = tl.where(inside, z, float("-inf"))
        higher = tl.maximum(top, tl.max(z))
        exp_sum = exp_sum * tl.exp(top - higher) + tl.sum(tl.exp(z - higher))
        top = higher
    lse = tl.log(exp_sum) + top
    loss = row_share * (lse + z_loss * lse * lse) - picked
    # A row without a valid target is left out, even where its logits are not finite.
    tl.store(losses + row, tl.where(valid > 0, loss, 0.0))

    if wants_grad:
        scale = row_share * (1.0 + 2.0 * z_loss * lse)
        for first in range(0, num_columns, block):
            columns = first + tl.arange(0, block)
            inside = columns < num_columns
            z = tl.load(logits + columns, mask=inside, other=0.0).to(tl.float32)
            if has_cap:
                z = _capped(z, soft_cap)
            grad = scale * tl.exp(z - lse) - _share_of(columns, targets, coefficients, ignore_index, slots)
            if has_cap:
                grad *= 1.0 - (z / soft_cap) * (z / soft_cap)
            grad = tl.where(valid > 0, grad, 0.0)
            tl.store(logits + columns, grad.to(logits.dtype.element_ty), mask=inside)


def loss_rows(
    logits: Tensor,
    targets: Tensor,
    coefficients: Tensor,
    z_loss: float,
    logit_soft_cap: float,
    ignore_index: int,
    wants_grad: bool,
) -> tuple[Tensor, Tensor | None]:
    """What `composed.loss_rows` does: loss of each row, and its gradient in place of the logits.

    logits [R, V] f32 or bf16, contiguous rows; targets [R, s] int64; coefficients [s] f32 (w_i / n_i) -> losses [R]
    f32, gradient [R, V] of the type of the logits.
    """
    rows, columns = logits.shape
    losses = torch.empty(rows, dtype=torch.float32, device=logits.device)
    if rows > 0:
        _rows[(rows,)](
            logits,
            logits.stride(0),
            targets.contiguous(),
            coefficients,
            losses,
            columns,
            ignore_index,
            z_loss,
            logit_soft_cap,
            slots=targets.shape[1],
            has_cap=logit_soft_cap > 0,
            wants_grad=wants_grad,
            block=min(_BLOCK, triton.next_power_of_2(columns)),
            num_warps=_WARPS,
        )
    return losses, logits if wants_grad else None
