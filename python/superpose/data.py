"""Raw windows for data loaders: a times longer in a phase with bags of a tokens, and never more rows.

A step keeps its rows B and its positions L, so it costs what it cost before; only the raw text of a row grows, from
L + 1 ids to a L + b. Data use grows with it (`Phases.raw_tokens_before`).

Legend: B rows of a batch, L positions (`sequence_length`), a tokens of a bag, b targets of a position.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

import torch
from torch import Tensor

from superpose.functional import fold
from superpose.phases import Phase

__all__ = ["BagCollator", "pad_documents", "window"]

PADDING = -1


def _require(condition: bool, message: str) -> None:
    if not condition:
        raise ValueError(message)


def _as_ids(values) -> Tensor:
    """A copy as int64, from a tensor, an array (a memory map too) or a sequence."""
    if isinstance(values, Tensor):
        return values.to(torch.int64)
    if hasattr(values, "__array__"):
        return torch.from_numpy(values.astype("int64"))
    return torch.tensor(list(values), dtype=torch.int64)


def window(tokens, start: int, sequence_length: int, phase: Phase) -> Tensor:
    """The raw ids of one row: tokens[start .. start + a L + b).

    Args:
        tokens: one-dimensional: a tensor, an array (a memory map too) or a sequence of ids.
        start: where the row begins. The next row of the lane begins at start + `phase.advance(L)`.
        sequence_length: L, the same in every phase.
        phase: the phase of the step (`Phases.phase_at`).

    Returns:
        [a L + b] int64.

    Raises:
        ValueError: the window is not within `tokens`.
    """
    _require(sequence_length >= 1, f"window: sequence_length must be >= 1, got {sequence_length}")
    end = start + phase.window_length(sequence_length)
    fits = 0 <= start and end <= len(tokens)
    _require(fits, f"window: must lie within [0, {len(tokens)}), got [{start}, {end})")
    return _as_ids(tokens[start:end])


def pad_documents(documents: Iterable[Sequence[int] | Tensor], bag_size: int) -> tuple[Tensor, Tensor]:
    """Documents after each other, each padded to whole bags, so that no bag holds tokens of two.

    Args:
        documents: ids of each document, at least one per document.
        bag_size: a.

    Returns:
        ids: [T] int64; -1 is padding, at the end of a document.
        documents: [T] int64, the number of the document of each raw position, counted from 0.

    Windows that begin at a multiple of a keep documents apart: give both to `window` and the results to `fold` or
    `BagCollator`, which drops targets in another document than the last token of their bag.
    """
    _require(bag_size >= 1, f"pad_documents: bag_size must be >= 1, got {bag_size}")
    ids, numbers = [], []
    for number, document in enumerate(documents):
        tokens = _as_ids(document)
        _require(len(tokens) > 0, f"pad_documents: a document must hold a token, got none in document {number}")
        padded = torch.nn.functional.pad(tokens, (0, -len(tokens) % bag_size), value=PADDING)
        ids.append(padded)
        numbers.append(torch.full_like(padded, number))
    if not ids:
        return torch.empty(0, dtype=torch.int64), torch.empty(0, dtype=torch.int64)
    return torch.cat(ids), torch.cat(numbers)


class BagCollator:
    """Turns raw rows into a batch: the `collate_fn` of a data loader.

        collate = BagCollator(sequence_length=1024, phase=phases.phase_at(0))
        loader = DataLoader(rows, batch_size=B, collate_fn=collate)

    Each example holds one raw row of exactly a L + b ids: as it is, or as the value of `key` in a mapping. A row that
    is short is refused, also where there are a times more of them: rows of L ids, a times as many, would make each step
    a different one. At a switch, make a new collator and a new loader over longer rows: loaders whose workers are
    running do not see a change.

    Args:
        sequence_length: L, the same in every phase.
        phase: the phase of the steps (`Phases.phase_at`).
        key: where an example that is a mapping keeps its ids.
        documents_key: where it keeps the document numbers of its raw positions. Where examples have them, a target in
            another document than the last token of its bag does not count.
        ignore_index: of targets that do not count.

    Calling it returns a dict: `inputs` [B, L, a] int64 with -1 for padding, `targets` [B, L, b] int64. Raises
    ValueError on a row of another length.
    """

    def __init__(
        self,
        sequence_length: int,
        phase: Phase,
        *,
        key: str = "input_ids",
        documents_key: str = "documents",
        ignore_index: int = -100,
    ):
        _require(sequence_length >= 1, f"BagCollator: sequence_length must be >= 1, got {sequence_length}")
        self.sequence_length = sequence_length
        self.phase = phase
        self.key = key
        self.documents_key = documents_key
        self.ignore_index = ignore_index

    def _stack(self, examples: Sequence, of: Callable) -> Tensor:
        rows = [_as_ids(of(example)) for example in examples]
        a, b, length = self.phase.bag_size, self.phase.target_size, self.sequence_length
        expected = self.phase.window_length(length)
        for row in rows:
            rule = f"a raw row must hold a L + b = {a} * {length} + {b} = {expected} ids"
            _require(row.shape == (expected,), f"BagCollator: {rule}, got {list(row.shape)}")
        return torch.stack(rows)

    def __call__(self, examples: Sequence) -> dict[str, Tensor]:
        _require(len(examples) > 0, "BagCollator: a batch must hold a row, got none")
        is_mapping = isinstance(examples[0], Mapping)
        ids = self._stack(examples, lambda example: example[self.key] if is_mapping else example)
        documents = None
        if is_mapping and self.documents_key in examples[0]:
            documents = self._stack(examples, lambda example: example[self.documents_key])
        sizes = (self.phase.bag_size, self.phase.target_size)
        inputs, targets = fold(ids, *sizes, documents=documents, ignore_index=self.ignore_index)
        return {"inputs": inputs, "targets": targets}
