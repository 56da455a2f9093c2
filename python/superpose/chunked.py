"""Head and loss of some rows at a time, so that the logits of all rows need not exist: any device, not differentiable.

A chunk of rows is multiplied with the weight; then its logits become losses and gradients a few rows at a time, which
stay in the CPU's caches; then come the two products of the gradients. So forward and backward together take three
products.

The gradient of a bf16 weight, where the device multiplies bf16 and so rounds each product to it, is summed over chunks
in f32: [V, D] in four bytes in addition to the two of the result and of each product, and passes over all three for
every chunk. Up to N = 4 D the logits of all N rows in bf16 are not larger than what a sum over chunks of that many rows
needs; they are kept then, and the gradient is one product over them.

Buffers are made once and used for every chunk: fresh pages cost more than the passes that fill them.

Legend: N rows (positions), D width, V vocabulary rows, s targets of a row, R rows of a chunk.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Callable

import torch
from torch import Tensor

from superpose import backend
from superpose.composed import accumulate_type, check_values, loss_rows, set_sum_rows

# Logits whose rows are gone through at a time: the CPU's second-level caches hold them.
_BLOCK_ELEMENTS_CPU = 1 << 19
# Logits of a chunk, within limits on its rows: the weight and its gradient are read once per chunk, which costs more
# than the products where rows are few.
_CHUNK_ELEMENTS_CPU = 1 << 23
_CHUNK_ELEMENTS = 1 << 26
_LEAST_ROWS, _MOST_ROWS = 128, 1024
# Rows of a bf16 weight that are held in f32 at a time.
_TILE_ROWS = 4096

# Logits [R, V] and targets [R, s] -> losses [R] and the gradient [R, V], or None where it is not wanted. The logits may
# be overwritten, and the gradient may lie in their place.
RowsOfLoss = Callable[[Tensor, Tensor], "tuple[Tensor, Tensor | None]"]


def has_triton_rows(device: torch.device, dtype: torch.dtype) -> bool:
    """Whether the Triton kernel takes the rows of such logits: f32 and bf16 on CUDA, where triton is installed."""
    return device.type == "cuda" and dtype != torch.float64 and importlib.util.find_spec("triton") is not None


def has_package_rows(device: torch.device, dtype: torch.dtype) -> bool:
    """Whether the package superpose-compiled takes the rows of such logits."""
    return device.type == "cpu" and dtype != torch.float64 and backend.current().is_package


def rows_of_chunk(num_rows: int, device: torch.device) -> int:
    """Rows whose logits are held at a time, for a vocabulary of `num_rows`: a round number."""
    elements = _CHUNK_ELEMENTS_CPU if device.type == "cpu" else _CHUNK_ELEMENTS
    return min(max(elements // num_rows // 32 * 32, _LEAST_ROWS), _MOST_ROWS)


class _Products:
    """The three matrix products of a chunk of rows, for one weight [V, D].

    f32 and f64 multiply as they are. bf16 does so where the device has such a product (which sums in f32 and rounds the
    result); elsewhere it is widened to f32, a tile of the weight at a time.
    """

    def __init__(self, weight: Tensor):
        self.weight = weight
        self.dtype = accumulate_type(weight.dtype)
        is_cpu = weight.device.type == "cpu"
        self.widens = weight.dtype == torch.bfloat16 and is_cpu and not torch.ops.mkldnn._is_mkldnn_bf16_supported()

    def _tiles(self):
        for first in range(0, self.weight.shape[0], _TILE_ROWS):
            tile = slice(first, first + _TILE_ROWS)
            yield tile, self.weight[tile].to(self.dtype)

    @property
    def rounds(self) -> bool:
        """Whether a product is rounded to the type of the weight, below the type of sums."""
        return not self.widens and self.weight.dtype != self.dtype

    def operand(self, matrix: Tensor) -> Tensor:
        return matrix.to(self.dtype if self.widens else self.weight.dtype)

    def logits(self, hidden: Tensor, out: Tensor) -> None:
        """[R, D] -> [R, V] into `out`, which has the type of the operand."""
        if not self.widens:
            torch.mm(hidden, self.weight.t(), out=out)
            return
        for tile, rows in self._tiles():
            out[:, tile] = torch.mm(hidden, rows.t())

    def grad_hidden(self, grad: Tensor) -> Tensor:
        """[R, V] -> [R, D]."""
        if not self.widens:
            return torch.mm(grad, self.weight)
        result = grad.new_zeros((grad.shape[0], self.weight.shape[1]))
        for tile, rows in self._tiles():
            result.addmm_(grad[:, tile], rows)
        return result


class _GradWeight:
    """The gradient of the weight [V, D], of which the first `valid` rows take part."""

    def __init__(self, weight: Tensor, valid: int, dtype: torch.dtype):
        self.result = weight.new_empty(weight.shape, dtype=dtype)
        self.result[valid:].zero_()
        self.own = self.result[:valid]
        self.product: Tensor | None = None
        self.is_empty = True

    def add(self, grad: Tensor, hidden: Tensor) -> None:
        """Adds [R, V]^T [R, D]. What comes first is written."""
        if grad.dtype == self.own.dtype:
            torch.addmm(self.own, grad.t(), hidden, beta=0 if self.is_empty else 1, out=self.own)
        else:
            if self.product is None:
                self.product = grad.new_empty(self.own.shape)
            torch.mm(grad.t(), hidden, out=self.product)
            self.own.copy_(self.product) if self.is_empty else self.own.add_(self.product)
        self.is_empty = False

    def finish(self, dtype: torch.dtype) -> Tensor:
        self.product = None
        if self.is_empty:
            self.own.zero_()
        return self.result.to(dtype)


class _Rows:
    """Runs the rows of a loss over the logits of a chunk, a block at a time in the type of sums."""

    def __init__(self, rows_of: RowsOfLoss, takes_chunks: bool, block: int):
        self.rows_of = rows_of
        self.takes_chunks = takes_chunks
        self.block = block
        self.widened: Tensor | None = None

    def _widen(self, part: Tensor) -> Tensor:
        dtype = accumulate_type(part.dtype)
        if part.dtype == dtype:
            return part
        if self.widened is None:
            self.widened = part.new_empty((self.block, part.shape[1]), dtype=dtype)
        return self.widened[: part.shape[0]].copy_(part)

    def __call__(self, logits: Tensor, targets: Tensor) -> Tensor:
        """Sum of the losses; the logits become their gradient, where that is wanted."""
        if self.takes_chunks:
            return self.rows_of(logits, targets)[0].sum()
        sums = []
        for first in range(0, logits.shape[0], self.block):
            part = logits[first : first + self.block]
            losses, grad = self.rows_of(self._widen(part), targets[first : first + self.block])
            sums.append(losses.sum())
            if grad is not None and grad.data_ptr() != part.data_ptr():
                part.copy_(grad)
        return torch.stack(sums).sum()


def linear_loss(
    hidden: Tensor,
    weight: Tensor,
    targets: Tensor,
    rows_of: RowsOfLoss,
    *,
    who: str,
    num_valid_rows: int,
    ignore_index: int,
    hidden_grad: bool,
    weight_grad: bool,
    chunk_rows: int = 0,
    takes_chunks: bool = False,
) -> tuple[Tensor, Tensor, Tensor]:
    """Loss [] and the gradients of hidden [N, D] and weight [V, D] ([0] where not wanted).

    Cost: one product of N x D x V, three with gradients, and what `rows_of` costs. Memory: the gradients, the logits of
    `chunk_rows` rows (0: chosen here) and some f32 copies of a few rows; in bf16 as above.

    Args:
        rows_of: the loss; forms gradients where one of the two is wanted.
        who: the function that checks of values name.
        takes_chunks: `rows_of` takes a chunk at once, in the type of products, and leaves the gradient in its place.

    Raises:
        ValueError: on the CPU, a target outside [0, num_valid_rows) that is not `ignore_index`.
    """
    check_values(
        f"{who}: expected targets in [0, {num_valid_rows}) or {ignore_index}",
        targets,
        ((targets >= 0) & (targets < num_valid_rows)) | (targets == ignore_index),
    )
    num_rows, width = hidden.shape
    products = _Products(weight[:num_valid_rows])
    keeps_logits = weight_grad and products.rounds and chunk_rows == 0 and num_rows <= 4 * width
    rows = chunk_rows if chunk_rows > 0 else rows_of_chunk(num_valid_rows, hidden.device)
    if chunk_rows == 0 and weight_grad and products.rounds and not keeps_logits:
        rows = _MOST_ROWS
    on_cpu = hidden.device.type == "cpu"
    block = min(rows, max(1, _BLOCK_ELEMENTS_CPU // num_valid_rows)) if on_cpu else rows
    run_rows = _Rows(rows_of, takes_chunks, block)
    loss = hidden.new_zeros((), dtype=products.dtype)
    grad_hidden = hidden.new_empty(hidden.shape if hidden_grad else 0)
    sum_type = weight.dtype if keeps_logits else products.dtype
    grad_weight = _GradWeight(weight, num_valid_rows, sum_type) if weight_grad else None
    held = num_rows if keeps_logits else min(rows, num_rows)
    buffer = products.operand(hidden[:0]).new_empty((held, num_valid_rows))  # [N, V] or [R, V]
    for first in range(0, num_rows, rows):
        chunk = slice(first, first + rows)
        h = products.operand(hidden[chunk])  # [R, D]
        logits = buffer[chunk] if keeps_logits else buffer[: h.shape[0]]  # [R, V]
        products.logits(h, logits)
        loss += run_rows(logits, targets[chunk])
        if hidden_grad:
            grad_hidden[chunk] = products.grad_hidden(logits)
        if grad_weight is not None and not keeps_logits:
            grad_weight.add(logits, h)
    if grad_weight is None:
        return loss, grad_hidden, weight.new_empty(0)
    if keeps_logits and num_rows > 0:
        grad_weight.add(buffer, hidden)
    return loss, grad_hidden, grad_weight.finish(weight.dtype)


def multi_hot_forward(
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
    chunk_rows: int = 0,
) -> tuple[Tensor, Tensor, Tensor]:
    """`linear_loss` of the multi-hot cross-entropy; coefficients [s] are w_i / n_i."""
    options = (z_loss, logit_soft_cap, ignore_index, hidden_grad or weight_grad)
    targets, coefficients = targets.contiguous(), coefficients.contiguous()
    has_package = has_package_rows(hidden.device, hidden.dtype)
    has_triton = has_triton_rows(hidden.device, hidden.dtype)

    def rows_of(logits: Tensor, own_targets: Tensor) -> tuple[Tensor, Tensor | None]:
        if has_package:
            losses = torch.ops.superpose_compiled.loss_rows(logits, own_targets, coefficients, *options)
            return losses, logits if options[-1] else None
        if has_triton:
            from superpose import triton_loss

            return triton_loss.loss_rows(logits, own_targets, coefficients, *options)
        return loss_rows(logits, own_targets, coefficients, *options)

    return linear_loss(
        hidden,
        weight,
        targets,
        rows_of,
        who="multi_hot_linear_cross_entropy",
        num_valid_rows=num_valid_rows,
        ignore_index=ignore_index,
        hidden_grad=hidden_grad,
        weight_grad=weight_grad,
        chunk_rows=chunk_rows,
        takes_chunks=has_package or has_triton,
    )


def set_sum_forward(
    hidden: Tensor,
    weight: Tensor,
    targets: Tensor,
    coefficient: Tensor,
    z_loss: float,
    num_valid_rows: int,
    ignore_index: int,
    hidden_grad: bool,
    weight_grad: bool,
    chunk_rows: int = 0,
) -> tuple[Tensor, Tensor, Tensor]:
    """`linear_loss` of the set-sum loss; coefficient [1] is 1 / n."""
    wants_grad = hidden_grad or weight_grad
    return linear_loss(
        hidden,
        weight,
        targets,
        lambda logits, own: set_sum_rows(logits, own, coefficient, z_loss, ignore_index, wants_grad),
        who="set_sum_linear_cross_entropy",
        num_valid_rows=num_valid_rows,
        ignore_index=ignore_index,
        hidden_grad=hidden_grad,
        weight_grad=weight_grad,
        chunk_rows=chunk_rows,
    )
