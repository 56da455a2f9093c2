"""superpose.check: a right port passes, and each planted bug is named by the check that is there for it."""

import math
import os
import pathlib
import re
import subprocess
import sys
import textwrap

import pytest
import torch
from torch import nn
from torch.nn import functional

import superpose
from superpose.check import CheckError, Report
from superpose.check.__main__ import main

V, D, ROWS, LENGTH, S = 61, 16, 3, 8, 4


class Trainer:
    """A tiny language model with everything that the checks ask for, right; bugs override a method."""

    def __init__(self):
        torch.manual_seed(0)
        self.tokens = nn.Embedding(V, D)
        self.mix = nn.Linear(D, D, bias=False)
        self.head = nn.Linear(D, V, bias=False)
        for weight in self.parameters():
            nn.init.normal_(weight, std=0.2)
        self.optimizer = torch.optim.AdamW(self.parameters(), lr=0.01)
        self.text = torch.randint(0, V, (4096,), generator=torch.Generator().manual_seed(1))

    def parameters(self):
        return [p for module in (self.tokens, self.mix, self.head) for p in module.parameters()]

    def rows(self, s):
        return ROWS, LENGTH

    def batch(self, s):
        rows, length = self.rows(s)
        width = s * length + s
        return superpose.fold(self.text[: rows * width].view(rows, width), s)

    def embed(self, inputs):
        return superpose.bag_embedding(self.tokens.weight, inputs)

    def decoder(self, x):
        past = x.cumsum(1) / torch.arange(1, x.shape[1] + 1)[:, None]
        return x + torch.tanh(self.mix(past))

    def logits(self, x):
        return self.head(self.decoder(x))

    def loss(self, x, targets):
        hidden = self.decoder(x).flatten(0, 1)
        return superpose.multi_hot_linear_cross_entropy(hidden, self.head.weight, targets.flatten(0, 1))[0]

    def plain_loss(self, inputs, targets):
        return functional.cross_entropy(self.logits(self.tokens(inputs)).flatten(0, 1), targets.flatten())

    def accumulate(self, parts):
        counts = sum(superpose.count_targets(targets) for _, targets in parts)
        total = 0.0
        for inputs, targets in parts:
            loss, _ = superpose.multi_hot_linear_cross_entropy(
                self.decoder(self.embed(inputs)).flatten(0, 1), self.head.weight, targets.flatten(0, 1), counts=counts
            )
            loss.backward()
            total += loss.item()
        return total

    def evaluate(self, inputs, targets):
        return self.plain_loss(inputs, targets)

    def switch(self):
        return self.optimizer

    def arguments(self):
        return dict(
            embed_fn=self.embed,
            loss_fn=self.loss,
            make_batch=self.batch,
            vocab_size=V,
            bag_size=S,
            parameters=self.parameters(),
            plain_loss_fn=self.plain_loss,
            accumulate_fn=self.accumulate,
            evaluate_fn=self.evaluate,
            optimizer=self.optimizer,
            switch_fn=self.switch,
        )


def slots(logits, targets):
    """Cross-entropy of each slot: [b]."""
    return torch.stack([functional.cross_entropy(logits.flatten(0, 1), t.flatten()) for t in targets.unbind(-1)])


# Planted bugs: (check that must name it, what its line must say). The first three are those of known ports.


class FlattenedOneHot(Trainer):
    """Labels of a bag are flattened into a one-hot row that sums to 1 / s: the loss starts at ln V / s."""

    def loss(self, x, targets):
        hot = functional.one_hot(targets[..., 0].clamp_min(0).flatten(), V).float() / targets.shape[-1]
        return functional.cross_entropy(self.logits(x).flatten(0, 1), hot)


class LabelsNotBagged(Trainer):
    """The loader's labels are those of the next token, and an exception elsewhere hides that."""

    def batch(self, s):
        inputs, targets = super().batch(s)
        return inputs, targets[..., :1]


class LossTakesOneLabel(Trainer):
    def loss(self, x, targets):
        return slots(self.logits(x), targets[..., :1]).mean()


class NextTokenWeighsNothing(Trainer):
    """Weights i / sum for i = 0 .. s - 1 instead of 1 .. s."""

    def loss(self, x, targets):
        losses = slots(self.logits(x), targets)
        weights = torch.arange(len(losses), dtype=torch.float) if len(losses) > 1 else torch.ones(1)
        return (losses * weights).sum() / weights.sum()


class SumOfSlots(Trainer):
    def loss(self, x, targets):
        return slots(self.logits(x), targets).sum()


class Dropout(Trainer):
    def loss(self, x, targets):
        return super().loss(functional.dropout(x, 0.5), targets)


class MoreRows(Trainer):
    def rows(self, s):
        return ROWS * s, LENGTH


class ShorterRows(Trainer):
    def rows(self, s):
        return ROWS, LENGTH // s


class ShiftedByOne(Trainer):
    """Ordinary labels, already shifted by one token, folded without shifting by s - 1 more."""

    def batch(self, s):
        raw = self.text[: ROWS * (s * LENGTH + 1)].view(ROWS, -1)
        return raw[:, :-1].unflatten(1, (-1, s)), raw[:, 1:].unflatten(1, (-1, s))


class OwnBag(Trainer):
    def batch(self, s):
        inputs, targets = super().batch(s)
        return inputs, targets if s == 1 else inputs.clone()


class OtherPlainLoss(Trainer):
    def plain_loss(self, inputs, targets):
        return super().plain_loss(inputs, targets) + 0.01


class OtherPlainGradient(Trainer):
    def plain_loss(self, inputs, targets):
        loss = super().plain_loss(inputs, targets)
        return loss + 0.5 * (self.head.weight.sum() - self.head.weight.sum().detach())


class SumOfEmbeddings(Trainer):
    def embed(self, inputs):
        return self.tokens(inputs).sum(2)


class DistinctTokensOnly(Trainer):
    """The mean over the distinct tokens of a bag."""

    def embed(self, inputs):
        hot = functional.one_hot(inputs, V).amax(2).float()
        return hot @ self.tokens.weight / hot.sum(-1, keepdim=True)


class FirstTokenCountsMore(Trainer):
    def embed(self, inputs):
        weights = torch.tensor([0.4, 0.25, 0.1, 0.25] if inputs.shape[-1] > 1 else [1.0])
        return torch.einsum("blsd,s->bld", self.tokens(inputs), weights)


class OrderOfTargetsCounts(Trainer):
    def loss(self, x, targets):
        losses = slots(self.logits(x), targets)
        weights = torch.linspace(1.0, 0.5, len(losses))
        return (losses * weights).sum() / weights.sum()


class SeesTheFuture(Trainer):
    def decoder(self, x):
        return super().decoder(x) + 0.1 * x.mean(1, keepdim=True)


class EmbeddingSeesTheFuture(Trainer):
    def embed(self, inputs):
        x = super().embed(inputs)
        return x + 0.1 * x.roll(-1, 1) * (inputs.shape[-1] > 1) * (inputs[..., :1] != inputs[..., -1:])


class LastSlotDropped(Trainer):
    def loss(self, x, targets):
        losses = slots(self.logits(x), targets)
        return losses[:-1].mean() if len(losses) > 1 else losses.mean()


class LabelsAsASet(Trainer):
    """A label that is in a bag twice counts once."""

    def loss(self, x, targets):
        logits = self.logits(x).flatten(0, 1)
        bags = targets.flatten(0, 1)
        hot = torch.zeros_like(logits).scatter_(1, bags.clamp_min(0), 1.0)
        counts = (bags >= 0).any(-1)
        return functional.cross_entropy(logits[counts], (hot / hot.sum(-1, keepdim=True))[counts])


class MeanOfMeans(Trainer):
    """Each micro-batch is a mean over its own targets."""

    def accumulate(self, parts):
        total = 0.0
        for inputs, targets in parts:
            loss = self.loss(self.embed(inputs), targets) / len(parts)
            loss.backward()
            total += loss.item()
        return total


class ItemsInBatch(Trainer):
    """Divided by all labels of the step, as Hugging Face's num_items_in_batch counts them, with summed slots."""

    def accumulate(self, parts):
        items = sum((targets != -100).sum() for _, targets in parts)
        total = 0.0
        for inputs, targets in parts:
            logits = self.logits(self.embed(inputs)).flatten(0, 1)
            loss = (
                sum(functional.cross_entropy(logits, t.flatten(), reduction="sum") for t in targets.unbind(-1)) / items
            )
            loss.backward()
            total += loss.item()
        return total


class LossRightGradientsNot(Trainer):
    def accumulate(self, parts):
        loss = super().accumulate(parts)
        for parameter in self.parameters():
            parameter.grad /= len(parts)
        return loss


class EvaluatesWithBags(Trainer):
    def evaluate(self, inputs, targets):
        length = inputs.shape[1] // S * S
        bags = inputs[:, :length].unflatten(1, (-1, S))
        return self.loss(self.embed(bags[:, :-1]), bags[:, 1:])


class NewOptimizer(Trainer):
    def switch(self):
        return torch.optim.AdamW(self.parameters(), lr=0.01)


class NewHead(Trainer):
    def switch(self):
        nn.init.normal_(self.head.weight)
        return self.optimizer


class MomentsReset(Trainer):
    def switch(self):
        for state in self.optimizer.state.values():
            state["exp_avg"] = torch.zeros_like(state["exp_avg"])
        return self.optimizer


PLANTED = {
    FlattenedOneHot: ("initial loss", r"= ln V / 3.99: labels are flattened"),
    LabelsNotBagged: ("alignment", r"a position must have 4 targets, got \[3, 8, 1\]: labels are not bagged"),
    LossTakesOneLabel: ("slots", "only the next token counts, so labels are not bagged"),
    NextTokenWeighsNothing: ("slot 1", "the next token weighs 0.0000, must weigh 0.2500"),
    SumOfSlots: ("initial loss", "= 4.0. ln V: take the mean"),
    Dropout: ("repeatable", "switch dropout off"),
    MoreRows: ("rows", "a step must have 3 rows with bags as without, got 12: make raw rows 4 times longer"),
    ShorterRows: (
        "rows",
        "must have 8 positions with bags as without, got 2: read raw windows that are 4 times longer",
    ),
    ShiftedByOne: ("alignment", "labels are shifted by 1 tokens from the bag, must be by 4"),
    OwnBag: ("alignment", "labels are shifted by 0 tokens from the bag, must be by 4"),
    OtherPlainLoss: ("s = 1", "must be equal for bags of 1"),
    OtherPlainGradient: ("s = 1", "gradients must be equal for bags of 1"),
    SumOfEmbeddings: ("mean", "must read like the token, got 4 x its norm: take means"),
    DistinctTokensOnly: ("mean", "a token that is in a bag 3 times must count 3 times"),
    FirstTokenCountsMore: ("permutation", "a bag must read the same in any order"),
    OrderOfTargetsCounts: ("slots", "must be 0.2500, 0.2500, 0.2500, 0.2500, got 0.3333, 0.2778, 0.2222, 0.1667"),
    SeesTheFuture: ("causality", "losses of positions before 4 must not depend on bag 4, but do"),
    EmbeddingSeesTheFuture: ("causality", "the embedding of a bag must not change with later bags"),
    LastSlotDropped: ("slots", "must be 0.2500, 0.2500, 0.2500, 0.2500, got 0.3333, 0.3333, 0.3333, 0.0000"),
    LabelsAsASet: ("repeated labels", "a token 3 times in a bag must weigh 0.750, got 0.500: repeats are counted once"),
    MeanOfMeans: ("accumulation", "divide by the valid targets of each slot over the whole step"),
    ItemsInBatch: ("accumulation", "divide by the valid targets of each slot over the whole step"),
    LossRightGradientsNot: ("accumulation", "gradients must be those of the whole step"),
    EvaluatesWithBags: ("evaluation", "evaluate with bagging off"),
    NewOptimizer: ("switch", "the optimizer must keep its step at the switch, got none: carry its state over"),
    MomentsReset: ("switch", "the optimizer must keep its exp_avg at the switch, got another"),
    NewHead: ("switch", "weights must stay what they are at the switch, but number 2 does not"),
}


def test_a_right_port_passes_all_checks():
    trainer = Trainer()
    before = [p.detach().clone() for p in trainer.parameters()]
    report = superpose.check(**trainer.arguments())
    assert [result.status for result in report] == ["passed"] * 14, str(report)
    assert all(torch.equal(p, q) and p.grad is None for p, q in zip(trainer.parameters(), before))
    assert not trainer.optimizer.state_dict()["state"]
    lines = {result.name: result.detail for result in report}
    assert lines["rows"] == "3 rows of 8 positions with bags of 1 and of 4: 8 and 32 raw tokens"
    bags = [trainer.text[i : i + S].tolist() for i in (0, S)]
    assert lines["alignment"] == f"bag 0 of row 0 reads {bags[0]}, predicts {bags[1]}"
    assert lines["slots"] == "weights of the slots 0.2500, 0.2500, 0.2500, 0.2500"


@pytest.mark.parametrize("bag_size", [2, 3, 6])
def test_other_bag_sizes_pass(bag_size):
    superpose.check(**{**Trainer().arguments(), "bag_size": bag_size})


def test_f64_and_slot_weights_pass():
    trainer = Trainer()
    for module in (trainer.tokens, trainer.mix, trainer.head):
        module.double()
    weights = [0.4, 0.3, 0.2, 0.1]

    def loss(x, targets):
        hidden = trainer.decoder(x).flatten(0, 1)
        slot_weights = weights if targets.shape[-1] == S else None
        return superpose.multi_hot_linear_cross_entropy(
            hidden, trainer.head.weight, targets.flatten(0, 1), slot_weights
        )[0]

    arguments = {**trainer.arguments(), "loss_fn": loss, "accumulate_fn": None, "slot_weights": weights}
    report = superpose.check(**arguments)
    lines = {result.name: result.detail for result in report}
    assert lines["slots"] == "weights of the slots 0.4000, 0.3000, 0.2000, 0.1000"
    assert lines["accumulation"] == "needs accumulate_fn"


@pytest.mark.parametrize("bug", PLANTED, ids=lambda bug: bug.__name__)
def test_a_planted_bug_is_named(bug):
    name, text = PLANTED[bug]
    failure = superpose.check(**bug().arguments(), raises=False).first_failure
    assert failure is not None and failure.name == name, failure
    assert re.search(text, failure.detail), failure


def test_each_check_has_a_planted_bug():
    names = {result.name for result in superpose.check(**Trainer().arguments())}
    assert {name for name, _ in PLANTED.values()} == names


def test_the_page_lists_all_checks():
    page = pathlib.Path(__file__).parents[1] / "docs" / "check.md"
    names = re.findall(r"^\| ([\w= ]+) \| (?!what)", page.read_text(), re.MULTILINE)
    assert names == [result.name for result in superpose.check(**Trainer().arguments())]


def test_what_cannot_be_checked_says_what_it_needs():
    trainer = Trainer()
    report = superpose.check(trainer.embed, trainer.loss, trainer.batch)
    needs = {result.name: result.detail for result in report if result.status == "not checked"}
    assert needs == {
        "initial loss": "needs vocab_size",
        "s = 1": "needs plain_loss_fn and parameters",
        "accumulation": "needs accumulate_fn and parameters",
        "evaluation": "needs evaluate_fn",
        "switch": "needs optimizer and switch_fn",
    }


def test_a_head_of_zeros_proves_nothing():
    trainer = Trainer()
    nn.init.zeros_(trainer.head.weight)
    report = superpose.check(trainer.embed, trainer.loss, trainer.batch, vocab_size=V)
    assert report[3].detail == f"{math.log(V):.4f}, ln V = {math.log(V):.4f}"
    unknown = [result.name for result in report if "needs a head whose weights are not all zero" in result.detail]
    assert unknown == ["slot 1", "slots", "repeated labels", "causality"]


def test_the_first_failure_is_raised():
    with pytest.raises(CheckError, match="superpose.check: initial loss: must be near ln V = 4.1109, got 1.0") as error:
        superpose.check(**FlattenedOneHot().arguments())
    assert isinstance(error.value, AssertionError) and isinstance(error.value.report, Report)
    assert error.value.report.first_failure.name == "initial loss"


def test_an_error_of_the_trainer_is_the_finding():
    trainer = Trainer()

    def broken(x, targets):
        raise RuntimeError("shapes do not match\nand more")

    report = superpose.check(trainer.embed, broken, trainer.batch, raises=False)
    assert report[0].status == "failed" and report[0].detail == "RuntimeError: shapes do not match"
    assert [result.detail for result in report[1:]] == ["needs repeatable to pass"] * 13


def test_what_is_refused():
    trainer = Trainer()
    with pytest.raises(ValueError, match="bag_size must be >= 2, got 1"):
        superpose.check(trainer.embed, trainer.loss, trainer.batch, bag_size=1)
    with pytest.raises(ValueError, match="slot_weights must hold 4 numbers, got 2"):
        superpose.check(trainer.embed, trainer.loss, trainer.batch, slot_weights=[1, 1])


def test_decoded_bags():
    trainer = Trainer()
    letters = "".join(chr(33 + i) for i in range(V))
    report = superpose.check(
        trainer.embed, trainer.loss, trainer.batch, decode=lambda ids: "".join(letters[i] for i in ids)
    )
    text = "".join(letters[i] for i in trainer.text[: 2 * S])
    assert report[2].detail == f"bag 0 of row 0 reads {text[:S]!r}, predicts {text[S:]!r}"


def test_padding_and_ignored_targets_pass():
    """Document-aware bags: padded at the end of a document, targets beyond it do not count."""
    trainer = Trainer()

    def batch(s):
        ids, documents = superpose.pad_documents([trainer.text[:23], trainer.text[23:200]], s)
        width = LENGTH * s + s
        return superpose.fold(ids[:width][None], s, documents=documents[:width][None])

    report = superpose.check(trainer.embed, trainer.loss, batch, vocab_size=V)
    assert report.first_failure is None, str(report)


# The command and the name.

MINE = """
    import torch, superpose
    torch.manual_seed(0)
    table = torch.randn(61, 8).requires_grad_()
    text = torch.randint(0, 61, (3, 200))
    right = dict(
        embed_fn=lambda ids: superpose.bag_embedding(table, ids),
        loss_fn=lambda x, y: superpose.multi_hot_linear_cross_entropy(0.1 * x.flatten(0, 1), table, y.flatten(0, 1))[0],
        make_batch=lambda s: superpose.fold(text[:, : 9 * s], s),
        vocab_size=61,
    )
    def wrong():
        return {**right, "loss_fn": lambda x, y: right["loss_fn"](x, y) / y.shape[-1]}
    nothing = {}
"""


def test_the_command_and_the_name_in_a_process(tmp_path):
    (tmp_path / "my_port.py").write_text(textwrap.dedent(MINE))
    # The name is the function however it is imported; then the same as `python -m superpose.check my_port:right`.
    code = """
        import runpy, sys
        import superpose.check
        from superpose.check import Report
        from superpose.check.__main__ import main
        import superpose
        assert callable(superpose.check) and superpose.check.__name__ == "check"
        assert issubclass(Report, list)
        del sys.modules["superpose.check.__main__"]
        sys.argv[1:] = ["my_port:right"]
        runpy.run_module("superpose.check", run_name="__main__", alter_sys=True)
    """
    environment = {**os.environ, "PYTHONPATH": str(pathlib.Path(superpose.__file__).parents[1])}
    command = [sys.executable, "-W", "error::RuntimeWarning", "-c", textwrap.dedent(code)]
    result = subprocess.run(command, check=False, capture_output=True, text=True, cwd=tmp_path, env=environment)
    assert (result.returncode, result.stderr) == (0, ""), result
    assert result.stdout.splitlines()[-1] == "10 passed, 0 failed, 4 not checked"


@pytest.mark.parametrize(
    "words, code, message",
    [
        (["wrong", "--bag-size", "3"], 1, "initial loss: must be near ln V = 4.1109, got 1.3"),
        (["other"], 2, "my_port:other: my_port must have other, got none\n"),
        (["nothing"], 2, "my_port:nothing must give embed_fn, got none\n"),
        (["table"], 2, "my_port:table must give the arguments of superpose.check as a mapping, got Tensor\n"),
    ],
)
def test_the_command_says_what_is_wrong(tmp_path, monkeypatch, capsys, words, code, message):
    (tmp_path / "my_port.py").write_text(textwrap.dedent(MINE))
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "my_port", raising=False)
    assert main([f"my_port:{words[0]}", *words[1:]]) == code
    assert capsys.readouterr().err.startswith(f"superpose.check: {message}")


@pytest.mark.parametrize(
    "name, message",
    [
        ("mine", "expected MODULE:OBJECT, got mine"),
        ("not_there:x", "not_there must be a module that can be imported from here, got none"),
    ],
)
def test_the_command_refuses(capsys, name, message):
    assert main([name]) == 2
    assert capsys.readouterr().err == f"superpose.check: {message}\n"
