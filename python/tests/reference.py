"""References for the tests: compositions of PyTorch's own functions in f64, and numbers with a fixed seed."""

import torch
from torch.nn import functional as F


def random(shape, seed, dtype=torch.float64):
    """Uniform in [-1, 1)."""
    values = torch.rand(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64) * 2 - 1
    return values.to(dtype)


def integers(high, shape, seed):
    return torch.randint(0, high, shape, generator=torch.Generator().manual_seed(seed))


def leaf(tensor):
    return tensor.detach().clone().requires_grad_()


def mean_of_bags(weight, ids):
    """Of the valid ids, bag by bag; differentiable."""
    bags = [torch.stack([weight[i] for i in bag.tolist() if i >= 0]).mean(0) for bag in ids.reshape(-1, ids.shape[-1])]
    return torch.stack(bags).reshape(*ids.shape[:-1], -1)


def slots_loss(hidden, weight, targets, slot_weights=None, *, z_loss=0.0, logit_soft_cap=0.0, num_valid_rows=-1):
    """One cross-entropy per slot over all logits, as in the paper's listing; differentiable. -100 does not count."""
    logits = F.linear(hidden, weight if num_valid_rows == -1 else weight[:num_valid_rows])
    if logit_soft_cap > 0:
        logits = logit_soft_cap * torch.tanh(logits / logit_soft_cap)
    losses, used = [], []
    for slot, slot_weight in zip(targets.unbind(1), slot_weights or [1.0] * targets.shape[1], strict=True):
        valid = slot != -100
        if valid.any():
            lse = logits[valid].logsumexp(1)
            losses.append(slot_weight * (F.cross_entropy(logits, slot) + z_loss * lse.square().mean()))
            used.append(slot_weight)
    return sum(losses) / sum(used)


def gradients(function, *leaves):
    """Value and gradients at copies of the leaves."""
    copies = [leaf(x) for x in leaves]
    value = function(*copies)
    return value.detach(), torch.autograd.grad(value, copies)
