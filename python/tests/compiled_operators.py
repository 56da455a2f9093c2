"""Run by test_compiled.py in a process of its own, where superpose-compiled is installed and in use."""

import itertools
import sys

import torch
from reference import gradients, integers, random

from superpose import backend, composed
from superpose.functional import bag_embedding, multi_hot_linear_cross_entropy

COMPILED = backend.current()
COMPOSED = backend.Backend("composed", "to compare with")
OPTIONS = [{}, {"z_loss": 1e-2}, {"logit_soft_cap": 2.0}, {"z_loss": 1e-2, "logit_soft_cap": 2.0, "num_valid_rows": 90}]


def with_form(form, function, *arguments):
    backend._current = form
    return function(*arguments)


def check_close(ours, expected, tolerance):
    assert ours.dtype == expected.dtype and ours.shape == expected.shape
    assert (ours.double() - expected.double()).abs().max() <= tolerance * max(1e-3, expected.abs().max().item())


def check_loss(dtype, options, slots):
    hidden, weight = random((37, 32), 1, dtype), random((101, 32), 2, dtype)
    targets = integers(90, (37, slots), 3)
    targets[integers(4, (37, slots), 4) == 0] = -100
    targets[0], targets[1] = 7, -100

    def loss(h, w):
        return multi_hot_linear_cross_entropy(h, w, targets, chunk_rows=8, **options)[0]

    ours = with_form(COMPILED, gradients, loss, hidden, weight)
    expected = with_form(COMPOSED, gradients, loss, hidden, weight)
    tolerance = 2**-6 if dtype == torch.bfloat16 else 1e-14 if dtype == torch.float64 else 4e-6
    check_close(ours[0], expected[0], tolerance)
    for grad, wanted in zip(ours[1], expected[1], strict=True):
        check_close(grad, wanted, tolerance)


def check_rows():
    """A row that nobody looks at may hold anything; without a gradient the logits stay."""
    logits = 3 * random((5, 300), 1, torch.float32)
    targets = integers(300, (5, 4), 2)
    targets[1] = -100
    logits[1, 0] = torch.inf
    coefficients = torch.full((4,), 0.05)
    expected, grad = composed.loss_rows(logits.double(), targets, coefficients.double(), 1e-2, 0.0, -100, True)
    rows = torch.ops.superpose_compiled.loss_rows
    kept = logits.clone()
    check_close(rows(kept, targets, coefficients, 1e-2, 0.0, -100, False), expected.float(), 1e-6)
    assert torch.equal(kept, logits)
    check_close(rows(logits, targets, coefficients, 1e-2, 0.0, -100, True), expected.float(), 1e-6)
    check_close(logits, grad.float(), 1e-5)
    for wrong in (logits[:, ::2], logits.double()):
        try:
            rows(wrong, targets, coefficients, 0.0, 0.0, -100, True)
        except RuntimeError:
            continue
        raise AssertionError("a wrong layout or type was taken")


def check_bags(dtype, width, slots):
    weight, ids = random((23, width), 1, dtype), integers(23, (2, 40, slots), 2)
    ids[0, 1, 1:] = -1
    ids[1, :, 0] = 3  # one token in every bag
    function = lambda w: bag_embedding(w, ids).sin().sum()  # noqa: E731
    ours, expected = (with_form(form, gradients, function, weight) for form in (COMPILED, COMPOSED))
    tolerance = 64 * torch.finfo(dtype).eps
    check_close(ours[1][0], expected[1][0], tolerance)
    check_close(
        with_form(COMPILED, bag_embedding, weight, ids), with_form(COMPOSED, bag_embedding, weight, ids), tolerance
    )


def check_threads():
    weight, ids = random((50, 300), 1, torch.float32), integers(50, (4, 100, 4), 2)
    grads = []
    for threads in (1, 2):
        torch.set_num_threads(threads)
        grads.append(with_form(COMPILED, gradients, lambda w: bag_embedding(w, ids).sum(), weight)[1][0])
    torch.set_num_threads(1)
    assert torch.equal(*grads)


def check_compile():
    hidden, weight = random((6, 8), 1, torch.float32), random((11, 8), 2, torch.float32)
    targets = integers(11, (6, 3), 3)

    def loss(h, w):
        bags = bag_embedding(w, targets[None])[0]
        return multi_hot_linear_cross_entropy(h + bags, w, targets)[0]

    backend._current = COMPILED
    ours = gradients(torch.compile(loss, backend="aot_eager", fullgraph=True), hidden, weight)
    expected = gradients(loss, hidden, weight)
    assert ours[0] == expected[0] and all(torch.equal(a, b) for a, b in zip(ours[1], expected[1], strict=True))


def main():
    assert COMPILED.is_package, COMPILED
    torch.set_num_threads(1)
    losses = list(itertools.product((torch.float32, torch.bfloat16, torch.float64), OPTIONS, (1, 5)))
    for case in losses:
        check_loss(*case)
    check_rows()
    bags = list(itertools.product((torch.float32, torch.bfloat16, torch.float64), (9, 600), (1, 5)))
    for case in bags:
        check_bags(*case)
    check_threads()
    check_compile()
    print(f"{len(losses)} losses, {len(bags)} rows of bags and a compiled model agree")


if __name__ == "__main__":
    sys.exit(main())
