"""What PyTorch does with functions: compilation, autocast, checkpointing, tensors without values."""

import pytest
import torch
import torch.utils.checkpoint
from reference import gradients, integers, leaf, random, slots_loss
from torch import nn
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.nn import functional as F

from superpose import functional
from superpose.functional import bag_embedding, count_targets, fold, multi_hot_linear_cross_entropy
from superpose.modules import BagEmbedding, BagHead

WIDTH, VOCABULARY, LENGTH = 8, 23, 5


class Tiny(nn.Module):
    """Bags in, one nonlinear layer, the loss: what a trainer has around its decoder."""

    def __init__(self, dtype=torch.float64):
        super().__init__()
        embedding = nn.Embedding(VOCABULARY, WIDTH)
        self.tokens = BagEmbedding(embedding)
        self.layer = nn.Linear(WIDTH, WIDTH)
        self.head = BagHead(nn.Linear(WIDTH, VOCABULARY, bias=False), z_loss=1e-3)
        for i, parameter in enumerate(self.parameters()):
            parameter.data = random(parameter.shape, i, dtype)

    def hidden(self, inputs):
        return torch.tanh(self.layer(self.tokens(inputs)))

    def forward(self, raw, bag_size):
        inputs, targets = fold(raw, bag_size)
        return self.head(self.hidden(inputs), targets)


def raw_ids(bag_size, rows=3):
    return integers(VOCABULARY, (rows, LENGTH * bag_size + bag_size), bag_size)


def step(model, *arguments):
    model.zero_grad()
    loss = model(*arguments)
    loss.backward()
    return loss.detach(), [parameter.grad.clone() for parameter in model.parameters()]


def assert_same(ours, expected, rtol=1e-12):
    for got, wanted in zip([ours[0], *ours[1]], [expected[0], *expected[1]], strict=True):
        assert torch.allclose(got, wanted, rtol=rtol, atol=1e-14)


# ---- torch.compile ----


@pytest.mark.parametrize(("backend", "bag_sizes"), [("aot_eager", [6, 3, 1]), ("inductor", [3, 1])])
def test_training_through_the_phases_compiles_once_per_phase(backend, bag_sizes):
    torch.compiler.reset()
    compilations = []

    def counting(graph, examples):
        compilations.append(graph)
        return torch._dynamo.lookup_backend(backend)(graph, examples)

    model = Tiny()
    compiled = torch.compile(model, backend=counting, fullgraph=True)
    for phase, bag_size in enumerate(bag_sizes, 1):
        for seed in range(3):
            raw = raw_ids(bag_size).roll(seed)
            assert_same(step(compiled, raw, bag_size), step(model, raw, bag_size))
        assert len(compilations) == phase


def test_compiled_function_with_dynamic_shapes():
    torch.compiler.reset()

    def loss(hidden, weight, targets):
        return multi_hot_linear_cross_entropy(hidden, weight, targets, num_valid_rows=20, logit_soft_cap=4.0)[0]

    compiled = torch.compile(loss, backend="aot_eager", fullgraph=True, dynamic=True)
    weight = random((VOCABULARY, WIDTH), 1)
    for rows, slots in [(7, 3), (12, 5), (3, 2)]:
        hidden, targets = random((rows, WIDTH), 2), integers(20, (rows, slots), 3)
        ours = gradients(lambda h, w, t=targets: compiled(h, w, t), hidden, weight)
        assert_same(ours, gradients(lambda h, w, t=targets: loss(h, w, t), hidden, weight))


def test_explain_finds_no_graph_break():
    torch.compiler.reset()
    explanation = torch._dynamo.explain(Tiny())(raw_ids(4), 4)
    assert explanation.graph_break_count == 0 and explanation.graph_count == 1


def test_compiled_values_are_checked_too():
    torch.compiler.reset()
    compiled = torch.compile(Tiny(), backend="aot_eager", fullgraph=True)
    raw = raw_ids(2)
    compiled(raw, 2)
    raw[0, 3] = VOCABULARY
    with pytest.raises(ValueError, match=rf"expected ids in \[0, {VOCABULARY}\) or -1, got {VOCABULARY}"):
        compiled(raw, 2)


def test_second_derivative_of_a_compiled_loss_is_not_lost():
    torch.compiler.reset()
    hidden, weight, targets = leaf(random((4, WIDTH), 1)), random((VOCABULARY, WIDTH), 2), integers(9, (4, 2), 3)
    compiled = torch.compile(lambda h: multi_hot_linear_cross_entropy(h, weight, targets)[0], backend="aot_eager")
    (first,) = torch.autograd.grad(compiled(hidden), hidden, create_graph=True)
    # The second message is that of torch 2.6.
    with pytest.raises(RuntimeError, match="does not currently support double backward|does not require grad"):
        first.square().sum().backward()


# ---- Registered operators ----


def operator_arguments():
    hidden, weight = leaf(random((6, WIDTH), 1)), leaf(random((VOCABULARY, WIDTH), 2))
    coefficients = torch.full((3,), 0.05, dtype=torch.float64)
    return hidden, weight, integers(20, (6, 3), 3), coefficients, 1e-3, 3.0, 20, -100, True, True, 0


def test_operators_are_registered_right():
    ids = integers(VOCABULARY, (2, 3, 4), 1)
    weight = leaf(random((VOCABULARY, WIDTH), 2))
    torch.library.opcheck(functional._bag_embedding_forward, (weight, ids))
    grad = leaf(random((2, 3, WIDTH), 3))
    torch.library.opcheck(functional._bag_embedding_backward, (grad, ids, VOCABULARY))
    counts = torch.tensor([3, 2])
    torch.library.opcheck(functional._coefficients, (torch.ones(2), counts, counts, torch.float32))
    # Gradients of its second and third output, which opcheck would ask for, are an error on purpose.
    tests = ("test_schema", "test_autograd_registration", "test_faketensor")
    torch.library.opcheck(functional._multi_hot_forward, operator_arguments(), test_utils=tests)


# ---- Autocast ----


@pytest.mark.parametrize("is_compiled", [False, True])
def test_autocast_is_that_of_a_linear_layer(is_compiled):
    torch.compiler.reset()
    model = Tiny(torch.float32)
    function = torch.compile(model, backend="aot_eager", fullgraph=True) if is_compiled else model
    raw = raw_ids(4)
    with torch.autocast("cpu", torch.bfloat16):
        loss = function(raw, 4)
        inputs, targets = fold(raw, 4)
        logits = model.head.logits(model.hidden(inputs)).float().flatten(0, 1)
    assert loss.dtype == torch.float32
    model.head.z_loss = 0.0
    lse = logits.logsumexp(1)
    expected = torch.stack([F.cross_entropy(logits, slot) for slot in targets.flatten(0, 1).unbind(1)]).mean()
    expected = expected + 1e-3 * lse.square().mean()
    # The reference rounds logits to bf16: relative 2^-9 of numbers below 4.
    assert abs(loss.item() - expected.item()) < 4 * 2**-9
    loss.backward()
    assert all(p.grad is not None and p.grad.dtype == torch.float32 for p in model.parameters())


def test_autocast_computes_what_bf16_arguments_give():
    hidden, weight = random((6, WIDTH), 1, torch.float32), random((VOCABULARY, WIDTH), 2, torch.float32)
    targets = integers(VOCABULARY, (6, 3), 3)

    def loss(h, w):
        return multi_hot_linear_cross_entropy(h, w, targets)[0]

    with torch.autocast("cpu", torch.bfloat16):
        ours = gradients(loss, hidden, weight)
        double = loss(hidden.double(), weight.double())
    expected, grads = gradients(loss, hidden.bfloat16(), weight.bfloat16())
    assert ours[0] == expected and all(g.dtype == torch.float32 for g in ours[1])
    assert all(torch.equal(g, e.float()) for g, e in zip(ours[1], grads, strict=True))
    assert double.dtype == torch.float64  # autocast leaves f64 alone
    assert torch.equal(double, loss(hidden.double(), weight.double()))


# ---- Checkpointing ----


@pytest.mark.parametrize("use_reentrant", [False, True])
def test_activation_checkpointing(use_reentrant):
    hidden, weight, table = random((6, WIDTH), 1), random((VOCABULARY, WIDTH), 2), random((VOCABULARY, WIDTH), 3)
    ids, targets = integers(VOCABULARY, (1, 6, 4), 4), integers(VOCABULARY, (6, 4), 5)

    def loss(h, w, t):
        bags = bag_embedding(t, ids)[0]
        return multi_hot_linear_cross_entropy(torch.tanh(h + bags), w, targets)[0]

    def checkpointed(h, w, t):
        return torch.utils.checkpoint.checkpoint(loss, h, w, t, use_reentrant=use_reentrant)

    assert_same(backward(checkpointed, hidden, weight, table), backward(loss, hidden, weight, table), rtol=0)


def backward(function, *tensors):
    leaves = [leaf(x) for x in tensors]
    loss = function(*leaves)
    loss.backward()
    return loss.detach(), [x.grad for x in leaves]


def test_checkpointing_under_compile():
    torch.compiler.reset()
    model = Tiny()

    def loss(raw):
        return torch.utils.checkpoint.checkpoint(model, raw, 4, use_reentrant=False)

    model.zero_grad()
    torch.compile(loss, backend="aot_eager", fullgraph=True)(raw_ids(4)).backward()
    ours = [p.grad.clone() for p in model.parameters()]
    expected = step(model, raw_ids(4), 4)[1]
    assert all(torch.allclose(a, b, rtol=1e-12, atol=1e-15) for a, b in zip(ours, expected, strict=True))


def test_saved_tensors_may_move():
    hidden, weight, targets = random((6, WIDTH), 1), random((VOCABULARY, WIDTH), 2), integers(9, (6, 3), 3)

    def loss(h, w):
        with torch.autograd.graph.save_on_cpu():
            return 2 * multi_hot_linear_cross_entropy(h, w, targets)[0]

    expected = gradients(lambda h, w: 2 * slots_loss(h, w, targets), hidden, weight)
    assert_same(gradients(loss, hidden, weight), expected)


# ---- Tensors without values ----


@pytest.mark.parametrize("kind", ["meta", "fake"])
def test_shapes_without_values(kind):
    def run(device):
        table = torch.empty(VOCABULARY, WIDTH, device=device, dtype=torch.bfloat16, requires_grad=True)
        weight = torch.empty(VOCABULARY, WIDTH, device=device, dtype=torch.bfloat16, requires_grad=True)
        raw = torch.empty(3, 24, dtype=torch.int64, device=device)
        inputs, targets = fold(raw, 4, documents=raw)
        hidden = bag_embedding(table, inputs)
        assert hidden.shape == (3, 5, WIDTH) and hidden.dtype == torch.bfloat16
        counts = count_targets(targets)
        loss, own = multi_hot_linear_cross_entropy(hidden.flatten(0, 1), weight, targets.flatten(0, 1), counts=counts)
        assert loss.shape == () and loss.dtype == torch.float32 and own.shape == (4,)
        loss.backward()
        assert table.grad.shape == table.shape and weight.grad.dtype == torch.bfloat16

    if kind == "meta":
        run("meta")
    else:
        with FakeTensorMode():
            run("cpu")


def test_deferred_initialisation():
    with torch.device("meta"):
        model = Tiny.__new__(Tiny)
        nn.Module.__init__(model)
        model.tokens = BagEmbedding(nn.Embedding(VOCABULARY, WIDTH))
        model.head = BagHead(nn.Linear(WIDTH, VOCABULARY, bias=False))
    model.to_empty(device="cpu")
    for i, parameter in enumerate(model.parameters()):
        parameter.data = random(parameter.shape, i, torch.float32)
    inputs, targets = fold(raw_ids(2), 2)
    assert torch.isfinite(model.head(model.tokens(inputs), targets))
