"""Token superposition for nanochat: what docs/nanochat.md puts into its script and model. Imports nothing of it."""

from collections.abc import Callable, Iterator

import torch
from torch import Tensor, nn

import superpose


def read(embedding: nn.Embedding, ids: Tensor) -> Tensor:
    """ids [B, L] -> [B, L, D], looked up by `embedding`; bags [B, L, a] -> the mean of each bag [B, L, D]."""
    return embedding(ids) if ids.dim() == 2 else superpose.bag_embedding(embedding.weight, ids)


def bag_loss(hidden: Tensor, weight: Tensor, targets: Tensor, vocab_size: int, soft_cap: float) -> Tensor:
    """hidden [B, L, D], weight [V padded, D] of the head, targets [B, L, b] -> mean loss in nats per target.

    Soft cap and padded vocabulary as nanochat's own loss has them; its ignore index is -1.
    """
    loss, _ = superpose.multi_hot_linear_cross_entropy(
        hidden.flatten(0, 1),
        weight.to(hidden.dtype),
        targets.flatten(0, 1),
        logit_soft_cap=soft_cap,
        num_valid_rows=vocab_size,
        ignore_index=-1,
    )
    return loss


def batches(
    make_loader: Callable[[int, dict | None], Iterator[tuple[Tensor, Tensor, dict]]],
    phases: superpose.Phases,
    length: int,
    micro_batches: int,
    first_step: int = 0,
    state: dict | None = None,
) -> Iterator[tuple[Tensor, Tensor, dict]]:
    """Micro-batches of a run: bags [B, L, a], targets [B, L, b] and the loader's state; of plain phases [B, L] twice.

    Args:
        make_loader: (T, state) -> nanochat's loader of inputs [B, T] and targets [B, T]. Called once for each phase:
            rows are a times longer there, and begin at the state of the loader before.
        phases: of the run.
        length: L, positions of a row in every phase.
        micro_batches: of one optimizer step on this rank.
        first_step, state: where a resumed run is, and the loader's state there.

    The last phase does not end, as the training script reads one micro-batch ahead.
    """
    step = first_step
    for phase in phases:
        if step >= phase.end_step and phase is not phases[-1]:
            continue
        loader = make_loader(phase.window_length(length) - 1, state)
        while step < phase.end_step or phase is phases[-1]:
            for _ in range(micro_batches):
                inputs, targets, state = next(loader)
                if phase.is_ntp:
                    yield inputs, targets, state
                    continue
                raw = torch.cat([inputs, targets[:, -1:]], 1)  # a L + b ids
                yield *superpose.fold(raw, phase.bag_size, phase.target_size, ignore_index=-1), state
            step += 1
