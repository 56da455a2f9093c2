"""Which form runs, and that the program's compiled operators give the same numbers.

SUPERPOSE_OPS_LIBRARY names libsuperpose_ops.so, built for this version of torch.
"""

import os
import subprocess
import sys

import pytest
import torch
from reference import gradients, integers, random

from superpose import backend
from superpose.functional import bag_embedding, multi_hot_linear_cross_entropy

LIBRARY = os.environ.get("SUPERPOSE_OPS_LIBRARY", "")
needs_library = pytest.mark.skipif(not os.path.exists(LIBRARY), reason="SUPERPOSE_OPS_LIBRARY names no file")


@pytest.fixture
def use(monkeypatch):
    """use("composed") and use("compiled") choose the form until the test ends."""

    def choose(form):
        monkeypatch.setenv("SUPERPOSE_BACKEND", form)
        assert backend.choose_again().name == form

    yield choose
    monkeypatch.undo()
    backend.choose_again()


def info(**environment):
    kept = {name: value for name, value in os.environ.items() if not name.startswith("SUPERPOSE_")}
    command = [sys.executable, "-m", "superpose.info"]
    return subprocess.run(command, env={**kept, **environment}, capture_output=True, text=True, timeout=120)


def test_info_without_a_library():
    result = info()
    assert result.returncode == 0 and "operators: composed (no compiled operators" in result.stdout


def test_info_of_a_library_that_cannot_be_loaded(tmp_path):
    library = tmp_path / "lib.so"
    library.write_bytes(b"not a library")
    result = info(SUPERPOSE_OPS_LIBRARY=str(library))
    assert result.returncode == 1 and f"cannot load {library} into torch {torch.__version__}" in result.stderr


def test_unknown_choice(monkeypatch):
    monkeypatch.setenv("SUPERPOSE_BACKEND", "fast")
    with pytest.raises(ValueError, match="SUPERPOSE_BACKEND: must be composed or compiled, got fast"):
        backend._choose()


@needs_library
def test_info_with_the_library():
    result = info(SUPERPOSE_OPS_LIBRARY=LIBRARY)
    assert result.returncode == 0 and f"operators: compiled (SUPERPOSE_OPS_LIBRARY names {LIBRARY})" in result.stdout
    result = info(SUPERPOSE_OPS_LIBRARY=LIBRARY, SUPERPOSE_BACKEND="composed")
    assert "operators: composed (SUPERPOSE_BACKEND=composed asks for it)" in result.stdout


CASES = [
    {},
    {"z_loss": 1e-3, "logit_soft_cap": 3.0, "num_valid_rows": 90},
]


@needs_library
@pytest.mark.parametrize("options", CASES)
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float64])
def test_both_forms_of_the_loss_agree(use, dtype, options):
    hidden, weight = random((37, 32), 1, dtype), random((101, 32), 2, dtype)
    targets = integers(90, (37, 5), 3)
    targets[integers(3, (37, 5), 4) == 0] = -100
    slots = [0.4, 0.3, 0.1, 0.1, 0.1]

    def loss(h, w):
        return multi_hot_linear_cross_entropy(h, w, targets, slots, **options)[0]

    use("compiled")
    compiled, compiled_grads = gradients(loss, hidden, weight)
    public, _ = torch.ops.superpose.multi_hot_linear_cross_entropy(
        hidden, weight, targets, torch.tensor(slots), **options
    )
    # slot_weights as f32 there, and as f64 here.
    assert abs(compiled.item() - public.item()) < 1e-6
    use("composed")
    composed, composed_grads = gradients(loss, hidden, weight)
    # bf16: logits of 32 products below 1 may be rounded in one of the two.
    tolerance = {torch.float32: 1e-6, torch.bfloat16: 2**-7, torch.float64: 1e-14}[dtype]
    assert abs(compiled.item() - composed.item()) < 4 * tolerance
    for got, expected in zip(compiled_grads, composed_grads, strict=True):
        assert got.dtype == dtype
        assert (got - expected).abs().max() <= 8 * tolerance * expected.abs().max()


@needs_library
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float64])
def test_both_forms_of_the_embedding_agree(use, dtype):
    weight, ids = random((23, 9), 1, dtype), integers(23, (2, 4, 5), 2)
    ids[0, 1, 2:] = -1
    results = {}
    for form in ("compiled", "composed"):
        use(form)
        results[form] = gradients(lambda w: bag_embedding(w, ids).sin().sum(), weight)
    for got, expected in zip(results["compiled"][1], results["composed"][1], strict=True):
        assert (got - expected).abs().max() <= 16 * torch.finfo(dtype).eps * expected.abs().max()
    assert torch.equal(torch.ops.superpose.bag_embedding(weight, ids), bag_embedding(weight, ids))


@needs_library
def test_compiled_form_under_torch_compile(use):
    torch.compiler.reset()
    use("compiled")
    hidden, weight, targets = random((6, 8), 1), random((11, 8), 2), integers(11, (6, 3), 3)

    def loss(h, w):
        return multi_hot_linear_cross_entropy(h, w, targets)[0]

    ours = gradients(torch.compile(loss, backend="aot_eager", fullgraph=True), hidden, weight)
    expected = gradients(loss, hidden, weight)
    assert ours[0] == expected[0] and all(torch.equal(a, b) for a, b in zip(ours[1], expected[1], strict=True))
