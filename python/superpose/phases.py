"""The phases of a run: from the `[[phases]]` of a recipe to ranges of steps with one bag and target size.

The rules and the messages are those of the program's recipes, so that one list means the same run in both.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields

__all__ = ["Phase", "PhaseConfig", "Phases", "make_slot_weights"]

OBJECTIVES = ("multi_hot", "set_sum")
BAG_ORDERS = ("contiguous", "shuffled")
HANDOVERS = ("all", "weights", "layers")
SLOT_WEIGHTINGS = ("uniform", "inverse", "exponential", "explicit")

# Guards floor() against a product such as 0.3 * 10 that rounds to just below a whole number.
_FLOOR_SLACK = 1e-9


def _require(condition: bool, message: str) -> None:
    if not condition:
        raise ValueError(message)


def make_slot_weights(weighting: str, target_size: int, numbers: Sequence[float] = ()) -> tuple[float, ...]:
    """The weights of the slots i = 1..target_size, normalised to sum 1.

    uniform: 1; inverse: 1 / i; exponential: e^-(i - 1); explicit: `numbers` as given (arXiv 2605.06546: g(i), published
    default 1).

    Raises ValueError where target_size < 1, or where `numbers` does not hold exactly target_size finite numbers >= 0
    with a positive sum (explicit) or is not empty (the others).
    """
    _require(
        weighting in SLOT_WEIGHTINGS, f"slot_weighting: must be one of {', '.join(SLOT_WEIGHTINGS)}, got {weighting}"
    )
    _require(target_size >= 1, f"target_size: must be >= 1, got {target_size}")
    if weighting == "explicit":
        fits = len(numbers) == target_size
        _require(fits, f"slot_weights: must hold target_size = {target_size} numbers, got {len(numbers)}")
        weights = [float(number) for number in numbers]
    else:
        rule = 'slot_weights: must be empty unless slot_weighting is "explicit"'
        _require(len(numbers) == 0, f"{rule}, got {len(numbers)} numbers")
        rules = {"uniform": lambda i: 1.0, "inverse": lambda i: 1.0 / (i + 1), "exponential": lambda i: math.exp(-i)}
        weights = [rules[weighting](i) for i in range(target_size)]
    for weight in weights:
        is_weight = math.isfinite(weight) and weight >= 0
        _require(is_weight, f"slot_weights: must be finite and >= 0, got {weight}")
    total = sum(weights)
    _require(math.isfinite(total) and total > 0, f"slot_weights: must have a positive sum, got {total}")
    return tuple(weight / total for weight in weights)


@dataclass(frozen=True)
class PhaseConfig:
    """One entry of `[[phases]]`, with the keys of the program's recipes.

    Attributes:
        share: length as a share of the run's steps, in [0, 1]; give this or `steps`.
        steps: length in optimizer steps, >= 0; give this or `share`.
        bag_size: a, tokens averaged into one input position; 1 = off.
        target_size: b, tokens predicted at each position; None: `bag_size`.
        slot_weighting: "uniform", "inverse", "exponential" or "explicit" (`make_slot_weights`).
        slot_weights: for "explicit": target_size numbers.
        weights: share of each source of the data in this phase; carried along, not used here.
        objective: "multi_hot", the cross-entropy of each target, or "set_sum", -log of the probability of a position's
            targets as a set; the latter has no slots to weigh.
        sequence_length, batch_positions: positions per row and per step in this phase, >= 1; None: those of the run.
        bag_order: "contiguous", or "shuffled": bags of tokens from all over a row.
        handover: what the next phase takes over: "all", "weights" (the optimizer starts afresh) or "layers" (embedding and
            head are drawn again).

    The last four are for the program or your own loop: carried along, not used here.
    """

    share: float | None = None
    steps: int | None = None
    bag_size: int = 1
    target_size: int | None = None
    slot_weighting: str = "uniform"
    slot_weights: Sequence[float] = ()
    weights: Mapping[str, float] = field(default_factory=dict)
    objective: str = "multi_hot"
    sequence_length: int | None = None
    batch_positions: int | None = None
    bag_order: str = "contiguous"
    handover: str = "all"

    @classmethod
    def from_mapping(cls, entry: Mapping) -> PhaseConfig:
        """From an entry of a parsed recipe. Raises ValueError on a key that is not known."""
        known = [f.name for f in fields(cls)]
        for key in entry:
            _require(key in known, f"{key}: unknown key; known: {', '.join(known)}")
        return cls(**entry)

    def validate(self) -> None:
        """Raises ValueError "<key>: rule, got value"."""
        _require(self.share is None or self.steps is None, "share: give share or steps, got both")
        _require(self.share is not None or self.steps is not None, "share: give share or steps, got neither")
        _require(self.share is None or 0 <= self.share <= 1, f"share: must be in [0, 1], got {self.share}")
        sizes = ("bag_size", "target_size", "sequence_length", "batch_positions")
        for key, least in (("steps", 0), *((size, 1) for size in sizes)):
            value = getattr(self, key)
            if value is None:
                continue
            is_whole = isinstance(value, int) and not isinstance(value, bool)
            _require(is_whole, f"{key}: must be a whole number, got {value!r}")
            _require(value >= least, f"{key}: must be >= {least}, got {value}")
        for key, names in (("objective", OBJECTIVES), ("bag_order", BAG_ORDERS), ("handover", HANDOVERS)):
            value = getattr(self, key)
            _require(value in names, f"{key}: must be one of {', '.join(names)}, got {value}")
        if self.objective != "multi_hot":
            of = f'with objective "{self.objective}", which has no terms of slots'
            count = len(self.slot_weights)
            _require(count == 0, f"slot_weights: must be empty {of}, got {count} numbers")
            uniform = self.slot_weighting == "uniform"
            _require(uniform, f'slot_weighting: must be "uniform" {of}, got "{self.slot_weighting}"')
        self.make_slot_weights()

    def make_slot_weights(self) -> tuple[float, ...]:
        """[target_size], sum 1."""
        target_size = self.bag_size if self.target_size is None else self.target_size
        return make_slot_weights(self.slot_weighting, target_size, self.slot_weights)


@dataclass(frozen=True)
class Phase:
    """A range of steps with one bag size and one target size. Both are 1 in next-token prediction.

    Attributes:
        first_step, num_steps: the range [first_step, first_step + num_steps).
        bag_size: a.
        target_size: b.
        slot_weights: [b], sum 1; all equal where the objective has no slots.
        weights: shares of the data's sources by name; empty: as everywhere else.
        objective: "multi_hot" or "set_sum".
        sequence_length, batch_positions, bag_order, handover: as `PhaseConfig` has them.
    """

    first_step: int
    num_steps: int
    bag_size: int = 1
    target_size: int = 1
    slot_weights: tuple[float, ...] = (1.0,)
    weights: Mapping[str, float] = field(default_factory=dict)
    objective: str = "multi_hot"
    sequence_length: int | None = None
    batch_positions: int | None = None
    bag_order: str = "contiguous"
    handover: str = "all"

    @property
    def end_step(self) -> int:
        return self.first_step + self.num_steps

    @property
    def is_ntp(self) -> bool:
        """Whether this is ordinary next-token prediction."""
        return self.bag_size == 1 and self.target_size == 1

    def window_length(self, sequence_length: int) -> int:
        """Raw ids that a row of L positions looks at: a L + b."""
        return self.bag_size * sequence_length + self.target_size

    def advance(self, sequence_length: int) -> int:
        """Raw ids from one row of L positions to the next: a L. The b after it are read again."""
        return self.bag_size * sequence_length


class Phases(Sequence[Phase]):
    """The phases of a run of `total_steps`, in order and without a gap.

    They are those of the list, then next-token prediction for whatever is left. Entry k of the list ends at

        floor(steps of entries <= k + total_steps * shares of entries <= k + 1e-9)

    so shares that add up to 1 fill the run, and one alone is floor(share * total_steps). Phases of length zero are
    dropped. Compute them once the number of steps is final.

        phases = Phases([{"share": 0.3, "bag_size": 6}], total_steps=20_000)
        phase = phases.phase_at(step)

    Args:
        configs: entries, as `PhaseConfig` or as the mappings of a parsed recipe (`recipe["phases"]`).
        total_steps: N, optimizer steps of the whole run, >= 1.

    Raises:
        ValueError: an entry is invalid ("phases[1].share: ..."), or the list is longer than the run.
    """

    def __init__(self, configs: Iterable[PhaseConfig | Mapping], total_steps: int):
        _require(total_steps >= 1, f"train.steps: must be >= 1, got {total_steps}")
        self._phases: list[Phase] = []
        steps_so_far, share_so_far, first = 0, 0.0, 0
        for i, entry in enumerate(configs):
            try:
                config = entry if isinstance(entry, PhaseConfig) else PhaseConfig.from_mapping(entry)
                config.validate()
            except ValueError as error:
                raise ValueError(f"phases[{i}].{error}") from None
            steps_so_far += config.steps or 0
            share_so_far += config.share or 0.0
            end = math.floor(steps_so_far + share_so_far * total_steps + _FLOOR_SLACK)
            rule = f"the phases up to here take {end} steps, more than train.steps = {total_steps}"
            _require(end <= total_steps, f"phases[{i}]: {rule}")
            slot_weights = config.make_slot_weights()
            if end > first:
                sizes = (config.bag_size, len(slot_weights))
                settings = (slot_weights, dict(config.weights), config.objective)
                own = (config.sequence_length, config.batch_positions, config.bag_order, config.handover)
                self._phases.append(Phase(first, end - first, *sizes, *settings, *own))
            first = end
        if total_steps > first:
            self._phases.append(Phase(first, total_steps - first))

    def __len__(self) -> int:
        return len(self._phases)

    def __getitem__(self, index):
        return self._phases[index]

    def __iter__(self) -> Iterator[Phase]:
        return iter(self._phases)

    def __repr__(self) -> str:
        ranges = (f"[{p.first_step}, {p.end_step}) a={p.bag_size} b={p.target_size}" for p in self)
        return f"Phases({', '.join(ranges)})"

    @property
    def total_steps(self) -> int:
        return self._phases[-1].end_step

    @property
    def switch_steps(self) -> list[int]:
        """The first step of every phase but the first: where data, bag and target size change."""
        return [phase.first_step for phase in self._phases[1:]]

    def phase_index_at(self, step: int) -> int:
        """Index of the phase that holds a step, counted from 0. Raises ValueError unless 0 <= step < total steps."""
        fits = 0 <= step < self.total_steps
        _require(fits, f"phases: step must be in [0, {self.total_steps}), got {step}")
        return bisect_right([phase.end_step for phase in self._phases], step)

    def phase_at(self, step: int) -> Phase:
        """The phase that holds a step, counted from 0. Raises ValueError unless 0 <= step < total steps."""
        return self._phases[self.phase_index_at(step)]

    def raw_tokens_before(self, end_step: int, positions_per_step: int) -> int:
        """Raw tokens that steps [0, end_step) read: bag_size for each position of a step.

        With `positions_per_step` = L this is where the row of step `end_step` begins in its lane.
        """
        steps = ((min(max(end_step - p.first_step, 0), p.num_steps), p.bag_size) for p in self)
        return sum(count * bag_size for count, bag_size in steps) * positions_per_step
