"""The modules for nanochat and torchtitan, by themselves: those trainers are not run here."""

import itertools
import pathlib
import sys

import pytest
import torch
from torch import nn
from torch.nn import functional

import superpose

sys.path.insert(0, str(pathlib.Path(__file__).parents[1] / "examples"))
nanochat_bags = pytest.importorskip("nanochat_bags")
torchtitan_bags = pytest.importorskip("torchtitan_bags")

V, D, L = 31, 8, 5
PHASES = superpose.Phases([{"steps": 2, "bag_size": 3}], 4)


def test_nanochat_batches_are_longer_rows_of_the_same_text():
    """A loader like nanochat's: rows of T + 1 tokens in order, inputs and targets in one buffer that is reused."""
    made = []

    def make_loader(width, state):
        made.append((width, state))
        inputs, targets = torch.empty(2, 2, width, dtype=torch.long)
        at = 0 if state is None else state["at"]
        while True:
            row = (torch.arange(at, at + 2 * (width + 1)) % V).view(2, -1)
            inputs.copy_(row[:, :-1]), targets.copy_(row[:, 1:])
            at += row.numel()
            yield inputs, targets, {"at": at}

    stream = nanochat_bags.batches(make_loader, PHASES, L, micro_batches=2)
    found = [(x.clone(), y.clone(), state) for x, y, state in itertools.islice(stream, 2 * 4 + 1)]
    assert [list(x.shape) for x, _, _ in found] == [[2, L, 3]] * 4 + [[2, L]] * 5
    assert made == [(3 * L + 3 - 1, None), (L, found[3][2])]
    bags, targets, _ = found[1]
    start = 2 * (3 * L + 3)
    assert bags[0].flatten().tolist() == [(start + i) % V for i in range(3 * L)]
    assert torch.equal(targets[:, :-1], bags[:, 1:]), "the targets of a bag are the next bag"
    resumed = nanochat_bags.batches(make_loader, PHASES, L, 2, first_step=1, state=found[1][2])
    for (x, y, state), (again, targets_again, state_again) in zip(found[2:], resumed):
        assert torch.equal(x, again) and torch.equal(y, targets_again) and state == state_again


def test_nanochat_read_and_loss():
    torch.manual_seed(0)
    embedding, head = nn.Embedding(V + 1, D), nn.Linear(D, V + 1, bias=False)
    bags = torch.randint(0, V, (2, L, 3))
    torch.testing.assert_close(nanochat_bags.read(embedding, bags), embedding(bags).mean(2))
    assert torch.equal(nanochat_bags.read(embedding, bags[..., 0]), embedding(bags[..., 0]))
    hidden, targets = torch.randn(2, L, D), torch.randint(0, V, (2, L, 3))
    targets[0, 0] = -1
    logits = 15 * torch.tanh(head(hidden)[..., :V] / 15)
    rows = logits.flatten(0, 1)
    expected = sum(functional.cross_entropy(rows, t.flatten(), ignore_index=-1) for t in targets.unbind(-1)) / 3
    torch.testing.assert_close(nanochat_bags.bag_loss(hidden, head.weight, targets, V, 15), expected)


def titan_stream(tokens=L):
    """Flat micro-batches of consecutive text, as torchtitan's loader packs them."""
    for at in itertools.count(0, tokens):
        ids = torch.arange(at, at + tokens + 1) % V
        yield {"input": ids[:-1], "positions": torch.arange(tokens)}, ids[1:]


def test_torchtitan_batches():
    steps = iter([0, 0, 1, 2, 3])
    stream = torchtitan_bags.batches(titan_stream(), lambda: PHASES.phase_at(next(steps)), context_length=4)
    found = list(itertools.islice(stream, 5))
    assert [list(x["input"].shape) for x, _ in found] == [[L, 3]] * 3 + [[L]] * 2
    for number, (inputs, labels) in enumerate(found[:3]):
        ids = (torch.arange(3 * L * number, 3 * L * (number + 1) + 1) % V).tolist()
        assert inputs["input"].flatten().tolist() == ids[:-1]
        assert torch.equal(labels[:-1], inputs["input"][1:])
        assert labels[-1].tolist() == [ids[-1], -100, -100], "of the last bag one target is known"
        assert inputs["positions"].tolist() == [0, 1, 2, 3, 0]
    assert found[3][0]["input"][0] == 3 * 3 * L % V, "no text is skipped at the switch"


def test_torchtitan_embedding_and_loss():
    torch.manual_seed(0)

    class Embedding(torchtitan_bags.ReadsBags, nn.Embedding):
        pass

    class Wrapper:
        def __call__(self, pred, labels, global_valid_tokens=None):
            loss = functional.cross_entropy(self.lm_head(pred), labels, reduction="sum")
            return loss / global_valid_tokens, {}

    class Loss(torchtitan_bags.TakesBags, Wrapper):
        def __init__(self):
            self.lm_head = nn.Linear(D, V, bias=False)

    embedding, loss = Embedding(V, D), Loss()
    bags, hidden = torch.randint(0, V, (L, 3)), torch.randn(L, D)
    torch.testing.assert_close(embedding(bags), nn.Embedding.forward(embedding, bags).mean(1))
    assert torch.equal(embedding(bags[:, 0]), nn.Embedding.forward(embedding, bags[:, 0]))
    labels = torch.randint(0, V, (L, 3))
    labels[-1, 1:] = -100
    total = torch.tensor(2 * 3 * L)  # of a step of more micro-batches
    logits = loss.lm_head(hidden)
    expected = sum(functional.cross_entropy(logits, t, reduction="sum") for t in labels.unbind(-1)) / total
    torch.testing.assert_close(loss(hidden, labels, total)[0], expected)
    one, _ = loss(hidden, labels[:, :1], total)
    torch.testing.assert_close(one, loss(hidden, labels[:, 0], total)[0])
