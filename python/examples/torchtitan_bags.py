"""Token superposition for torchtitan: the classes and the function that docs/torchtitan.md uses. Imports nothing of it.

torchtitan keeps a micro-batch flat: T tokens with their positions. A superposed micro-batch is made of `bag_size` plain
ones that follow one another: T bags. So the loader, its state and its checkpoints stay as they are at the switch.
"""

from collections.abc import Callable, Iterator

import torch
from torch import Tensor

import superpose

Batch = tuple[dict, Tensor]


def join(parts: list[Batch], phase: superpose.Phase, context_length: int, ignore_index: int = -100) -> Batch:
    """a plain micro-batches ({"input": [T]}, labels [T]) -> one of bags: {"input": [T, a], ...}, labels [T, b].

    Positions count bags and begin again after `context_length`. Bags may reach from one document into the next. Of the
    last bag only the first target is known.
    """
    raw = torch.cat([part["input"] for part, _ in parts] + [parts[-1][1][-1:]])
    raw = torch.nn.functional.pad(raw.masked_fill(raw == ignore_index, -1), (0, phase.target_size - 1), value=-1)
    bags, labels = superpose.fold(raw, phase.bag_size, phase.target_size, ignore_index=ignore_index)
    positions = torch.arange(len(bags)) % context_length
    return {"input": bags, "positions": positions}, labels


def batches(plain: Iterator[Batch], phase_now: Callable[[], superpose.Phase], context_length: int) -> Iterator[Batch]:
    """Micro-batches of the phase that `phase_now` gives when each is asked for; `plain` is torchtitan's generator."""
    while True:
        phase = phase_now()
        if phase.is_ntp:
            yield next(plain)
        else:
            yield join([next(plain) for _ in range(phase.bag_size)], phase, context_length)


class ReadsBags:
    """In front of an embedding class: ids [T] as before, bags [T, a] as their means [T, D]."""

    def forward(self, ids: Tensor) -> Tensor:
        return super().forward(ids) if ids.dim() == 1 else superpose.bag_embedding(self.weight, ids)


class TakesBags:
    """In front of a loss class that is called with the last hidden states [T, D] and knows `lm_head`.

    Labels [T] go to the class behind. Labels [T, b] give the sum over all targets, divided by `global_valid_tokens`,
    which counts those of all slots over the whole step: the mean over slots, up to the last bag of each micro-batch.
    """

    def __call__(self, pred: Tensor, labels: Tensor, global_valid_tokens: Tensor | None = None, **more):
        if labels.dim() == 1:
            return super().__call__(pred, labels, global_valid_tokens, **more)
        slots = labels.shape[1]
        total = superpose.count_targets(labels).sum() if global_valid_tokens is None else global_valid_tokens
        loss, _ = superpose.multi_hot_linear_cross_entropy(
            pred, self.lm_head.weight.to(pred.dtype), labels, counts=total.expand(slots).contiguous()
        )
        return loss * slots, {}
