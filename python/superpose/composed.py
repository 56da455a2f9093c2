"""The two operators composed of PyTorch's own: any device, nothing compiled, not differentiable.

Legend: N rows (positions), D width, V vocabulary rows, s ids of a bag or targets of a row, R rows of a chunk.

These run below autograd, on tensors that have values. `functional` registers them as operators and adds the rules for
gradients, autocast and tensors without values.
"""

from __future__ import annotations

import importlib.util

import torch
from torch import Tensor

# Logits that exist at a time. The CPU's fit its caches; an accelerator wants large products.
_CHUNK_ELEMENTS_CPU = 1 << 22
_CHUNK_ELEMENTS = 1 << 26
# Fewer rows than this, and adding to the gradient of the weight costs more than the product that is added.
_LEAST_ROWS = 64
# Rows of a bf16 weight that are held in f32 at a time.
_TILE_ROWS = 4096


def accumulate_type(dtype: torch.dtype) -> torch.dtype:
    """The type that values of `dtype` are summed in."""
    return torch.float64 if dtype == torch.float64 else torch.float32


# ---- Checks of values ----


def check_values(rule: str, values: Tensor, holds: Tensor) -> None:
    """Raises ValueError "rule, got value" on the CPU; on other devices an asynchronous assert."""
    if values.numel() == 0:
        return
    if values.device.type != "cpu":
        torch._assert_async(holds.all(), rule)
    elif not holds.all():
        raise ValueError(f"{rule}, got {values.masked_select(~holds)[0].item()}")


def check_bags(ids: Tensor, num_rows: int) -> None:
    """Raises ValueError on an id outside [-1, num_rows) and on a bag of padding alone."""
    in_range = (ids >= -1) & (ids < num_rows)
    check_values(f"bag_embedding: expected ids in [0, {num_rows}) or -1", ids, in_range)
    has_token = (ids >= 0).any(-1)
    rule = "bag_embedding: expected at least one valid id in every bag, got one of padding alone"
    if ids.device.type != "cpu":
        torch._assert_async(has_token.all(), rule)
    elif not has_token.all():
        raise ValueError(rule)


# ---- Bags ----


def bag_embedding_forward(weight: Tensor, ids: Tensor) -> Tensor:
    """Mean of the rows of each bag: weight [V, D], ids [..., s] with -1 for padding -> [..., D]."""
    check_bags(ids, weight.shape[0])
    bags = ids.reshape(-1, ids.shape[-1])
    total = weight.new_zeros((bags.shape[0], weight.shape[1]), dtype=accumulate_type(weight.dtype))
    for slot in bags.unbind(1):
        total += weight.index_select(0, slot.clamp_min(0)).masked_fill_((slot < 0).unsqueeze(1), 0)
    total /= (bags >= 0).sum(1, keepdim=True)
    return total.to(weight.dtype).view(*ids.shape[:-1], weight.shape[1])


def bag_embedding_backward(grad: Tensor, ids: Tensor, num_rows: int) -> Tensor:
    """Gradient of the weight: grad [..., D], ids [..., s] -> [num_rows, D], summed in f32 (f64)."""
    check_bags(ids, num_rows)
    bags = ids.reshape(-1, ids.shape[-1])
    dtype = accumulate_type(grad.dtype)
    share = grad.reshape(-1, grad.shape[-1]).to(dtype) / (bags >= 0).sum(1, keepdim=True)
    total = grad.new_zeros((num_rows, grad.shape[-1]), dtype=dtype)
    for slot in bags.unbind(1):
        total.index_add_(0, slot.clamp_min(0), share.masked_fill((slot < 0).unsqueeze(1), 0))
    return total.to(grad.dtype)


# ---- Loss ----


def multi_hot_coefficients(slot_weights: Tensor, counts: Tensor, dtype: torch.dtype) -> Tensor:
    """w_i / n_i, with w renormalised over the slots that have a valid target: [s] and [s] -> [s]."""
    who = "multi_hot_linear_cross_entropy"
    finite = (slot_weights >= 0) & slot_weights.isfinite()
    check_values(f"{who}: expected finite slot_weights >= 0", slot_weights, finite)
    given = slot_weights.to(torch.float64)
    total = given.sum()
    check_values(f"{who}: expected slot_weights with a finite sum", total, total.isfinite())
    weights = given.masked_fill(counts == 0, 0)
    used = weights.sum()
    # Weights that sum to 0 over these slots stay as they are.
    return (weights / (used.masked_fill(used == 0, 1) * counts.clamp_min(1))).to(dtype)


def rows_of_chunk(num_rows: int, device: torch.device) -> int:
    """Rows whose logits are held at a time, for a vocabulary of `num_rows`."""
    elements = _CHUNK_ELEMENTS_CPU if device.type == "cpu" else _CHUNK_ELEMENTS
    return max(_LEAST_ROWS, elements // num_rows)


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

    def operand(self, matrix: Tensor) -> Tensor:
        return matrix.to(self.dtype if self.widens else self.weight.dtype)

    def logits(self, hidden: Tensor) -> Tensor:
        """[R, D] -> [R, V], of the type of the operand."""
        if not self.widens:
            return torch.mm(hidden, self.weight.t())
        result = hidden.new_empty((hidden.shape[0], self.weight.shape[0]))
        for tile, rows in self._tiles():
            result[:, tile] = torch.mm(hidden, rows.t())
        return result

    def grad_hidden(self, grad: Tensor) -> Tensor:
        """[R, V] -> [R, D]."""
        if not self.widens:
            return torch.mm(grad, self.weight)
        result = grad.new_zeros((grad.shape[0], self.weight.shape[1]))
        for tile, rows in self._tiles():
            result.addmm_(grad[:, tile], rows)
        return result

    def add_grad_weight(self, total: Tensor, grad: Tensor, hidden: Tensor) -> None:
        """Adds [R, V]^T [R, D] into total [V, D], which is f32 (f64)."""
        if grad.dtype == total.dtype:
            total.addmm_(grad.t(), hidden)
        else:
            total += torch.mm(grad.t(), hidden)


def subtract_targets(grad: Tensor, index: Tensor, share: Tensor) -> None:
    """Subtracts share[r, i] from grad[r, index[r, i]], where one index may come several times in a row.

    Each slot gets the sum over all slots of the same index, so that equal ones write the same number: no atomics, and
    the same bits every time.
    """
    same = index.unsqueeze(1) == index.unsqueeze(2)  # [R, s, s]
    total = torch.where(same, share.unsqueeze(1), 0).sum(2)  # [R, s]
    grad.scatter_(1, index, grad.gather(1, index) - total)


def loss_rows(
    logits: Tensor,
    targets: Tensor,
    coefficients: Tensor,
    z_loss: float,
    logit_soft_cap: float,
    ignore_index: int,
    wants_grad: bool,
) -> tuple[Tensor, Tensor | None]:
    """Loss of each row and its gradient with respect to the logits, which are overwritten.

    logits [R, V], targets [R, s], coefficients [s] (w_i / n_i) -> losses [R], gradient [R, V], both f32 (f64).
    """
    valid = targets != ignore_index  # [R, s]
    share = torch.where(valid, coefficients, 0)
    row_share = share.sum(1, keepdim=True)  # [R, 1]
    index = targets.masked_fill(~valid, 0)
    ignored = ~valid.any(1, keepdim=True)
    logits = logits.to(accumulate_type(logits.dtype))
    if logit_soft_cap > 0:
        logits.div_(logit_soft_cap).tanh_()
        slope = 1 - logits.square() if wants_grad else None
        logits.mul_(logit_soft_cap)
    picked = logits.gather(1, index)
    top = logits.amax(1, keepdim=True)
    exps = logits.sub_(top).exp_()
    exp_sum = exps.sum(1, keepdim=True)
    lse = exp_sum.log() + top
    losses = row_share * (lse + z_loss * lse.square()) - (share * picked).sum(1, keepdim=True)
    # A row without a valid target is left out, even where its logits are not finite.
    losses = losses.masked_fill(ignored, 0).squeeze(1)
    if not wants_grad:
        return losses, None
    grad = exps.mul_(row_share * (1 + 2 * z_loss * lse) / exp_sum)
    subtract_targets(grad, index, share)
    if logit_soft_cap > 0:
        grad.mul_(slope)
    return losses, grad.masked_fill_(ignored, 0)


def has_triton_rows(device: torch.device, dtype: torch.dtype) -> bool:
    """Whether the Triton kernel takes the rows of such logits: f32 and bf16 on CUDA, where triton is installed."""
    return device.type == "cuda" and dtype != torch.float64 and importlib.util.find_spec("triton") is not None


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
    """Loss [] and the gradients of hidden [N, D] and weight [V, D] ([0] where not wanted), a chunk of rows at a time.

    Cost: one product of N x D x V, three with gradients, and about ten passes over a chunk's logits. Memory: the
    logits of `chunk_rows` rows (0: chosen here) two or three times, and the gradients.
    """
    check_values(
        f"multi_hot_linear_cross_entropy: expected targets in [0, {num_valid_rows}) or {ignore_index}",
        targets,
        ((targets >= 0) & (targets < num_valid_rows)) | (targets == ignore_index),
    )
    dtype = accumulate_type(hidden.dtype)
    products = _Products(weight[:num_valid_rows])
    rows_of = loss_rows
    if has_triton_rows(hidden.device, hidden.dtype):
        from superpose.triton_loss import loss_rows as rows_of
    loss = hidden.new_zeros((), dtype=dtype)
    grad_hidden = hidden.new_empty(hidden.shape if hidden_grad else 0)
    total = weight.new_zeros(weight.shape, dtype=dtype) if weight_grad else None  # [V, D]
    rows = chunk_rows if chunk_rows > 0 else rows_of_chunk(num_valid_rows, hidden.device)
    options = (coefficients, z_loss, logit_soft_cap, ignore_index, hidden_grad or weight_grad)
    for first in range(0, hidden.shape[0], rows):
        chunk = slice(first, first + rows)
        h = products.operand(hidden[chunk])  # [R, D]
        losses, grad = rows_of(products.logits(h), targets[chunk], *options)
        loss += losses.sum()
        if grad is None:
            continue
        grad = products.operand(grad)
        if hidden_grad:
            grad_hidden[chunk] = products.grad_hidden(grad)
        if total is not None:
            products.add_grad_weight(total[:num_valid_rows], grad, h)
    grad_weight = weight.new_empty(0) if total is None else total.to(weight.dtype)
    return loss, grad_hidden, grad_weight
