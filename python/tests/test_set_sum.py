"""The set-sum loss: its definition in f64, the program's operator, and what PyTorch does with functions."""

import math
import os

import pytest
import torch
from reference import gradients, integers, random
from torch.nn import functional as F

import superpose
from superpose import set_sum
from superpose.set_sum import count_positions, set_sum_linear_cross_entropy

LIBRARY = os.environ.get("SUPERPOSE_OPS_LIBRARY", "")
WIDTH, VOCABULARY = 8, 40
OPTIONS = [{}, {"z_loss": 1e-2, "num_valid_rows": 31}]


def mass_of_sets(hidden, weight, targets, *, z_loss=0.0, num_valid_rows=-1, count=None):
    """Each row's set as a mask over the vocabulary, by probabilities and not their logs; differentiable."""
    logits = F.linear(hidden, weight if num_valid_rows == -1 else weight[:num_valid_rows])
    losses = []
    for row, bag in zip(logits, targets.tolist(), strict=True):
        tokens = sorted({token for token in bag if token != -100})
        if tokens:
            losses.append(-row.softmax(0)[tokens].sum().log() + z_loss * row.logsumexp(0).square())
    return sum(losses) / (count or len(losses))


def make(dtype=torch.float64, rows=9, slots=4):
    hidden, weight = random((rows, WIDTH), 1, dtype), random((VOCABULARY, WIDTH), 2, dtype)
    targets = integers(31, (rows, slots), 3)
    targets[0, 0] = -100
    targets[1] = -100
    targets[2] = 30
    targets[3, 1] = targets[3, 0]
    return hidden, weight, targets


@pytest.mark.parametrize("chunk_rows", [None, 1, 4])
@pytest.mark.parametrize("options", OPTIONS)
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16])
def test_equals_its_definition(dtype, options, chunk_rows):
    hidden, weight, targets = make(dtype)
    ours, grads = gradients(
        lambda h, w: set_sum_linear_cross_entropy(h, w, targets, chunk_rows=chunk_rows, **options)[0], hidden, weight
    )
    exact, expected = gradients(
        lambda h, w: mass_of_sets(h, w, targets, **options), hidden.double(), weight.double()
    )
    # bf16: logits below 8, their gradients and the result rounded.
    tolerance = {torch.float64: 1e-14, torch.float32: 4e-6, torch.bfloat16: 2**-5}[dtype]
    assert ours.dtype == (torch.float64 if dtype == torch.float64 else torch.float32)
    assert abs(ours.item() - exact.item()) < 4 * tolerance
    for got, wanted in zip(grads, expected, strict=True):
        assert got.dtype == dtype and (got - wanted).abs().max() <= 4 * tolerance * wanted.abs().max()


@pytest.mark.skipif(not os.path.exists(LIBRARY), reason="SUPERPOSE_OPS_LIBRARY names no file")
@pytest.mark.parametrize("options", OPTIONS)
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16])
def test_equals_the_programs_operator(dtype, options):
    torch.ops.load_library(LIBRARY)
    hidden, weight, targets = make(dtype)
    ours, grads = gradients(lambda h, w: set_sum_linear_cross_entropy(h, w, targets, **options)[0], hidden, weight)
    sums = torch.float64 if dtype == torch.float64 else torch.float32
    total = torch.zeros(VOCABULARY, WIDTH, dtype=sums)
    coefficient = torch.full((1,), 1 / count_positions(targets).item(), dtype=sums)
    valid = options.get("num_valid_rows", VOCABULARY)
    loss, grad = torch.ops.superpose._set_sum_linear_cross_entropy_add(
        hidden, weight, targets, coefficient, options.get("z_loss", 0.0), valid, -100, True, total
    )
    # bf16: rounded here where the CPU multiplies bf16, and widened there.
    tolerance = {torch.float64: 1e-14, torch.float32: 1e-6, torch.bfloat16: 2**-5}[dtype]
    assert abs(ours.item() - loss.item()) < 4 * tolerance
    for got, wanted in zip(grads, (grad, total), strict=True):
        assert (got - wanted).abs().max() <= 4 * tolerance * wanted.abs().max()


def test_one_target_is_cross_entropy():
    hidden, weight, _ = make()
    targets = integers(VOCABULARY, (9, 1), 5)
    loss, count = set_sum_linear_cross_entropy(hidden, weight, targets)
    assert abs(loss.item() - F.cross_entropy(hidden @ weight.T, targets[:, 0]).item()) < 1e-14 and count == 9
    repeated = set_sum_linear_cross_entropy(hidden, weight, targets.expand(9, 3))[0]
    assert abs(loss.item() - repeated.item()) < 1e-14


def test_starts_at_the_log_of_the_share_of_the_vocabulary():
    targets = torch.tensor([[1, 2, 3, 3]] * 5)
    loss, _ = set_sum_linear_cross_entropy(torch.zeros(5, WIDTH), torch.zeros(VOCABULARY, WIDTH), targets)
    assert abs(loss.item() - math.log(VOCABULARY / 3)) < 1e-6


def test_parts_of_a_step_add_up():
    hidden, weight, targets = make()
    whole, count = set_sum_linear_cross_entropy(hidden, weight, targets)
    assert count == 8 == count_positions(targets)
    parts = [
        set_sum_linear_cross_entropy(hidden[part], weight, targets[part], count=count)[0]
        for part in (slice(0, 4), slice(4, 9))
    ]
    assert abs(sum(parts).item() - whole.item()) < 1e-14


def test_nothing_to_predict_is_a_loss_of_zero():
    hidden, weight, targets = make()
    for rows in (0, 9):
        loss, grads = gradients(
            lambda h, w: set_sum_linear_cross_entropy(h, w, torch.full_like(targets[:rows], -100))[0],  # noqa: B023
            hidden[:rows],
            weight,
        )
        assert loss == 0 and not any(grad.any() for grad in grads)


def test_a_row_without_targets_is_not_looked_at():
    hidden, weight, targets = make()
    hidden[1] = torch.inf
    loss, grads = gradients(lambda h, w: set_sum_linear_cross_entropy(h, w, targets)[0], hidden, weight)
    assert loss.isfinite() and not grads[0][1].any()


@pytest.mark.parametrize("is_compiled", [False, True])
def test_autocast_and_compile(is_compiled):
    torch.compiler.reset()
    hidden, weight, targets = make(torch.float32)

    def loss(h, w):
        return set_sum_linear_cross_entropy(h, w, targets)[0]

    function = torch.compile(loss, backend="aot_eager", fullgraph=True) if is_compiled else loss
    with torch.autocast("cpu", torch.bfloat16):
        ours, grads = gradients(function, hidden, weight)
    expected, expected_grads = gradients(loss, hidden.bfloat16(), weight.bfloat16())
    assert ours.dtype == torch.float32 and ours == expected
    assert all(torch.equal(g, e.float()) for g, e in zip(grads, expected_grads, strict=True))


def test_registered_as_pytorch_wants_it():
    hidden, weight, targets = make()
    coefficient = torch.ones(1, dtype=torch.float64)
    arguments = (hidden, weight, targets, coefficient, 0.0, VOCABULARY, -100, True, True, 0)
    tests = ("test_schema", "test_autograd_registration", "test_faketensor")
    torch.library.opcheck(set_sum._set_sum_forward, arguments, test_utils=tests)
    torch.library.opcheck(set_sum._coefficient, (count_positions(targets), count_positions(targets), torch.float32))


def test_refuses_a_second_derivative():
    hidden, weight, targets = make()
    hidden.requires_grad_()
    (first,) = torch.autograd.grad(set_sum_linear_cross_entropy(hidden, weight, targets)[0], hidden, create_graph=True)
    with pytest.raises(NotImplementedError, match="set_sum.* second derivative"):
        first.square().sum().backward()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"targets": torch.full((9, 4), 40)}, r"expected targets in \[0, 40\) or -100, got 40"),
        ({"count": torch.tensor(7)}, "expected count of the whole step.*got 7"),
        ({"count": torch.ones(4, dtype=torch.int64)}, "expected a scalar count"),
        ({"z_loss": -1.0}, "expected z_loss in"),
        ({"num_valid_rows": 41}, r"expected num_valid_rows in \[1, 40\] or -1, got 41"),
        ({"ignore_index": 3}, "expected a negative ignore_index, got 3"),
        ({"chunk_rows": 0}, "expected chunk_rows >= 1, got 0"),
    ],
)
def test_refuses(change, message):
    hidden, weight, targets = make()
    arguments = {"targets": targets, **change}
    with pytest.raises(ValueError, match=f"set_sum_linear_cross_entropy: {message}"):
        set_sum_linear_cross_entropy(hidden, weight, **arguments)


def test_head_of_a_phase():
    hidden, weight, targets = make()
    (phase, _) = superpose.Phases([{"steps": 1, "bag_size": 4, "objective": "set_sum"}], 2)
    head = superpose.BagHead(torch.nn.Parameter(weight), z_loss=1e-3, num_valid_rows=31)
    loss = head(hidden[None], targets[None], phase.slot_weights, objective=phase.objective)
    assert torch.equal(loss, set_sum_linear_cross_entropy(hidden, weight, targets, z_loss=1e-3, num_valid_rows=31)[0])
    for arguments, message in [
        ({"slot_weights": [0.7, 0.1, 0.1, 0.1], "objective": "set_sum"}, "slot_weights"),
        ({"objective": "other"}, "objective.*other"),
    ]:
        with pytest.raises(ValueError, match=f"BagHead: .*{message}"):
            head(hidden, targets, **arguments)
    capped = superpose.BagHead(torch.nn.Parameter(weight), logit_soft_cap=3.0)
    with pytest.raises(ValueError, match="BagHead: .*logit_soft_cap.*3.0"):
        capped(hidden, targets, objective="set_sum")
