"""What the losses over an output projection share: checks, autocast, a backward that hands out what forward made."""

from __future__ import annotations

import contextlib

import torch
from torch import Tensor

from superpose.composed import accumulate_type

TYPES = (torch.float32, torch.bfloat16, torch.float64)
TYPE_NAMES = "float32, bfloat16 or float64"


def shape_of(tensor: Tensor) -> list:
    return list(tensor.shape)


# ---- Autocast ----


def _autocasts(tensor: Tensor) -> bool:
    return not tensor.is_meta and torch.is_autocast_enabled(tensor.device.type)


def without_autocast(tensor: Tensor) -> contextlib.AbstractContextManager:
    """Operators compute in the types that they are given, also where a caller has switched autocast on."""
    if _autocasts(tensor):
        return torch.autocast(tensor.device.type, enabled=False)
    return contextlib.nullcontext()


def cast_for_autocast(hidden: Tensor, weight: Tensor) -> tuple[Tensor, Tensor]:
    """As `torch.nn.functional.linear` does it: to autocast's type, except for f64."""
    if not _autocasts(hidden):
        return hidden, weight
    dtype = torch.get_autocast_dtype(hidden.device.type)
    return tuple(x.to(dtype) if x.is_floating_point() and x.dtype != torch.float64 else x for x in (hidden, weight))


# ---- Checks ----


def check_head(who: str, hidden: Tensor, weight: Tensor, targets: Tensor) -> None:
    """Raises ValueError unless hidden [N, D], weight [V, D] of its type and targets [N, s] int64 are on one device."""
    if hidden.dtype not in TYPES:
        raise ValueError(f"{who}: expected hidden of type {TYPE_NAMES}, got {hidden.dtype}")
    if weight.dtype != hidden.dtype:
        raise ValueError(f"{who}: expected weight of type {hidden.dtype} like hidden, got {weight.dtype}")
    if targets.dtype != torch.int64:
        raise ValueError(f"{who}: expected targets of type int64, got {targets.dtype}")
    for name, tensor in (("weight", weight), ("targets", targets)):
        if tensor.device != hidden.device:
            raise ValueError(f"{who}: expected {name} on {hidden.device}, got {tensor.device}")
    if hidden.dim() != 2 or hidden.shape[1] < 1:
        raise ValueError(f"{who}: expected hidden [N, D], got {shape_of(hidden)}")
    rows, width = hidden.shape
    if weight.dim() != 2 or weight.shape[0] < 1 or weight.shape[1] != width:
        raise ValueError(f"{who}: expected weight [V, {width}], got {shape_of(weight)}")
    if targets.dim() != 2 or targets.shape[0] != rows or targets.shape[1] < 1:
        raise ValueError(f"{who}: expected targets [{rows}, s] with s >= 1, got {shape_of(targets)}")


def check_options(
    who: str,
    weight: Tensor,
    z_loss: float,
    logit_soft_cap: float,
    num_valid_rows: int,
    ignore_index: int,
    chunk_rows: int | None,
) -> int:
    """Raises ValueError on an option that does not fit; returns the number of vocabulary rows that take part."""
    # Normal numbers of the type that logits are in: neither they nor their inverses overflow or lose bits.
    least = torch.finfo(accumulate_type(weight.dtype)).tiny
    most = 1 / least
    if not 0 <= z_loss <= most:
        raise ValueError(f"{who}: expected z_loss in [0, {most:g}], got {z_loss}")
    if not (logit_soft_cap == 0 or least <= logit_soft_cap <= most):
        expected = f"expected logit_soft_cap 0 (off) or in [{least:g}, {most:g}]"
        raise ValueError(f"{who}: {expected}, got {logit_soft_cap}")
    if ignore_index >= 0:
        raise ValueError(f"{who}: expected a negative ignore_index, got {ignore_index}")
    if num_valid_rows != -1 and not 1 <= num_valid_rows <= weight.shape[0]:
        raise ValueError(f"{who}: expected num_valid_rows in [1, {weight.shape[0]}] or -1, got {num_valid_rows}")
    if chunk_rows is not None and chunk_rows < 1:
        raise ValueError(f"{who}: expected chunk_rows >= 1, got {chunk_rows}")
    return weight.shape[0] if num_valid_rows == -1 else num_valid_rows


# ---- Backward ----


def save_gradients(ctx, output: tuple[Tensor, Tensor, Tensor], wanted: tuple[bool, bool]) -> None:
    """For `setup_context`: keeps the gradients of hidden and weight, which forward returns after the loss."""
    ctx.set_materialize_grads(False)
    _, grad_hidden, grad_weight = output
    ctx.save_for_backward(grad_hidden, grad_weight)
    ctx.wanted = wanted


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


def gradients_of(ctx, grads: tuple, who: str) -> list:
    """The gradients of hidden and weight for those of the three outputs, `grads`."""
    grad_loss, *of_gradients = grads
    if any(grad is not None for grad in of_gradients):
        raise NotImplementedError(f"{who}: has no second derivative")
    return [
        _times_incoming(saved, grad_loss) if wanted and grad_loss is not None else None
        for saved, wanted in zip(ctx.saved_tensors, ctx.wanted, strict=True)
    ]
