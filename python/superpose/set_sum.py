"""How much probability falls on a position's targets as a whole: `objective = "set_sum"` of the program's recipes.

Legend: N rows (positions), D width, V vocabulary rows, s targets of a row.
"""

from typing import Optional

import torch
from torch import Tensor

from superpose import chunked, composed
from superpose.linear_loss import (
    cast_for_autocast,
    check_head,
    check_options,
    gradients_of,
    save_gradients,
    shape_of,
    without_autocast,
)

__all__ = ["count_positions", "set_sum_linear_cross_entropy"]

_LOSS = "set_sum_linear_cross_entropy"


@torch.library.custom_op("superpose_python::set_sum_coefficient", mutates_args=())
def _coefficient(count: Tensor, own_count: Tensor, dtype: torch.dtype) -> Tensor:
    composed.check_values(
        f"{_LOSS}: expected count of the whole step, at least that of this call", count, count >= own_count
    )
    return 1 / count.clamp_min(1).to(dtype).reshape(1)


@_coefficient.register_fake
def _(count, own_count, dtype):
    return count.new_empty((1,), dtype=dtype)


@torch.library.custom_op("superpose_python::set_sum_linear_cross_entropy", mutates_args=())
def _set_sum_forward(
    hidden: Tensor,
    weight: Tensor,
    targets: Tensor,
    coefficient: Tensor,
    z_loss: float,
    num_valid_rows: int,
    ignore_index: int,
    hidden_grad: bool,
    weight_grad: bool,
    chunk_rows: int,
) -> tuple[Tensor, Tensor, Tensor]:
    arguments = (hidden, weight, targets, coefficient, z_loss, num_valid_rows, ignore_index)
    with without_autocast(hidden):
        return chunked.set_sum_forward(*arguments, hidden_grad, weight_grad, chunk_rows)


@_set_sum_forward.register_fake
def _(hidden, weight, targets, coefficient, z_loss, rows, ignore, hidden_grad, weight_grad, chunk_rows):
    return (
        hidden.new_empty((), dtype=composed.accumulate_type(hidden.dtype)),
        hidden.new_empty(hidden.shape if hidden_grad else (0,)),
        weight.new_empty(weight.shape if weight_grad else (0,)),
    )


def _save_gradients(ctx, inputs, output):
    save_gradients(ctx, output, inputs[7:9])


def _set_sum_gradient(ctx, *grads):
    return (*gradients_of(ctx, grads, _LOSS), *([None] * 8))


_set_sum_forward.register_autograd(_set_sum_gradient, setup_context=_save_gradients)


def count_positions(targets: Tensor, *, ignore_index: int = -100) -> Tensor:
    """n, the positions where at least one target counts: targets [..., b] int64 -> a scalar, int64.

    A step of several micro-batches or ranks adds these up before its first forward, and gives the sum to
    `set_sum_linear_cross_entropy` as `count`.
    """
    if targets.dim() < 1:
        raise ValueError(f"count_positions: expected targets [..., b], got {shape_of(targets)}")
    return (targets != ignore_index).any(-1).sum()


def set_sum_linear_cross_entropy(
    hidden: Tensor,
    weight: Tensor,
    targets: Tensor,
    *,
    z_loss: float = 0.0,
    num_valid_rows: int = -1,
    ignore_index: int = -100,
    count: Optional[Tensor] = None,
    chunk_rows: Optional[int] = None,
) -> tuple[Tensor, Tensor]:
    """Output projection and set-sum loss in one: -log of the probability that falls on a row's targets as a set.

    With z_j = hidden_j . weight^T over the valid vocabulary rows, lse_j = logsumexp(z_j), and S_j the set of the valid
    targets of row j, each once however often the bag holds it,

        loss = 1 / n * sum_j [lse_j + z_loss * lse_j^2 - logsumexp over y in S_j of z_j[y]]

    over the n rows with a valid target. Where S_j holds one token, this is its cross-entropy. So a row is free to
    spread probability over its bag as it likes; neither order nor repetition of targets matters, and there are no slot
    weights. If no row has a valid target, the loss and its gradients are 0.

    Args:
        hidden: [N, D], float32, bfloat16 or float64.
        weight: [V, D], type and device of `hidden`.
        targets: [N, s], int64, in [0, valid rows) or `ignore_index`; s >= 1.
        z_loss: weight of the z-loss, >= 0.
        num_valid_rows: rows of `weight` from here on are padding, which takes no part; -1: none are.
        ignore_index: targets of this value do not count; negative.
        count: scalar int64, the n of the whole step (`count_positions` summed over its micro-batches and ranks). The
            loss is then this call's part of the step's, and parts add up. None: that of this call.
        chunk_rows: rows whose logits exist at a time, >= 1; None: chosen.

    Returns:
        loss: scalar, f32 (f64 for f64 inputs).
        count: scalar int64, the n of this call.

    Rows, memory, autocast and backward are as in `multi_hot_linear_cross_entropy`; there is no compiled form.

    Raises:
        ValueError: a wrong shape, type, device or option; on the CPU also a target out of range, or a `count` below
            that of this call (on other devices an asynchronous assert, on meta and fake tensors no check of values).
        NotImplementedError: a second derivative.

    Source: arXiv 2605.06546, appendix C.2, an alternative that it does not use.
    """
    hidden, weight = cast_for_autocast(hidden, weight)
    check_head(_LOSS, hidden, weight, targets)
    num_valid_rows = check_options(_LOSS, weight, z_loss, 0.0, num_valid_rows, ignore_index, chunk_rows)
    own_count = count_positions(targets, ignore_index=ignore_index)
    if count is None:
        count = own_count
    if count.dtype != torch.int64 or count.dim() != 0 or count.device != hidden.device:
        expected = f"expected a scalar count of type int64 on {hidden.device}"
        raise ValueError(f"{_LOSS}: {expected}, got {shape_of(count)} of type {count.dtype} on {count.device}")
    coefficient = _coefficient(count, own_count, composed.accumulate_type(hidden.dtype))
    recording = torch.is_grad_enabled()
    loss, _, _ = _set_sum_forward(
        hidden,
        weight,
        targets,
        coefficient,
        float(z_loss),
        num_valid_rows,
        ignore_index,
        recording and hidden.requires_grad,
        recording and weight.requires_grad,
        chunk_rows or 0,
    )
    return loss, own_count
