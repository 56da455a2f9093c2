"""The method as functions: bags in, bags out, and the cut between them.

Token superposition (arXiv 2605.06546) feeds a decoder the mean of the embeddings of s tokens (`bag_embedding`), and
asks it for the s tokens that follow (`multi_hot_linear_cross_entropy`). `fold` cuts raw ids into both. With s = 1 all
three are ordinary next-token prediction.

Legend: B rows of a batch, L positions, N = B L, D width, V vocabulary rows, a tokens of a bag, b targets of a position,
s both where they are equal.

What PyTorch does with a function works: autograd, `torch.compile` with `fullgraph=True` and dynamic shapes, autocast,
activation checkpointing, DDP and `fully_shard`, meta and fake tensors.
"""

import contextlib
from collections.abc import Sequence
from typing import Optional, Union

import torch
from torch import Tensor

from superpose import backend, composed

__all__ = ["bag_embedding", "count_targets", "fold", "multi_hot_linear_cross_entropy"]

_LOSS = "multi_hot_linear_cross_entropy"
_TYPES = (torch.float32, torch.bfloat16, torch.float64)
_TYPE_NAMES = "float32, bfloat16 or float64"


def _shape(tensor: Tensor) -> list:
    return list(tensor.shape)


# ---- Registered operators ----
# Opaque to compilers, so that loops over chunks are not unrolled into a graph.


def _autocasts(tensor: Tensor) -> bool:
    return not tensor.is_meta and torch.is_autocast_enabled(tensor.device.type)


def _without_autocast(tensor: Tensor) -> contextlib.AbstractContextManager:
    """Operators compute in the types that they are given, also where a caller has switched autocast on."""
    if _autocasts(tensor):
        return torch.autocast(tensor.device.type, enabled=False)
    return contextlib.nullcontext()


@torch.library.custom_op("superpose_python::bag_embedding", mutates_args=())
def _bag_embedding_forward(weight: Tensor, ids: Tensor) -> Tensor:
    if backend.current().is_compiled:
        bags = ids.reshape(1, -1, ids.shape[-1])
        return torch.ops.superpose._bag_embedding_forward(weight, bags).view(*ids.shape[:-1], weight.shape[1])
    return composed.bag_embedding_forward(weight, ids)


@_bag_embedding_forward.register_fake
def _(weight, ids):
    return weight.new_empty((*ids.shape[:-1], weight.shape[1]))


@torch.library.custom_op("superpose_python::bag_embedding_backward", mutates_args=())
def _bag_embedding_backward(grad: Tensor, ids: Tensor, num_rows: int) -> Tensor:
    if backend.current().is_compiled:
        flat = grad.reshape(1, -1, grad.shape[-1])
        return torch.ops.superpose._bag_embedding_backward(flat, ids.reshape(1, -1, ids.shape[-1]), num_rows)
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
    with _without_autocast(hidden):
        if backend.current().is_compiled:
            return torch.ops.superpose._multi_hot_linear_cross_entropy_forward(*arguments)
        return composed.multi_hot_forward(*arguments, chunk_rows)


@_multi_hot_forward.register_fake
def _(hidden, weight, targets, coefficients, z_loss, soft_cap, rows, ignore, hidden_grad, weight_grad, chunk_rows):
    return (
        hidden.new_empty((), dtype=composed.accumulate_type(hidden.dtype)),
        hidden.new_empty(hidden.shape if hidden_grad else (0,)),
        weight.new_empty(weight.shape if weight_grad else (0,)),
    )


def _save_gradients(ctx, inputs, output):
    ctx.set_materialize_grads(False)
    _, grad_hidden, grad_weight = output
    ctx.save_for_backward(grad_hidden, grad_weight)
    ctx.wanted = inputs[8:10]


def _graph_is_freed() -> bool:
    """Whether this backward pass is the last of its graph. False where this version of torch does not say."""
    keeps_graph = getattr(torch._C._autograd, "_get_current_graph_task_keep_graph", None)
    return keeps_graph is not None and not keeps_graph()


def _times_incoming(saved: Tensor, grad: Tensor) -> Tensor:
    """What forward has saved, scaled: in place where nobody needs it afterwards, so that it is held once."""
    is_plain = type(saved) is Tensor and type(grad) is Tensor and not torch.compiler.is_compiling()
    if not is_plain or torch._C._functorch.peek_interpreter_stack() is not None or not _graph_is_freed():
        return saved * grad.to(saved.dtype)
    saved = saved.detach()
    if grad.device.type == "cpu" and grad.item() == 1:
        return saved
    return saved.mul_(grad)


def _multi_hot_gradient(ctx, grad_loss, grad_of_grad_hidden, grad_of_grad_weight):
    if grad_of_grad_hidden is not None or grad_of_grad_weight is not None:
        raise NotImplementedError(f"{_LOSS}: has no second derivative")
    grads = [
        _times_incoming(saved, grad_loss) if wanted and grad_loss is not None else None
        for saved, wanted in zip(ctx.saved_tensors, ctx.wanted, strict=True)
    ]
    return (*grads, *([None] * 9))


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
    if weight.dtype not in _TYPES:
        raise ValueError(f"bag_embedding: expected weight of type {_TYPE_NAMES}, got {weight.dtype}")
    if ids.dtype != torch.int64:
        raise ValueError(f"bag_embedding: expected ids of type int64, got {ids.dtype}")
    if ids.device != weight.device:
        raise ValueError(f"bag_embedding: expected ids on {weight.device}, got {ids.device}")
    if weight.dim() != 2 or weight.shape[1] < 1:
        raise ValueError(f"bag_embedding: expected weight [V, D], got {_shape(weight)}")
    if ids.dim() < 1 or ids.shape[-1] < 1:
        raise ValueError(f"bag_embedding: expected ids [..., s] with s >= 1, got {_shape(ids)}")
    if padding_idx != -1:
        ids = ids.masked_fill(ids == padding_idx, -1)
    return _bag_embedding_forward(weight, ids)


def count_targets(targets: Tensor, *, ignore_index: int = -100) -> Tensor:
    """n_i, the valid targets of each slot: targets [..., b] int64 -> [b] int64.

    A step of several micro-batches or ranks adds these up before its first forward, and gives the sum to
    `multi_hot_linear_cross_entropy` as `counts`.
    """
    if targets.dim() < 1:
        raise ValueError(f"count_targets: expected targets [..., b], got {_shape(targets)}")
    return (targets != ignore_index).reshape(-1, targets.shape[-1]).sum(0)


def _cast_for_autocast(hidden: Tensor, weight: Tensor) -> tuple[Tensor, Tensor]:
    """As `torch.nn.functional.linear` does it: to autocast's type, except for f64."""
    if not _autocasts(hidden):
        return hidden, weight
    dtype = torch.get_autocast_dtype(hidden.device.type)
    return tuple(x.to(dtype) if x.is_floating_point() and x.dtype != torch.float64 else x for x in (hidden, weight))


def _check_options(dtype: torch.dtype, z_loss: float, logit_soft_cap: float, ignore_index: int) -> None:
    # Normal numbers of the type that logits are in: neither they nor their inverses overflow or lose bits.
    least = torch.finfo(composed.accumulate_type(dtype)).tiny
    most = 1 / least
    if not 0 <= z_loss <= most:
        raise ValueError(f"{_LOSS}: expected z_loss in [0, {most:g}], got {z_loss}")
    if not (logit_soft_cap == 0 or least <= logit_soft_cap <= most):
        expected = f"expected logit_soft_cap 0 (off) or in [{least:g}, {most:g}]"
        raise ValueError(f"{_LOSS}: {expected}, got {logit_soft_cap}")
    if ignore_index >= 0:
        raise ValueError(f"{_LOSS}: expected a negative ignore_index, got {ignore_index}")


def _check_tensors(hidden: Tensor, weight: Tensor, targets: Tensor, slots: Tensor) -> None:
    if hidden.dtype not in _TYPES:
        raise ValueError(f"{_LOSS}: expected hidden of type {_TYPE_NAMES}, got {hidden.dtype}")
    if weight.dtype != hidden.dtype:
        raise ValueError(f"{_LOSS}: expected weight of type {hidden.dtype} like hidden, got {weight.dtype}")
    if targets.dtype != torch.int64:
        raise ValueError(f"{_LOSS}: expected targets of type int64, got {targets.dtype}")
    if not slots.is_floating_point():
        raise ValueError(f"{_LOSS}: expected floating point slot_weights, got {slots.dtype}")
    for name, tensor in (("weight", weight), ("targets", targets), ("slot_weights", slots)):
        if tensor.device != hidden.device:
            raise ValueError(f"{_LOSS}: expected {name} on {hidden.device}, got {tensor.device}")
    if hidden.dim() != 2 or hidden.shape[1] < 1:
        raise ValueError(f"{_LOSS}: expected hidden [N, D], got {_shape(hidden)}")
    rows, width = hidden.shape
    if weight.dim() != 2 or weight.shape[0] < 1 or weight.shape[1] != width:
        raise ValueError(f"{_LOSS}: expected weight [V, {width}], got {_shape(weight)}")
    if targets.dim() != 2 or targets.shape[0] != rows or targets.shape[1] < 1:
        raise ValueError(f"{_LOSS}: expected targets [{rows}, s] with s >= 1, got {_shape(targets)}")
    if slots.dim() != 1 or slots.shape[0] != targets.shape[1]:
        raise ValueError(f"{_LOSS}: expected slot_weights [{targets.shape[1]}], got {_shape(slots)}")
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

    [N, V] is never stored. Softmax and sums are in f32 (f64); in bf16, logits and their gradients are rounded to bf16
    where the device multiplies bf16, and the weight's gradient is summed over chunks in f32. Where hidden or weight
    requires a gradient, forward forms both, and backward scales them by the incoming gradient. Equal targets of a row
    are summed without atomics. Under autocast, hidden and weight are cast like those of a linear layer; the loss is
    f32.

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
    hidden, weight = _cast_for_autocast(hidden, weight)
    _check_tensors(hidden, weight, targets, slot_weights)
    _check_options(hidden.dtype, z_loss, logit_soft_cap, ignore_index)
    if num_valid_rows != -1 and not 1 <= num_valid_rows <= weight.shape[0]:
        raise ValueError(f"{_LOSS}: expected num_valid_rows in [1, {weight.shape[0]}] or -1, got {num_valid_rows}")
    if chunk_rows is not None and chunk_rows < 1:
        raise ValueError(f"{_LOSS}: expected chunk_rows >= 1, got {chunk_rows}")
    own_counts = count_targets(targets, ignore_index=ignore_index)
    if counts is None:
        counts = own_counts
    if counts.dtype != torch.int64 or counts.shape != own_counts.shape or counts.device != hidden.device:
        expected = f"expected counts {_shape(own_counts)} of type int64 on {hidden.device}"
        raise ValueError(f"{_LOSS}: {expected}, got {_shape(counts)} of type {counts.dtype} on {counts.device}")
    coefficients = _coefficients(slot_weights, counts, own_counts, composed.accumulate_type(hidden.dtype))
    recording = torch.is_grad_enabled()
    loss, _, _ = _multi_hot_forward(
        hidden,
        weight,
        targets,
        coefficients,
        float(z_loss),
        float(logit_soft_cap),
        weight.shape[0] if num_valid_rows == -1 else num_valid_rows,
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
        raise ValueError(f"fold: expected ids [..., {a} L + {b}] with L >= 1, got {_shape(ids)}")
    length = (ids.shape[-1] - b) // a
    is_token = ids != padding_idx
    inputs = torch.where(is_token, ids, -1)[..., : a * length].unflatten(-1, (length, a))
    is_target = is_token[..., a:].unfold(-1, b, a)  # [..., L, b]
    if documents is not None:
        if documents.shape != ids.shape:
            raise ValueError(f"fold: expected documents {_shape(ids)}, got {_shape(documents)}")
        used = is_token[..., : a * length].unflatten(-1, (length, a))
        last = (used * torch.arange(a, device=ids.device)).amax(-1, keepdim=True)  # of the bag, its last token
        bags = documents[..., : a * length].unflatten(-1, (length, a))
        is_target = is_target & (documents[..., a:].unfold(-1, b, a) == bags.gather(-1, last))
    return inputs, torch.where(is_target, ids[..., a:].unfold(-1, b, a), ignore_index)
