"""Is this port of token superposition right? Checks of any trainer, which name the first thing that is wrong.

    superpose.check(embed_fn, loss_fn, make_batch, vocab_size=50257)

raises `CheckError` with the first failure, or returns a `Report`, whose `str` is a table. From a shell:
`python -m superpose.check MODULE:OBJECT`.

Ports of the method go wrong silently: labels flattened into one-hot rows, so that the loss starts at ln V / s; labels
that are not bagged; a next token that weighs nothing; rows that are not longer; counts of labels that are wrong for
bags under accumulation. The loss falls in all of these.

This is a package, not a module, so that `superpose.check` can be the function and `python -m superpose.check` the
command (`__main__.py`), and no module is loaded twice.

Legend: B rows of a batch, L positions, D width, V vocabulary rows, a tokens of a bag, b targets of a position, s both.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import torch
from torch import Tensor

__all__ = ["CheckError", "Report", "Result", "check"]

Batch = tuple[Tensor, Tensor]

# Relative differences of a loss, or of gradients, that rounding explains, by the type that the model computes in.
_TOLERANCES = {torch.float64: 1e-9, torch.float32: 1e-4, torch.bfloat16: 3e-2, torch.float16: 5e-3}
_MOST_CANDIDATES = 16


@dataclass(frozen=True)
class Result:
    """What one check found: its name, whether it passed, and one line that says what was seen."""

    name: str
    status: Literal["passed", "failed", "not checked"]
    detail: str


class Report(list[Result]):
    """The results of all checks, in order."""

    @property
    def first_failure(self) -> Result | None:
        """The first check that failed; None where none did."""
        return next((result for result in self if result.status == "failed"), None)

    def __str__(self) -> str:
        return "\n".join(f"{result.status:11}  {result.name:15}  {result.detail}" for result in self)


class CheckError(AssertionError):
    """A check failed. `report` holds all results."""

    def __init__(self, report: Report):
        self.report = report
        failure = report.first_failure
        super().__init__(f"superpose.check: {failure.name}: {failure.detail}" if failure else "superpose.check")


class _Failed(Exception):
    pass


class _NotChecked(Exception):
    pass


def _need(**hooks: Any) -> None:
    missing = [name for name, value in hooks.items() if value is None]
    if missing:
        raise _NotChecked("needs " + " and ".join(missing))


def _fail_unless(condition: bool, text: str) -> None:
    if not condition:
        raise _Failed(text)


@dataclass
class _Checks:
    """The checks, as methods: each returns a line for `passed`, or raises `_Failed` or `_NotChecked` with one."""

    embed_fn: Callable[[Tensor], Tensor]
    loss_fn: Callable[[Tensor, Tensor], Tensor]
    make_batch: Callable[[int], Batch]
    vocab_size: int | None
    bag_size: int
    slot_weights: Sequence[float] | None
    ignore_index: int
    fresh: bool
    parameters: list[Tensor] | None
    plain_loss_fn: Callable[[Tensor, Tensor], Tensor] | None
    accumulate_fn: Callable[[list[Batch]], Any] | None
    evaluate_fn: Callable[[Tensor, Tensor], Any] | None
    optimizer: torch.optim.Optimizer | None
    switch_fn: Callable[[], torch.optim.Optimizer] | None
    decode: Callable[[list[int]], str] | None
    tolerance: float | None
    inputs: Tensor = field(init=False)
    targets: Tensor = field(init=False)

    # Evaluation of what was passed.

    def _loss(self, inputs: Tensor, targets: Tensor) -> float:
        with torch.no_grad():
            return float(self.loss_fn(self.embed_fn(inputs), targets))

    def _gradients(self, loss: Any) -> list[Tensor | None]:
        for parameter in self.parameters:
            parameter.grad = None
        if loss is not None:
            loss.backward()
        return self._taken_gradients()

    def _taken_gradients(self) -> list[Tensor | None]:
        gradients = [None if p.grad is None else p.grad.detach().clone() for p in self.parameters]
        for parameter in self.parameters:
            parameter.grad = None
        return gradients

    def _allowed(self, loss: float) -> float:
        return self.tolerance * max(1.0, abs(loss))

    def _difference(self, ours: list[Tensor | None], theirs: list[Tensor | None]) -> float:
        """Norm of the difference of two lists of gradients, as a share of the norm of the second."""
        total = norm = 0.0
        for x, y in zip(ours, theirs):
            if x is None and y is None:
                continue
            zero = torch.zeros_like(x if y is None else y, dtype=torch.float64)
            x, y = (zero if g is None else g.double() for g in (x, y))
            total, norm = total + (x - y).square().sum().item(), norm + y.square().sum().item()
        return math.sqrt(total / norm) if norm else math.sqrt(total)

    def _words(self, ids: Tensor) -> str:
        numbers = [int(i) for i in ids.flatten() if i >= 0]
        return repr(self.decode(numbers)) if self.decode else str(numbers)

    def _candidates(self) -> list[int]:
        ids = self.targets[self.targets != self.ignore_index].unique()
        return [int(i) for i in ids[:: max(1, len(ids) // _MOST_CANDIDATES)][:_MOST_CANDIDATES]]

    def _constant(self, ids: Sequence[int]) -> Tensor:
        """Targets that are the same at all positions: ids[i] in slot i."""
        row = torch.tensor(ids, dtype=self.targets.dtype, device=self.targets.device)
        return row.expand(*self.targets.shape[:-1], len(ids)).clone()

    def _two_tokens(self) -> tuple[int, int, float, float]:
        """Two ids whose losses, as the only target of every position, differ the most, and these losses."""
        losses = {i: self._loss(self.inputs, self._constant([i])) for i in self._candidates()}
        low, high = min(losses, key=losses.get), max(losses, key=losses.get)
        if losses[high] - losses[low] < 100 * torch.finfo(torch.float32).eps * max(1.0, abs(losses[high])):
            raise _NotChecked("needs a head whose weights are not all zero: give it some, or train a little")
        return low, high, losses[low], losses[high]

    # The checks, in their order.

    def repeatable(self) -> str:
        self.inputs, self.targets = self.make_batch(self.bag_size)
        first, second = (self._loss(self.inputs, self.targets) for _ in range(2))
        text = f"the loss of one batch, twice: {first:.6g} and {second:.6g}"
        _fail_unless(math.isfinite(first), f"the loss must be finite, got {first}")
        _fail_unless(abs(first - second) <= self._allowed(first), f"{text}; they must be equal: switch dropout off")
        return text

    def rows(self) -> str:
        s = self.bag_size
        plain, _ = self.make_batch(1)
        expected = [*plain.shape[:2], s]
        got = list(self.inputs.shape)
        _fail_unless(
            self.inputs.dim() == 3 and plain.dim() == 3 and plain.shape[2] == 1,
            f"make_batch(s) must give inputs [B, L, s], got {list(plain.shape)} for 1 and {got} for {s}",
        )
        _fail_unless(got[2] == s, f"bags must hold {s} tokens, got inputs {got}")
        _fail_unless(
            got[0] == expected[0],
            f"a step must have {expected[0]} rows with bags as without, got {got[0]}: make raw rows {s} times longer, "
            "not more of them",
        )
        _fail_unless(
            got[1] == expected[1],
            f"rows must have {expected[1]} positions with bags as without, got {got[1]}: read raw windows that are "
            f"{s} times longer",
        )
        width = list(self.embed_fn(self.inputs).shape)
        _fail_unless(
            len(width) == 3 and width[:2] == got[:2], f"embed_fn must give [B, L, D] for inputs {got}, got {width}"
        )
        return f"{got[0]} rows of {got[1]} positions with bags of 1 and of {s}: {got[1]} and {got[1] * s} raw tokens"

    def initial_loss(self) -> str:
        if not self.fresh:
            raise _NotChecked("needs a model that has not been trained (fresh = True)")
        _need(vocab_size=self.vocab_size)
        natural = math.log(self.vocab_size)
        loss = self._loss(self.inputs, self.targets)
        text = f"{loss:.4f}, ln V = {natural:.4f}"
        got = f"must be near ln V = {natural:.4f}, got {loss:.4f}"
        share = f"= ln V / {natural / loss:.2f}" if loss > 0 else ""
        flat = "labels are flattened, or divided by s twice; take the mean of the s cross-entropies"
        _fail_unless(loss >= 0.9 * natural, f"{got} {share}: {flat}")
        large = "take the mean of the s cross-entropies, not their sum; or the initial logits are large"
        _fail_unless(loss <= 1.5 * natural, f"{got} = {loss / natural:.2f} ln V: {large}")
        return text

    def plain(self) -> str:
        _need(plain_loss_fn=self.plain_loss_fn, parameters=self.parameters)
        inputs, targets = self.make_batch(1)
        ours = self.loss_fn(self.embed_fn(inputs), targets)
        our_gradients = self._gradients(ours)
        theirs = self.plain_loss_fn(inputs[..., 0], targets[..., 0])
        their_gradients = self._gradients(theirs)
        ours, theirs = float(ours.detach()), float(theirs.detach())
        text = f"loss {ours:.6g}, the trainer's own {theirs:.6g}"
        _fail_unless(abs(ours - theirs) <= self._allowed(theirs), f"must be equal for bags of 1, got {text}")
        difference = self._difference(our_gradients, their_gradients)
        _fail_unless(
            difference <= self.tolerance,
            f"gradients must be equal for bags of 1, got a difference of {difference:.2g} of their norm ({text})",
        )
        return f"{text}; gradients differ by {difference:.1g} of their norm"

    def alignment(self) -> str:
        inputs, targets = self.inputs, self.targets
        s, shape = self.bag_size, list(targets.shape)
        bagged = targets.dim() == 3 and shape[:2] == list(inputs.shape[:2])
        wanted = [*inputs.shape[:2], s]
        _fail_unless(bagged, f"make_batch must give targets {wanted}, got {shape}: labels are not bagged")
        _fail_unless(shape[2] == s, f"a position must have {s} targets, got {shape}: labels are not bagged")
        raw = inputs.flatten(1)
        expected = inputs[:, 1:]
        counts = (targets[:, :-1] != self.ignore_index) & (expected >= 0)
        _fail_unless(bool(counts.any()), "a bag must have targets that count, got none")
        wrong = ((targets[:, :-1] != expected) & counts).nonzero()
        if len(wrong):
            row, bag = int(wrong[0, 0]), int(wrong[0, 1])
            reads, wants, got = (self._words(x[row, bag]) for x in (inputs, expected, targets))
            shifted = [
                shift
                for shift in range(s)
                if raw.shape[1] >= (inputs.shape[1] - 2) * s + shift + s and self._is_shifted(raw, targets, shift)
            ]
            why = f"; labels are shifted by {shifted[0]} tokens from the bag, must be by {s}" if shifted else ""
            raise _Failed(f"bag {bag} of row {row} reads {reads} and must predict {wants}, got {got}{why}")
        row, bag = (int(i) for i in counts.all(-1).nonzero()[0]) if counts.all(-1).any() else (0, 0)
        return (
            f"bag {bag} of row {row} reads {self._words(inputs[row, bag])}, predicts {self._words(targets[row, bag])}"
        )

    def _is_shifted(self, raw: Tensor, targets: Tensor, shift: int) -> bool:
        """Whether targets are the raw tokens `shift` after the first one of their own bag."""
        s, bags = self.bag_size, targets.shape[1] - 2
        if bags < 1:
            return False
        moved = raw[:, shift : shift + bags * s].unflatten(1, (bags, s))
        counts = (targets[:, :bags] != self.ignore_index) & (moved >= 0)
        return bool(counts.any()) and bool(((targets[:, :bags] == moved) | ~counts).all())

    def mean(self) -> str:
        one = self.inputs[..., :1].clamp_min(0)
        with torch.no_grad():
            token, bag = self.embed_fn(one).double(), self.embed_fn(one.expand_as(self.inputs).contiguous()).double()
            two = self.inputs.clamp_min(0)[:, :, [0, -1]]
            mixed = self.embed_fn(torch.cat([one.expand(*one.shape[:2], self.bag_size - 1), two[..., 1:]], -1)).double()
            last = self.embed_fn(two[..., 1:].contiguous()).double()
        scale = token.norm().item() or 1.0
        ratio = bag.norm().item() / scale
        _fail_unless(
            (bag - token).norm().item() <= self.tolerance * scale,
            f"a bag of {self.bag_size} equal tokens must read like the token, got {ratio:.3g} x its norm: take means",
        )
        s = self.bag_size
        difference = (mixed - (token * (s - 1) + last) / s).norm().item() / scale
        _fail_unless(
            difference <= self.tolerance,
            f"a token that is in a bag {s - 1} times must count {s - 1} times, got a difference of {difference:.2g}",
        )
        return f"a bag of {s} equal tokens reads like the token; repeated tokens count"

    def permutation(self) -> str:
        with torch.no_grad():
            ordered, flipped = (self.embed_fn(ids).double() for ids in (self.inputs, self.inputs.flip(-1)))
        difference = (ordered - flipped).norm().item() / (ordered.norm().item() or 1.0)
        text = f"embeddings of bags in another order differ by {difference:.1g} of their norm"
        _fail_unless(difference <= self.tolerance, f"a bag must read the same in any order, got: {text}")
        if self.slot_weights is not None and len(set(self.slot_weights)) > 1:
            return f"{text} (targets have weights of their own)"
        if bool((self.targets == self.ignore_index).any()):
            return f"{text} (some targets do not count, so their order was left)"
        loss, changed = self._loss(self.inputs, self.targets), self._loss(self.inputs, self.targets.flip(-1))
        text = f"{text}; loss {loss:.6g}, with targets in another order {changed:.6g}"
        _fail_unless(
            abs(loss - changed) <= self._allowed(loss), f"must not depend on the order of targets, got: {text}"
        )
        return text

    def causality(self) -> str:
        length = self.inputs.shape[1]
        _fail_unless(length >= 2, f"make_batch must give rows of two positions or more, got {length}")
        middle = length // 2
        changed = self.inputs.clone()
        changed[:, middle:] = self.inputs[:, : length - middle]
        with torch.no_grad():
            before, after = self.embed_fn(self.inputs), self.embed_fn(changed)
        moved = (before[:, :middle] - after[:, :middle]).abs().max().item()
        _fail_unless(moved == 0, f"the embedding of a bag must not change with later bags, got a change of {moved:.2g}")
        embeddings = before.detach().requires_grad_()
        targets = self.targets.clone()
        targets[:, middle:] = self.ignore_index
        loss = self.loss_fn(embeddings, targets)
        (gradient,) = torch.autograd.grad(loss, embeddings)
        strength = gradient.flatten(2).norm(dim=-1).amax(0)  # of each position
        if not strength.any():
            raise _NotChecked("needs a head whose weights are not all zero: give it some, or train a little")
        seen = strength[middle:].nonzero().flatten() + middle
        _fail_unless(
            not len(seen),
            f"losses of positions before {middle} must not depend on bag {int(seen[0]) if len(seen) else 0}, but do: "
            f"a position sees its own targets",
        )
        return f"losses of positions 0 to {middle - 1} depend on none of bags {middle} to {length - 1}"

    def _weights(self) -> list[float]:
        weights = [1.0] * self.bag_size if self.slot_weights is None else [float(w) for w in self.slot_weights]
        return [w / sum(weights) for w in weights]

    def _measured_weights(self) -> tuple[list[float], float]:
        """Weight of each slot, from the loss with two different tokens in it; and how far off rounding may be.

        The other slots hold tokens of their own, so that repeated labels play no part.
        """
        s = self.bag_size
        low, high, low_loss, high_loss = self._two_tokens()
        others = [i for i in self._candidates() if i not in (low, high)] or [low]
        measured = []
        for slot in range(s):
            ids = [others[i % len(others)] for i in range(s)]
            with_low, with_high = ([x if i == slot else ids[i] for i in range(s)] for x in (low, high))
            difference = self._loss(self.inputs, self._constant(with_high))
            difference -= self._loss(self.inputs, self._constant(with_low))
            measured.append(difference / (high_loss - low_loss))
        noise = 16 * torch.finfo(torch.float32).eps * max(1.0, abs(high_loss)) / (high_loss - low_loss)
        return measured, max(noise, 0.02 / s)

    def slot_1(self) -> str:
        measured, expected = self._measured_weights()[0][0], self._weights()[0]
        text = f"the next token weighs {measured:.4f}, must weigh {expected:.4f}"
        _fail_unless(expected == 0 or measured > expected / 4, text)
        return text

    def slots(self) -> str:
        (measured, allowed), expected = self._measured_weights(), self._weights()
        numbers = [", ".join(f"{w + 0.0:.4f}" for w in weights) for weights in (measured, expected)]
        off = [i for i, (x, y) in enumerate(zip(measured, expected)) if abs(x - y) > allowed]
        why = ": only the next token counts, so labels are not bagged" if measured[0] > 0.99 > expected[0] else ""
        _fail_unless(not off, f"weights of the slots must be {numbers[1]}, got {numbers[0]}{why}")
        return f"weights of the slots {numbers[0]}"

    def repeated_labels(self) -> str:
        s = self.bag_size
        low, high, low_loss, high_loss = self._two_tokens()
        whole = self._loss(self.inputs, self._constant([high] * s))
        text = f"a token {s} times in a bag must cost what it costs alone, {high_loss:.6g}, got {whole:.6g}"
        _fail_unless(abs(whole - high_loss) <= self._allowed(high_loss), text)
        mixed = self._loss(self.inputs, self._constant([low] + [high] * (s - 1)))
        share, expected = (mixed - low_loss) / (high_loss - low_loss), 1 - self._weights()[0]
        text = f"a token {s - 1} times in a bag must weigh {expected:.3f}, got {share:.3f}: repeats are counted once"
        _fail_unless(abs(share - expected) <= 2 * self._measured_weights()[1], text)
        return (
            f"a token {s} times in a bag costs {whole:.6g}, alone {high_loss:.6g}; {s - 1} times it weighs {share:.3f}"
        )

    def accumulation(self) -> str:
        _need(accumulate_fn=self.accumulate_fn, parameters=self.parameters)
        first, second = (self.inputs, self.targets), self.make_batch(self.bag_size)
        # The second micro-batch has fewer targets, and fewer in its last slot than in its first.
        fewer = second[1].clone()
        fewer[:, fewer.shape[1] // 3 :] = self.ignore_index
        fewer[:, 0, -1] = self.ignore_index
        parts = [first, (second[0], fewer)]
        whole = self.loss_fn(self.embed_fn(torch.cat([p[0] for p in parts])), torch.cat([p[1] for p in parts]))
        our_gradients = self._gradients(whole)
        theirs, whole = float(self.accumulate_fn(parts)), float(whole.detach())
        difference = self._difference(self._taken_gradients(), our_gradients)
        text = f"loss of the whole step {whole:.6g}, of its two micro-batches {theirs:.6g}"
        how = "divide by the valid targets of each slot over the whole step"
        _fail_unless(abs(whole - theirs) <= self._allowed(theirs), f"must be equal, got {text}: {how}")
        _fail_unless(
            difference <= self.tolerance,
            f"gradients must be those of the whole step, got a difference of {difference:.2g} of their norm: {how}",
        )
        return f"{text}; gradients differ by {difference:.1g} of their norm"

    def evaluation(self) -> str:
        _need(evaluate_fn=self.evaluate_fn)
        inputs, targets = self.make_batch(1)
        with torch.no_grad():
            theirs = float(self.evaluate_fn(inputs[..., 0], targets[..., 0]))
        ours = self._loss(inputs, targets)
        text = f"the trainer's evaluation {theirs:.6g}, next-token loss of the same tokens {ours:.6g}"
        _fail_unless(abs(ours - theirs) <= self._allowed(ours), f"must be equal, got {text}: evaluate with bagging off")
        return text

    def switch(self) -> str:
        _need(optimizer=self.optimizer, switch_fn=self.switch_fn)
        before = [p for group in self.optimizer.param_groups for p in group["params"]]
        kept, kept_state = [p.detach().clone() for p in before], copy.deepcopy(self.optimizer.state_dict())
        for p in before:
            p.grad = None
        self.loss_fn(self.embed_fn(self.inputs), self.targets).backward()
        self.optimizer.step()
        weights, state = [p.detach().clone() for p in before], [_state_of(self.optimizer, p) for p in before]
        numbers = sum(tensor.numel() for entry in state for tensor in entry.values())
        try:
            after_switch = self.switch_fn()
            after = [p for group in after_switch.param_groups for p in group["params"]]
            count = f"the optimizer must keep its {len(before)} weights, got {len(after)}"
            _fail_unless(len(after) == len(before), count)
            if not numbers:
                raise _NotChecked("needs an optimizer that has a state after a step")
            for index, (parameter, entry) in enumerate(zip(after, state)):
                same = torch.equal(parameter, weights[index])
                _fail_unless(same, f"weights must stay what they are at the switch, but number {index} does not")
                now = _state_of(after_switch, parameter)
                for name, tensor in entry.items():
                    carried = name in now and torch.equal(now[name], tensor)
                    got = "none" if name not in now else "another"
                    text = f"the optimizer must keep its {name} at the switch, got {got}: carry its state over"
                    _fail_unless(carried, text)
        finally:
            with torch.no_grad():
                for parameter, value in zip(before, kept):
                    parameter.copy_(value)
                    parameter.grad = None
            self.optimizer.load_state_dict(kept_state)
        return f"{numbers} numbers of the optimizer's state and all weights are the same after the switch"


def _state_of(optimizer: torch.optim.Optimizer, parameter: Tensor) -> dict[str, Tensor]:
    return {name: torch.as_tensor(value).clone() for name, value in optimizer.state.get(parameter, {}).items()}


# In the order in which they are made. What a later one needs, an earlier one has shown.
_ORDER = {
    "repeatable": _Checks.repeatable,
    "rows": _Checks.rows,
    "alignment": _Checks.alignment,
    "initial loss": _Checks.initial_loss,
    "s = 1": _Checks.plain,
    "slot 1": _Checks.slot_1,
    "slots": _Checks.slots,
    "repeated labels": _Checks.repeated_labels,
    "causality": _Checks.causality,
    "mean": _Checks.mean,
    "permutation": _Checks.permutation,
    "accumulation": _Checks.accumulation,
    "evaluation": _Checks.evaluation,
    "switch": _Checks.switch,
}


def check(
    embed_fn: Callable[[Tensor], Tensor],
    loss_fn: Callable[[Tensor, Tensor], Tensor],
    make_batch: Callable[[int], Batch],
    *,
    vocab_size: int | None = None,
    bag_size: int = 4,
    slot_weights: Sequence[float] | None = None,
    ignore_index: int = -100,
    fresh: bool = True,
    parameters: Iterable[Tensor] | None = None,
    plain_loss_fn: Callable[[Tensor, Tensor], Tensor] | None = None,
    accumulate_fn: Callable[[list[Batch]], Any] | None = None,
    evaluate_fn: Callable[[Tensor, Tensor], Any] | None = None,
    optimizer: torch.optim.Optimizer | None = None,
    switch_fn: Callable[[], torch.optim.Optimizer] | None = None,
    decode: Callable[[list[int]], str] | None = None,
    tolerance: float | None = None,
    raises: bool = True,
) -> Report:
    """Checks a trainer's port of token superposition; names the first thing that is wrong.

    Pass the trainer's own functions, on a small model with its initial weights, without dropout and without auxiliary
    losses (such as the load balancing of experts). Losses are in nats, ids are int64.

    Args:
        embed_fn: inputs [B, L, a], -1 is padding -> what the decoder reads [B, L, D].
        loss_fn: embeddings [B, L, D], targets [B, L, b] -> scalar loss of decoder, head and bags, differentiable. Works
            for b = 1 too. Targets of `ignore_index` do not count.
        make_batch: s -> (inputs [B, L, s], targets [B, L, s]) of the trainer's own data, for bags of s; called with
            `bag_size` and 1. L >= 3, better 8 or more.
        vocab_size: V without rows of padding. For: initial loss.
        bag_size: s to check with, >= 2; repeated labels are seen from 3 on.
        slot_weights: [s]; None: all equal.
        ignore_index: target that does not count.
        fresh: the model has its initial weights. For: initial loss.
        parameters: of the model. For: s = 1, accumulation. Their gradients are cleared.
        plain_loss_fn: inputs [B, L], targets [B, L] -> the loss that the trainer had before. For: s = 1.
        accumulate_fn: list of micro-batches as of make_batch -> loss of the step; runs forward and backward as the
            trainer does under accumulation, and leaves the gradients in the parameters. For: accumulation.
        evaluate_fn: inputs [B, L], targets [B, L] -> mean validation loss, with the trainer in its superposed phase.
            For: evaluation.
        optimizer, switch_fn: the optimizer of the superposed phase; a function that makes the trainer's switch and
            returns the optimizer of the next phase. A step is taken first; weights and state of `optimizer` are put
            back afterwards. For: switch.
        decode: list of ids -> text, for the line that shows a bag. None: ids.
        tolerance: relative difference that counts as rounding; None: by the type that `embed_fn` gives.
        raises: raise `CheckError` where a check fails.

    Returns:
        `Report`, a list of `Result`; a check that cannot be made says "not checked: needs ...". A check that raises has
        failed, and its line is the error.

    Raises:
        CheckError: a check failed (`raises` = True).
        ValueError: bag_size < 2, or slot_weights of another length.

    Source: arXiv 2605.06546; the checks are consequences of its section 3.
    """
    if bag_size < 2:
        raise ValueError(f"superpose.check: bag_size must be >= 2, got {bag_size}")
    if slot_weights is not None and len(slot_weights) != bag_size:
        raise ValueError(f"superpose.check: slot_weights must hold {bag_size} numbers, got {len(slot_weights)}")
    checks = _Checks(
        embed_fn,
        loss_fn,
        make_batch,
        vocab_size,
        bag_size,
        slot_weights,
        ignore_index,
        fresh,
        None if parameters is None else [p for p in parameters if p.requires_grad],
        plain_loss_fn,
        accumulate_fn,
        evaluate_fn,
        optimizer,
        switch_fn,
        decode,
        tolerance,
    )
    report = Report()
    for name, method in _ORDER.items():
        report.append(_run(name, method, checks))
        if name in ("repeatable", "rows", "alignment") and report[-1].status == "failed":
            text = f"needs {name} to pass"
            report.extend(Result(later, "not checked", text) for later in list(_ORDER)[len(report) :])
            break
    if raises and report.first_failure:
        raise CheckError(report)
    return report


def _run(name: str, method: Callable[[_Checks], str], checks: _Checks) -> Result:
    try:
        if checks.tolerance is None:
            with torch.no_grad():
                dtype = checks.embed_fn(checks.make_batch(1)[0]).dtype
            checks.tolerance = _TOLERANCES.get(dtype, _TOLERANCES[torch.float32])
        return Result(name, "passed", method(checks))
    except _Failed as error:
        return Result(name, "failed", str(error))
    except _NotChecked as error:
        return Result(name, "not checked", str(error))
    except Exception as error:  # of the trainer's functions: what it says is the finding
        first = (str(error).strip() or "no message").splitlines()[0]
        return Result(name, "failed", f"{type(error).__name__}: {first}")
