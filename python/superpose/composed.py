"""The bags, and the rows of the losses, composed of PyTorch's own operators: any device, nothing compiled, not
differentiable. `chunked` runs the rows.

Legend: N rows (positions), D width, V vocabulary rows, s ids of a bag or targets of a row, R rows.

These run below autograd, on tensors that have values. `functional` and `set_sum` register them as operators and add the
rules for gradients, autocast and tensors without values.
"""

from __future__ import annotations

import torch
from torch import Tensor


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


def subtract_targets(grad: Tensor, index: Tensor, share: Tensor) -> None:
    """Subtracts share[r, i] from grad[r, index[r, i]], where one index may come several times in a row.

    Each slot gets the sum over all slots of the same index, so that equal ones write the same number: no atomics, and
    the same bits every time.
    """
    same = index.unsqueeze(1) == index.unsqueeze(2)  # [R, s, s]
    total = torch.where(same, share.unsqueeze(1), 0).sum(2)  # [R, s]
    grad.scatter_(1, index, grad.gather(1, index) - total)


def _clear_rows(grad: Tensor, ignored: Tensor) -> Tensor:
    """Sets rows to 0, where there are any to set: their gradient is 0 times what may not be finite."""
    if grad.device.type != "cpu" or ignored.any():
        grad.masked_fill_(ignored, 0)
    return grad


def log_sum_exp_to_softmax(logits: Tensor) -> Tensor:
    """Turns each row [R, V] into its softmax in place and returns the rows' log-sum-exp [R, 1]."""
    top = logits.amax(1, keepdim=True)
    if logits.device.type == "cpu":
        torch.softmax(logits, 1, out=logits)  # a row's maximum and sum come before its first write
    else:
        logits.copy_(torch.softmax(logits, 1))
    # The largest probability is 1 / sum of exp(logit - top), between 1 / V and 1.
    return top - logits.amax(1, keepdim=True).log()


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
    lse = log_sum_exp_to_softmax(logits)
    losses = row_share * (lse + z_loss * lse.square()) - (share * picked).sum(1, keepdim=True)
    # A row without a valid target is left out, even where its logits are not finite.
    losses = losses.masked_fill(ignored, 0).squeeze(1)
    if not wants_grad:
        return losses, None
    grad = logits.mul_(row_share * (1 + 2 * z_loss * lse))
    subtract_targets(grad, index, share)
    if logit_soft_cap > 0:
        grad.mul_(slope)
    return losses, _clear_rows(grad, ignored)


def set_sum_rows(
    logits: Tensor, targets: Tensor, coefficient: Tensor, z_loss: float, ignore_index: int, wants_grad: bool
) -> tuple[Tensor, Tensor | None]:
    """The same of the set-sum loss: coefficient times -log of the probability of a row's set of targets.

    logits [R, V], targets [R, s], coefficient [1] -> losses [R], gradient [R, V], both f32 (f64). With p the softmax,
    and q that over the set alone, the gradient is coefficient ((1 + 2 z_loss lse) p - q).
    """
    bag = targets.sort(1).values
    bag[:, 1:].masked_fill_(bag[:, 1:] == bag[:, :-1], ignore_index)  # each token once
    left_out = bag == ignore_index  # [R, s]
    ignored = left_out.all(1, keepdim=True)
    index = bag.masked_fill(left_out, 0)
    logits = logits.to(accumulate_type(logits.dtype))
    own = logits.gather(1, index).masked_fill_(left_out, -torch.inf)
    own_lse = own.logsumexp(1, keepdim=True)
    lse = log_sum_exp_to_softmax(logits)
    losses = ((lse + z_loss * lse.square() - own_lse) * coefficient).masked_fill(ignored, 0).squeeze(1)
    if not wants_grad:
        return losses, None
    grad = logits.mul_((1 + 2 * z_loss * lse) * coefficient)
    # Ignored slots have an own of -inf, so a share of 0, except where all of a row are.
    subtract_targets(grad, index, ((own - own_lse).exp() * coefficient).masked_fill(left_out, 0))
    return losses, _clear_rows(grad, ignored)
