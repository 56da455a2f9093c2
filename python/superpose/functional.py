"""The method as functions: bags in, bags out, and the cut between them.

Token superposition (arXiv 2605.06546) feeds a decoder the mean of the embeddings of s tokens (`bag_embedding`), and
asks it for the s tokens that follow (`multi_hot_linear_cross_entropy`). `fold` cuts raw ids into both. With s = 1 all
three are ordinary next-token prediction.

Legend: B rows of a batch, L positions, N = B L, D width, V vocabulary rows, a tokens of a bag, b targets of a position,
s both where they are equal.

What PyTorch does with a function works: autograd, `torch.compile` with `fullgraph=True` and dynamic shapes, autocast,
activation checkpointing, DDP and `fully_shard`, meta and fake tensors.
"""

from collections.abc import Sequence
from typing import Optional, Union

import torch
from torch import Tensor

from superpose import backend, chunked, composed
from superpose.linear_loss import (
    TYPE_NAMES,
    TYPES,
    cast_for_autocast,
    check_head,
    check_options,
    gradients_of,
    save_gradients,
    shape_of,
    without_autocast,
)

__all__ = ["bag_embedding", "count_targets", "fold", "multi_hot_linear_cross_entropy"]

_LOSS = "multi_hot_linear_cross_entropy"


# ---- Registered operators ----
# Opaque to compilers, so that loops over chunks are not unrolled into a graph.


@torch.library.custom_op("superpose_python::bag_embedding", mutates_args=())
def _bag_embedding_forward(weight: Tensor, ids: Tensor) -> Tensor:
    form = backend.current()
    if form.is_program:
        bags = ids.reshape(1, -1, ids.shape[-1])
        return torch.ops.superpose._bag_embedding_forward(weight, bags).view(*ids.shape[:-1], weight.shape[1])
    if form.takes(weight):
        composed.check_bags(ids, weight.shape[0])
        bags = ids.reshape(-1, ids.shape[-1])
        return torch.ops.superpose_compiled.mean_of_bags(weight, bags).view(*ids.shape[:-1], weight.shape[1])
    return composed.bag_embedding_forward(weight, ids)


@_bag_embedding_forward.register_fake
def _(weight, ids):
    return weight.new_empty((*ids.shape[:-1], weight.shape[1]))


@torch.library.custom_op("superpose_python::bag_embedding_backward", mutates_args=())
def _bag_embedding_backward(grad: Tensor, ids: Tensor, num_rows: int) -> Tensor:
    form = backend.current()
    if form.is_program:
        flat = grad.reshape(1, -1, grad.shape[-1])
        return torch.ops.superpose._bag_embedding_backward(flat, ids.reshape(1, -1, ids.shape[-1]), num_rows)
    if form.takes(grad):
        composed.check_bags(ids, num_rows)
        total = grad.new_zeros((num_rows, grad.shape[-1]), dtype=torch.float32)
        bags = ids.reshape(-1, ids.shape[-1])
        torch.ops.superpose_compiled.add_bag_gradient(grad.reshape(-1, grad.shape[-1]), bags, total)
        return total.to(grad.dtype)
    return composed.bag_embedding_backward(grad, ids, num_rows)


@_bag_embedding_backward.register_fake
def _(grad, ids, num_rows):
    return grad.new_empty((num_rows, grad.shape[-1]))


def _save_bags(ctx, inputs, output):
    weight, ids = inputs
    ctx.save_for_backward(ids)
    ctx.num_rows = weight.shape[0]


def _bag_embedding_gradient(ctx, grad):
    (ids,) = ctx.saved_tensors
    return _bag_embedding_backward(grad, ids, ctx.num_rows), None


def _save_ids(ctx, inputs, output):
    ctx.save_for_backward(inputs[1])


def _bag_embedding_second_gradient(ctx, grad):
    # The gradient is linear in what comes in, so its derivative is the operator again.
    (ids,) = ctx.saved_tensors
    return _bag_embedding_forward(grad, ids), None, None


_bag_embedding_forward.register_autograd(_bag_embedding_gradient, setup_context=_save_bags)
_bag_embedding_backward.register_autograd(_bag_embedding_second_gradient, setup_context=_save_ids)


@torch.library.custom_op("superpose_python::multi_hot_coefficients", mutates_args=())
def _coefficients(slot_weights: Tensor, counts: Tensor, own_counts: Tensor, dtype: torch.dtype) -> Tensor:
    composed.check_values(
        f"{_LOSS}: expected counts of the whole step, at least those of this call", counts, counts >= own_counts
    )
    return composed.multi_hot_coefficients(slot_weights, counts, dtype)


@_coefficients.register_fake
def _(slot_weights, counts, own_counts, dtype):
    return slot_weights.new_empty(slot_weights.shape, dtype=dtype)


@torch.library.custom_op("superpose_python::multi_hot_linear_cross_entropy", mutates_args=())
def _multi_hot_forward(
    hidden: Tensor,
    weight: Tensor,
    targets: Tensor,
    coefficients: Tensor,
    z_loss: float,
    logit_soft_cap: float,
    num_valid_rows: int,
    ignore_index: int,
    hidden_grad: bool,
    weight_grad: bool,
    chunk_rows: int,
) -> tuple[Tensor, Tensor, Tensor]:
    arguments = (hidden, weight, targets, coefficients, z_loss, logit_soft_cap)
    arguments += (num_valid_rows, ignore_index, hidden_grad, weight_grad)
    with without_autocast(hidden):
        if backend.current().is_program:
            return torch.ops.superpose._multi_hot_linear_cross_entropy_forward(*arguments)
        return chunked.multi_hot_forward(*arguments, chunk_rows)


@_multi_hot_forward.register_fake
def _(hidden, weight, targets, coefficients, z_loss, soft_cap, rows, ignore, hidden_grad, weight_grad, chunk_rows):
    return (
        hidden.new_empty((), dtype=composed.accumulate_type(hidden.dtype)),
        hidden.new_empty(hidden.shape if hidden_grad else (0,)),
        weight.new_empty(weight.shape if weight_grad else (0,)),
    )


def _save_gradients(ctx, inputs, output):
    save_gradients(ctx, output, inputs[8:10])


def _multi_hot_gradient(ctx, *grads):
    return (*gradients_of(ctx, grads, _LOSS), *([None] * 9))


_multi_hot_forward.register_autograd(_multi_hot_gradient, setup_context=_save_gradients)


# ---- Functions ----


def bag_embedding(weight: Tensor, ids: Tensor, *, padding_idx: int = -1) -> Tensor:
    """Mean of the embedding rows of each bag of tokens: the input side of token superposition.

    Args:
        weight: [V, D], float32, bfloat16 or float64.
        ids: [..., s], int64, on the device of `weight`; s >= 1. Order within a bag does not matter.
        padding_idx: id that does not count, like -1; every bag needs another one.

    Returns:
        [..., D] of the type of `weight`: summed in f32 (f64 for f64), divided by the number of valid ids, then rounded.
        At s = 1 without padding this is `torch.nn.functional.embedding` exactly.

    Backward sums in f32 (f64); its bits do not depend on the number of threads on the CPU, and elsewhere as far as
    `index_add_` is deterministic there. It can be differentiated again. Autocast changes nothing.

    Raises:
        ValueError: a wrong shape, type or device; on the CPU also an id out of range or a bag of padding alone (on
            other devices an asynchronous assert, on meta and fake tensors no check of values).

    Source: arXiv 2605.06546, section 3.
    """
    if weight.dtype not in TYPES:
        raise ValueError(f"bag_embedding: expected weight of type {TYPE_NAMES}, got {weight.dtype}")
    if ids.dtype != torch.int64:
        raise ValueError(f"bag_embedding: expected ids of type int64, got {ids.dtype}")
    if ids.device != weight.device:
        raise ValueError(f"bag_embedding: expected ids on {weight.device}, got {ids.device}")
    if weight.dim() != 2 or weight.shape[1] < 1:
        raise ValueError(f"bag_embedding: expected weight [V, D], got {shape_of(weight)}")
    if ids.dim() < 1 or ids.shape[-1] < 1:
        raise ValueError(f"bag_embedding: expected ids [..., s] with s >= 1, got {shape_of(ids)}")
    if padding_idx != -1:
        ids = ids.masked_fill(ids == padding_idx, -1)
    return _bag_embedding_forward(weight, ids)


def count_targets(targets: Tensor, *, ignore_index: int = -100) -> Tensor:
    """n_i, the valid targets of each slot: targets [..., b] int64 -> [b] int64.

    A step of several micro-batches or ranks adds these up before its first forward, and gives the sum to
    `multi_hot_linear_cross_entropy` as `counts`.
    """
    if targets.dim() < 1:
        raise ValueError(f"count_targets: expected targets [..., b], got {shape_of(targets)}")
    return (targets != ignore_index).reshape(-1, targets.shape[-1]).sum(0)


def _check_slots(hidden: Tensor, targets: Tensor, slots: Tensor) -> None:
    if not slots.is_floating_point():
        raise ValueError(f"{_LOSS}: expected floating point slot_weights, got {slots.dtype}")
    if slots.device != hidden.device:
        raise ValueError(f"{_LOSS}: expected slot_weights on {hidden.device}, got {slots.device}")
    if slots.dim() != 1 or slots.shape[0] != targets.shape[1]:
        raise ValueError(f"{_LOSS}: expected slot_weights [{targets.shape[1]}], got {shape_of(slots)}")
    if slots.requires_grad:
        raise ValueError(f"{_LOSS}: has no gradient for slot_weights, got one that requires a gradient")


def multi_hot_linear_cross_entropy(
    hidden: Tensor,
    weight: Tensor,
    targets: Tensor,
    slot_weights: Optional[Union[Tensor, Sequence[float]]] = None,
    *,
    z_loss: float = 0.0,
    logit_soft_cap: float = 0.0,
    num_valid_rows: int = -1,
    ignore_index: int = -100,
    counts: Optional[Tensor] = None,
    chunk_rows: Optional[int] = None,
) -> tuple[Tensor, Tensor]:
    """Output projection and multi-hot cross-entropy in one: the output side of token superposition.

    With z_j = soft_cap(hidden_j . weight^T) over the valid vocabulary rows and lse_j = logsumexp(z_j),

        loss = sum_i (w_i / n_i) * sum_j [lse_j + z_loss * lse_j^2 - z_j[targets_ji]]

    over the rows j with a valid target in slot i. n_i counts the valid targets of slot i, so each slot is a mean over
    its own valid positions; w is `slot_weights`, renormalised to sum 1 over the slots with n_i > 0. A token twice in a
    row's bag counts twice. With s = 1 and z_loss = 0 this is the mean cross-entropy. If no slot has a valid target, or
    those that have weigh 0, the loss and its gradients are 0.

    Args:
        hidden: [N, D], float32, bfloat16 or float64.
        weight: [V, D], type and device of `hidden`.
        targets: [N, s], int64, in [0, valid rows) or `ignore_index`; s >= 1.
        slot_weights: [s], floating point >= 0; a sequence of numbers will do; None: all equal. Gets no gradient.
        z_loss: weight of the z-loss, >= 0.
        logit_soft_cap: c > 0 makes logits c * tanh(logits / c); 0: off.
        num_valid_rows: rows of `weight` from here on are padding, which takes no part; -1: none are.
        ignore_index: targets of this value do not count; negative.
        counts: [s] int64, the n_i of the whole step (`count_targets` summed over its micro-batches and ranks). The loss
            is then this call's part of the step's, and parts add up: do not divide by the number of micro-batches. DDP
            and `fully_shard` average gradients over ranks: multiply by their number. None: those of this call.
        chunk_rows: rows whose logits exist at a time, >= 1; None: chosen. The compiled form chooses by itself.

    Returns:
        loss: scalar, f32 (f64 for f64 inputs).
        counts: [s] int64, the valid targets of this call.

    Logits exist for a chunk of rows at a time; [N, V] is not stored, with one exception below. Softmax and sums are in
    f32 (f64); in bf16, logits and their gradients are rounded to bf16 where the device multiplies bf16, and the
    weight's gradient is summed over chunks in f32. There, with N <= 4 D and `chunk_rows` left out, all logits in bf16
    take no more memory than such a sum: they are kept then, and the gradient is one product over them. Where hidden or
    weight requires a gradient, forward forms both, and backward scales them by the incoming gradient. Equal targets of
    a row are summed without atomics. Under autocast, hidden and weight are cast like those of a linear layer; the loss
    is f32.

    Raises:
        ValueError: a wrong shape, type, device or option; on the CPU also a target out of range, a slot weight that is
            negative or not finite, weights whose sum overflows, or `counts` below those of this call (on other devices
            an asynchronous assert, on meta and fake tensors no check of values).
        NotImplementedError: a second derivative.

    Source: arXiv 2605.06546, section 3 and appendix A.
    """
    if slot_weights is None:
        slot_weights = torch.ones(targets.shape[-1:], device=hidden.device)
    elif not isinstance(slot_weights, Tensor):
        slot_weights = torch.tensor(slot_weights, dtype=torch.float64, device=hidden.device)
    hidden, weight = cast_for_autocast(hidden, weight)
    check_head(_LOSS, hidden, weight, targets)
    _check_slots(hidden, targets, slot_weights)
    num_valid_rows = check_options(_LOSS, weight, z_loss, logit_soft_cap, num_valid_rows, ignore_index, chunk_rows)
    own_counts = count_targets(targets, ignore_index=ignore_index)
    if counts is None:
        counts = own_counts
    if counts.dtype != torch.int64 or counts.shape != own_counts.shape or counts.device != hidden.device:
        expected = f"expected counts {shape_of(own_counts)} of type int64 on {hidden.device}"
        raise ValueError(f"{_LOSS}: {expected}, got {shape_of(counts)} of type {counts.dtype} on {counts.device}")
    coefficients = _coefficients(slot_weights, counts, own_counts, composed.accumulate_type(hidden.dtype))
    recording = torch.is_grad_enabled()
    loss, _, _ = _multi_hot_forward(
        hidden,
        weight,
        targets,
        coefficients,
        float(z_loss),
        float(logit_soft_cap),
        num_valid_rows,
        ignore_index,
        recording and hidden.requires_grad,
        recording and weight.requires_grad,
        chunk_rows or 0,
    )
    return loss, own_counts


def fold(
    ids: Tensor,
    bag_size: int,
    target_size: Optional[int] = None,
    *,
    documents: Optional[Tensor] = None,
    padding_idx: int = -1,
    ignore_index: int = -100,
) -> tuple[Tensor, Tensor]:
    """Cuts raw windows into bags and their targets: the whole alignment rule of the method.

    Bag j holds raw positions [j a, (j + 1) a); its targets are raw positions [(j + 1) a, (j + 1) a + b). So the targets
    of a bag are the next bag, and at a = b = 1 inputs and targets are those of next-token prediction.

    Args:
        ids: [..., a L + b], int64: raw windows, each a times as long as L positions, plus the targets of the last bag.
        bag_size: a >= 1.
        target_size: b >= 1; None: a.
        documents: [..., a L + b], integers: the number of the document of each raw position. A target in another
            document than the last token of its bag does not count. None: documents do not matter.
        padding_idx: raw id that is not a token: -1 in the inputs, and no target.
        ignore_index: what a target that does not count becomes.

    Returns:
        inputs: [..., L, a] int64.
        targets: [..., L, b] int64.

    Raises:
        ValueError: a wrong type, or a width that is not a L + b with L >= 1. (A bag of padding alone is found by
            `bag_embedding`.)

    Source: arXiv 2605.06546, appendix A, without its partial tail.
    """
    a, b = bag_size, bag_size if target_size is None else target_size
    if a < 1 or b < 1:
        raise ValueError(f"fold: expected bag_size and target_size >= 1, got {a} and {b}")
    if ids.dtype != torch.int64:
        raise ValueError(f"fold: expected ids of type int64, got {ids.dtype}")
    if ids.dim() < 1 or ids.shape[-1] < a + b or (ids.shape[-1] - b) % a != 0:
        raise ValueError(f"fold: expected ids [..., {a} L + {b}] with L >= 1, got {shape_of(ids)}")
    length = (ids.shape[-1] - b) // a
    is_token = ids != padding_idx
    inputs = torch.where(is_token, ids, -1)[..., : a * length].unflatten(-1, (length, a))
    is_target = is_token[..., a:].unfold(-1, b, a)  # [..., L, b]
    if documents is not None:
        if documents.shape != ids.shape:
            raise ValueError(f"fold: expected documents {shape_of(ids)}, got {shape_of(documents)}")
        used = is_token[..., : a * length].unflatten(-1, (length, a))
        last = (used * torch.arange(a, device=ids.device)).amax(-1, keepdim=True)  # of the bag, its last token
        bags = documents[..., : a * length].unflatten(-1, (length, a))
        is_target = is_target & (documents[..., a:].unfold(-1, b, a) == bags.gather(-1, last))
    return inputs, torch.where(is_target, ids[..., a:].unfold(-1, b, a), ignore_index)
