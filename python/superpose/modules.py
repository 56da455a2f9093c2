"""The two operators as modules around the weights that a model already has. No new parameters.

Legend: B rows, L positions, D width, V vocabulary rows, a tokens of a bag, b targets of a position.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from superpose.functional import bag_embedding, multi_hot_linear_cross_entropy
from superpose.phases import OBJECTIVES
from superpose.set_sum import set_sum_linear_cross_entropy

__all__ = ["BagEmbedding", "BagHead"]


def _require_whole(who: str, weight: Tensor) -> None:
    if hasattr(weight, "placements"):
        raise ValueError(f"{who}: expected a whole weight, got a sharded one: apply fully_shard to the {who} itself")


class BagEmbedding(nn.Module):
    """Reads bags of tokens through an embedding.

    ids [B, L] are looked up as `embedding` does it; ids [B, L, a] become the mean of each bag (`bag_embedding`). So one
    module serves both phases and evaluation, where bagging is off.

    Args:
        embedding: the model's `nn.Embedding`; it stays the owner of the weight. Its `padding_idx`, if any, is padding
            in bags: it does not count. `max_norm`, `scale_grad_by_freq` and `sparse` are refused.

    Shapes: ids [B, L] or [B, L, a] int64 (-1 in bags: padding) -> [B, L, D] of the weight's type.

    With `fully_shard` or other wrappers that gather weights, wrap this module, not the embedding inside.
    """

    def __init__(self, embedding: nn.Embedding):
        super().__init__()
        if not isinstance(embedding, nn.Embedding):
            raise ValueError(f"BagEmbedding: expected an nn.Embedding, got {type(embedding)}")
        for name in ("max_norm", "scale_grad_by_freq", "sparse"):
            value = getattr(embedding, name)
            if value:
                raise ValueError(f"BagEmbedding: expected an embedding without {name}, got {value}")
        self.embedding = embedding

    def forward(self, ids: Tensor) -> Tensor:
        if ids.dim() not in (2, 3):
            raise ValueError(f"BagEmbedding: expected ids [B, L] or [B, L, a], got {list(ids.shape)}")
        if ids.dim() == 2:
            return self.embedding(ids)
        _require_whole("BagEmbedding", self.embedding.weight)
        padding_idx = self.embedding.padding_idx
        return bag_embedding(self.embedding.weight, ids, padding_idx=-1 if padding_idx is None else padding_idx)


class BagHead(nn.Module):
    """The output projection and its loss, over the weight that the model's head has.

    Args:
        head: the `nn.Linear` without bias, the `nn.Embedding` whose weight is tied, or the weight [V, D] itself.
        z_loss, logit_soft_cap, num_valid_rows, ignore_index, chunk_rows: see `multi_hot_linear_cross_entropy`.

    Shapes: hidden [..., D] and targets [..., b] -> loss, a scalar in f32 (f64). `slot_weights` and `counts` are those
    of `multi_hot_linear_cross_entropy`. With `objective="set_sum"` the loss is `set_sum_linear_cross_entropy`, whose
    `count` is given as `counts`; it has neither slot weights that differ nor a soft cap. `logits` gives [..., V] for
    evaluation and generation.

    With `fully_shard` or other wrappers that gather weights, wrap this module, not the head inside.
    """

    def __init__(
        self,
        head: nn.Linear | nn.Embedding | nn.Parameter,
        *,
        z_loss: float = 0.0,
        logit_soft_cap: float = 0.0,
        num_valid_rows: int = -1,
        ignore_index: int = -100,
        chunk_rows: int | None = None,
    ):
        super().__init__()
        if not isinstance(head, (nn.Linear, nn.Embedding, nn.Parameter)):
            raise ValueError(f"BagHead: expected an nn.Linear, nn.Embedding or nn.Parameter, got {type(head)}")
        if getattr(head, "bias", None) is not None:
            raise ValueError("BagHead: expected a head without bias, got one with")
        self.head = head
        self.z_loss = z_loss
        self.logit_soft_cap = logit_soft_cap
        self.num_valid_rows = num_valid_rows
        self.ignore_index = ignore_index
        self.chunk_rows = chunk_rows

    @property
    def weight(self) -> Tensor:
        """[V, D], that of the head."""
        return self.head if isinstance(self.head, nn.Parameter) else self.head.weight

    def forward(
        self,
        hidden: Tensor,
        targets: Tensor,
        slot_weights: Tensor | Sequence[float] | None = None,
        *,
        counts: Tensor | None = None,
        objective: str = "multi_hot",
    ) -> Tensor:
        if hidden.dim() < 2 or hidden.shape[:-1] != targets.shape[:-1]:
            shapes = f"{list(hidden.shape)} and {list(targets.shape)}"
            raise ValueError(
                f"BagHead: expected hidden [..., D] and targets [..., b] of the same positions, got {shapes}"
            )
        if objective not in OBJECTIVES:
            raise ValueError(f"BagHead: expected an objective of {', '.join(OBJECTIVES)}, got {objective}")
        _require_whole("BagHead", self.weight)
        if objective == "set_sum":
            return self._set_sum(hidden, targets, slot_weights, counts)
        loss, _ = multi_hot_linear_cross_entropy(
            hidden.flatten(0, -2),
            self.weight,
            targets.flatten(0, -2),
            slot_weights,
            z_loss=self.z_loss,
            logit_soft_cap=self.logit_soft_cap,
            num_valid_rows=self.num_valid_rows,
            ignore_index=self.ignore_index,
            counts=counts,
            chunk_rows=self.chunk_rows,
        )
        return loss

    def _set_sum(
        self, hidden: Tensor, targets: Tensor, slot_weights: Tensor | Sequence[float] | None, count: Tensor | None
    ) -> Tensor:
        if self.logit_soft_cap != 0:
            raise ValueError(f'BagHead: expected no logit_soft_cap with objective "set_sum", got {self.logit_soft_cap}')
        # A phase has equal weights where its objective has no slots.
        if isinstance(slot_weights, Tensor) or len(set(slot_weights or ())) > 1:
            raise ValueError(f'BagHead: expected no slot_weights with objective "set_sum", got {slot_weights}')
        loss, _ = set_sum_linear_cross_entropy(
            hidden.flatten(0, -2),
            self.weight,
            targets.flatten(0, -2),
            z_loss=self.z_loss,
            num_valid_rows=self.num_valid_rows,
            ignore_index=self.ignore_index,
            count=count,
            chunk_rows=self.chunk_rows,
        )
        return loss

    def logits(self, hidden: Tensor) -> Tensor:
        """hidden [..., D] -> logits [..., V] of its type, with the soft cap; padded vocabulary rows are -inf."""
        _require_whole("BagHead", self.weight)
        logits = nn.functional.linear(hidden, self.weight)
        if self.logit_soft_cap > 0:
            logits = self.logit_soft_cap * torch.tanh(logits / self.logit_soft_cap)
        if self.num_valid_rows != -1:
            padding = torch.arange(self.num_valid_rows, logits.shape[-1], device=logits.device)
            logits = logits.index_fill(-1, padding, -torch.inf)
        return logits
