"""What PyTorch can do with a function, tried on the operators: it gives the gradient of the plain composition, or it
raises. docs/operators.md has the table."""

import os

import pytest
import torch
import torch.autograd.forward_ad as forward_ad
import torch.utils.checkpoint

torch.ops.load_library(os.environ["SUPERPOSE_OPS_LIBRARY"])
bag_embedding = torch.ops.superpose.bag_embedding.default
multi_hot = torch.ops.superpose.multi_hot_linear_cross_entropy.default

IDS = torch.tensor([[[0, 1, 2], [3, 3, 1]], [[4, 0, 6], [5, 2, 2]]])
TARGETS = torch.tensor([[1, 2], [0, 3], [8, 8], [5, 1], [2, 7], [6, 4]])
SLOTS = torch.tensor([0.7, 0.3], dtype=torch.float64)


def random(shape, seed):
    return torch.rand(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64) * 2 - 1


HIDDEN, HEAD, TABLE = random((6, 4), 1), random((9, 4), 2), random((7, 5), 3)


def plain_loss(hidden, head):
    logits = hidden @ head.T
    rows = logits.logsumexp(1, keepdim=True) - logits.gather(1, TARGETS)
    return (rows.mean(0) * SLOTS).sum()


# Name: the function through the operator, the same as a composition, the point.
FUNCTIONS = {
    "embedding": (lambda w: bag_embedding(w, IDS).pow(2).sum(),
                  lambda w: torch.nn.functional.embedding(IDS, w).mean(-2).pow(2).sum(), TABLE),
    "hidden": (lambda h: multi_hot(h, HEAD, TARGETS, SLOTS)[0], lambda h: plain_loss(h, HEAD), HIDDEN),
    "head": (lambda v: multi_hot(HIDDEN, v, TARGETS, SLOTS)[0], lambda v: plain_loss(HIDDEN, v), HEAD),
}  # fmt: skip


def leaf(x):
    return x.clone().requires_grad_()


def backward(function, x):
    y = leaf(x)
    function(y).backward()
    return y.grad


def backward_twice(function, x):
    y = leaf(x)
    loss = function(y)
    loss.backward(retain_graph=True)
    loss.backward()
    return y.grad


def checkpointed(function, x, use_reentrant):
    return backward(lambda y: torch.utils.checkpoint.checkpoint(function, y, use_reentrant=use_reentrant), x)


def compiled(function, x, backend):
    torch.compiler.reset()
    return backward(torch.compile(function, backend=backend, fullgraph=True), x)


def compiled_checkpointed(function, x):
    torch.compiler.reset()
    inner = lambda y: torch.utils.checkpoint.checkpoint(function, y, use_reentrant=False)  # noqa: E731
    return backward(torch.compile(inner, backend="aot_eager", fullgraph=True), x)


def saved_elsewhere(function, x):
    y = leaf(x)
    with torch.autograd.graph.save_on_cpu():
        loss = function(y)
    loss.backward()
    return y.grad


def mapped(function, x):
    """vmap alone, its inputs in a graph: PyTorch calls the operator for each example."""
    y = leaf(x)
    torch.func.vmap(function)(torch.stack([y, 2 * y])).sum().backward()
    return y.grad


def gradient(function, x, **options):
    y = leaf(x)
    return torch.autograd.grad(function(y), y, **options)[0]


SUPPORTED = {
    "backward": backward,
    "backward twice": backward_twice,
    "checkpoint": lambda f, x: checkpointed(f, x, use_reentrant=False),
    "reentrant checkpoint": lambda f, x: checkpointed(f, x, use_reentrant=True),
    "saved tensors moved": saved_elsewhere,
    "compile": lambda f, x: compiled(f, x, "aot_eager"),
    "compiled checkpoint": compiled_checkpointed,
    "vmap": mapped,
    "autograd.functional.jacobian": torch.autograd.functional.jacobian,
}


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("what", SUPPORTED)
@pytest.mark.parametrize("name", FUNCTIONS)
def test_gives_the_compositions_gradient(name, what):
    ours, plain, x = FUNCTIONS[name]
    assert torch.allclose(SUPPORTED[what](ours, x), SUPPORTED[what](plain, x), rtol=1e-12, atol=1e-14)


def dual(function, x):
    with forward_ad.dual_level():
        function(forward_ad.make_dual(x, torch.ones_like(x)))


def vjp(function, x):
    return torch.func.vjp(function, x)[1](torch.ones((), dtype=x.dtype))


TRANSFORMS = "functorch transforms"
REFUSED = {
    "func.grad": (lambda f, x: torch.func.grad(f)(x), TRANSFORMS),
    "func.vjp": (vjp, TRANSFORMS),
    "func.jvp": (lambda f, x: torch.func.jvp(f, (x,), (x,)), TRANSFORMS),
    "func.jacrev": (lambda f, x: torch.func.jacrev(f)(x), TRANSFORMS),
    "func.jacfwd": (lambda f, x: torch.func.jacfwd(f)(x), TRANSFORMS),
    "func.hessian": (lambda f, x: torch.func.hessian(f)(x), TRANSFORMS),
    "vmap of func.grad": (lambda f, x: torch.func.vmap(torch.func.grad(f))(torch.stack([x, x])), TRANSFORMS),
    "func.linearize": (lambda f, x: torch.func.linearize(f, x), "jvp is not implemented"),
    "forward AD": (dual, "jvp is not implemented"),
    "forward AD without grad": (torch.no_grad()(dual), "jvp is not implemented"),
}


@pytest.mark.parametrize("what", REFUSED)
@pytest.mark.parametrize("name", FUNCTIONS)
def test_refuses_what_it_has_no_rule_for(name, what):
    attempt, message = REFUSED[what]
    with pytest.raises(RuntimeError, match=message):
        attempt(FUNCTIONS[name][0], FUNCTIONS[name][2])


def test_embedding_can_be_differentiated_again():
    ours, plain, x = FUNCTIONS["embedding"]
    hessian = torch.autograd.functional.hessian
    assert torch.allclose(hessian(ours, x), hessian(plain, x), rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("name", ["hidden", "head"])
def test_loss_has_no_second_derivative_and_no_batched_gradient(name):
    ours, _, x = FUNCTIONS[name]
    with pytest.raises(NotImplementedError, match="multi_hot_linear_cross_entropy.* second derivative"):
        gradient(ours, x, create_graph=True)
    with pytest.raises(NotImplementedError, match="multi_hot_linear_cross_entropy.* second derivative"):
        torch.autograd.functional.hessian(ours, x)
    with pytest.raises(RuntimeError, match="Batching rule not implemented"):
        gradient(ours, x, grad_outputs=torch.tensor([1.0, 2.0], dtype=x.dtype), is_grads_batched=True)


@pytest.mark.parametrize("name", ["hidden", "head"])
def test_second_derivative_of_a_compiled_loss_is_not_lost(name):
    """A penalty on its gradient would otherwise be a constant."""
    ours, _, x = FUNCTIONS[name]
    torch.compiler.reset()
    y = leaf(x)
    (first,) = torch.autograd.grad(torch.compile(ours, backend="aot_eager")(y), y, create_graph=True)
    with pytest.raises(RuntimeError, match="does not currently support double backward"):
        first.pow(2).sum().backward()


@pytest.mark.filterwarnings("ignore")
def test_slot_weights_get_no_gradient():
    def loss(slots):
        return multi_hot(HIDDEN, HEAD, TARGETS, slots)[0]

    for attempt in (lambda: loss(leaf(SLOTS)), lambda: torch.func.grad(loss)(SLOTS)):
        with pytest.raises(ValueError, match="gradient .*slot_weights"):
            attempt()
    with pytest.raises((RuntimeError, NotImplementedError), match="forward AD|jvp is not implemented"):
        dual(loss, SLOTS)


PRIVATE = [name.split("::")[1] for name in torch._C._dispatch_get_all_op_names() if name.startswith("superpose::_")]


@pytest.mark.parametrize("name", PRIVATE)
def test_parts_of_operators_say_that_they_have_no_derivative(name):
    assert torch._C._dispatch_has_kernel_for_dispatch_key(f"superpose::{name}", "Autograd")


def test_backward_through_a_part_is_an_error():
    for dtype in (torch.float32, torch.float64):
        part = torch.ops.superpose._bag_embedding_forward
        with pytest.raises(RuntimeError, match="_bag_embedding_forward is not implemented"):
            part(leaf(TABLE.to(dtype)), IDS).sum().backward()
        with pytest.raises((RuntimeError, NotImplementedError), match="forward AD"):
            dual(lambda w: part(w, IDS), TABLE.to(dtype))
        with pytest.raises(RuntimeError, match="_bag_embedding_forward is not implemented"):
            torch.func.grad(lambda w: part(w, IDS).sum())(TABLE.to(dtype))


# ---- Autocast ----


def loss_and_gradients(hidden, head):
    h, w = leaf(hidden), leaf(head)
    loss, counts = multi_hot(h, w, TARGETS, SLOTS, z_loss=1e-3)
    loss.backward()
    return loss, counts, h.grad, w.grad


@pytest.mark.parametrize("types", [("float32", "float32"), ("bfloat16", "float32"), ("float32", "bfloat16")])
def test_autocast_gives_what_bf16_arguments_give(types):
    hidden, head = HIDDEN.to(getattr(torch, types[0])), HEAD.to(getattr(torch, types[1]))
    with torch.autocast("cpu", torch.bfloat16):
        loss, counts, *grads = loss_and_gradients(hidden, head)
    expected = loss_and_gradients(HIDDEN.bfloat16(), HEAD.bfloat16())
    assert loss.dtype == torch.float32 and torch.equal(loss, expected[0]) and torch.equal(counts, expected[1])
    for grad, like, other in zip(grads, (hidden, head), expected[2:], strict=True):
        assert grad.dtype == like.dtype and torch.equal(grad, other.to(like.dtype))


def test_autocast_leaves_f64_and_the_embedding_alone():
    with torch.autocast("cpu", torch.bfloat16):
        double = loss_and_gradients(HIDDEN, HEAD)
        bags = bag_embedding(TABLE.float(), IDS)
    assert all(torch.equal(a, b) for a, b in zip(double, loss_and_gradients(HIDDEN, HEAD), strict=True))
    assert torch.equal(bags, bag_embedding(TABLE.float(), IDS))


def test_autocast_under_compile():
    torch.compiler.reset()

    def loss(hidden):
        with torch.autocast("cpu", torch.bfloat16):
            return multi_hot(hidden, HEAD.float(), TARGETS, SLOTS)[0]

    x = HIDDEN.float()
    assert torch.equal(compiled(loss, x, "aot_eager"), backward(loss, x))


INFINITY = float("inf")
NAN = float("nan")


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float64])
def test_values_that_give_no_loss_are_refused(dtype):
    hidden, head = HIDDEN.to(dtype), HEAD.to(dtype)
    for key, values in {"z_loss": [NAN, INFINITY, -1.0], "logit_soft_cap": [NAN, INFINITY, -1.0, 1e308, 5e-324]}.items():
        for value in values:
            with pytest.raises(ValueError, match=f"multi_hot_linear_cross_entropy.* {key} "):
                multi_hot(hidden, head, TARGETS, SLOTS, **{key: value})
    for value in (NAN, INFINITY, -0.5):
        with pytest.raises(ValueError, match=rf"slot_weights .*>= 0.* {value}"):
            multi_hot(hidden, head, TARGETS, torch.tensor([0.5, value]))
    with pytest.raises(ValueError, match="slot_weights .*sum.* inf"):
        multi_hot(hidden, head, TARGETS, torch.tensor([1e308, 1e308], dtype=torch.float64))
    scaled = multi_hot(hidden, head, TARGETS, SLOTS * 1e-300)[0]
    assert torch.allclose(scaled, multi_hot(hidden, head, TARGETS, SLOTS)[0])


def test_compiled_values_are_checked_too():
    torch.compiler.reset()
    loss = torch.compile(lambda slots: multi_hot(HIDDEN, HEAD, TARGETS, slots)[0], backend="aot_eager", fullgraph=True)
    loss(SLOTS)
    with pytest.raises(ValueError, match="slot_weights .*>= 0.* inf"):
        loss(torch.tensor([0.5, INFINITY], dtype=torch.float64))
