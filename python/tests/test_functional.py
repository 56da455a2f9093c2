"""bag_embedding, the loss and fold against compositions in f64 and numbers worked out by hand."""

import math

import pytest
import torch
from reference import gradients, integers, leaf, mean_of_bags, random, slots_loss
from torch.nn import functional as F

import superpose
from superpose import chunked, composed
from superpose.functional import bag_embedding, count_targets, fold, multi_hot_linear_cross_entropy

TYPES = [torch.float32, torch.bfloat16, torch.float64]
OPTIONS = [{}, {"z_loss": 0.01, "logit_soft_cap": 3.0, "num_valid_rows": 9}]


def bag_arguments(dtype=torch.float64):
    ids = integers(7, (2, 3, 4), 2)
    ids[0, 0, 1] = -1
    ids[1, 2] = 5  # one token four times
    return random((7, 5), 1, dtype), ids


def loss_arguments(dtype=torch.float64):
    targets = integers(9, (6, 3), 3)
    targets[1] = -100
    targets[2, 0] = -100
    targets[3] = 4  # three times the same
    targets[4, 1] = targets[4, 2] = 0  # twice the row that ignored targets stand for inside
    return random((6, 4), 1, dtype), random((11, 4), 2, dtype), targets, [0.5, 0.3, 0.2]


def assert_close(ours, expected, dtype, terms):
    """Within the rounding of a sum of `terms` numbers of the size of the largest, and of the result's type."""
    scale = expected.abs().max().item() + 1e-30
    epsilon = torch.finfo(torch.float64 if dtype == torch.float64 else torch.float32).eps * terms
    epsilon += torch.finfo(dtype).eps * 4
    assert (ours.double() - expected.double()).abs().max().item() <= epsilon * scale


# ---- bag_embedding ----


@pytest.mark.parametrize("dtype", TYPES)
def test_bag_is_the_mean_of_its_valid_tokens(dtype):
    weight, ids = bag_arguments(dtype)
    ours, (ours_grad,) = gradients(lambda w: bag_embedding(w, ids).double().square().sum(), weight)
    expected, (grad,) = gradients(lambda w: mean_of_bags(w, ids).square().sum(), weight.double())
    assert bag_embedding(weight, ids).dtype == dtype
    assert_close(bag_embedding(weight, ids), mean_of_bags(weight.double(), ids), dtype, 8)
    assert ours_grad.dtype == dtype
    # bf16: what comes in is twice the rounded output.
    assert_close(ours_grad, grad, dtype, 32)


def test_one_token_per_bag_is_an_embedding():
    weight, ids = random((20, 13), 1, torch.float32), integers(20, (3, 5, 1), 2)
    ours, ours_grad = gradients(lambda w: bag_embedding(w, ids).sin().sum(), weight)
    expected, grad = gradients(lambda w: F.embedding(ids[..., 0], w).sin().sum(), weight)
    assert torch.equal(ours, expected) and torch.equal(ours_grad[0], grad[0])


def test_bf16_is_summed_in_f32():
    weight = torch.tensor([[256.0], [1.0]], dtype=torch.bfloat16)  # bf16: 256 + 1 = 256
    ids = torch.tensor([[[0] + [1] * 15]])
    assert bag_embedding(weight, ids).item() == torch.tensor((256 + 15) / 16).bfloat16().item()
    weight = leaf(weight)
    grad = torch.tensor([256.0] + [1.0] * 15, dtype=torch.bfloat16).view(1, 16, 1)
    bag_embedding(weight, torch.zeros(1, 16, 1, dtype=torch.int64)).backward(grad)
    assert weight.grad[0].item() == torch.tensor(271.0).bfloat16().item()


def test_bag_embedding_derivatives():
    weight, ids = bag_arguments()
    assert torch.autograd.gradcheck(lambda w: bag_embedding(w, ids), (leaf(weight),))
    assert torch.autograd.gradgradcheck(lambda w: bag_embedding(w, ids).square(), (leaf(weight),))


def test_order_within_a_bag_does_not_matter():
    weight, ids = bag_arguments()
    assert torch.allclose(bag_embedding(weight, ids), bag_embedding(weight, ids.flip(2)), rtol=1e-14, atol=0)


def test_padding_idx_does_not_count():
    weight, ids = bag_arguments()
    other = ids.masked_fill(ids == -1, 6)
    ids = ids.masked_fill(ids == 6, -1)
    assert torch.equal(bag_embedding(weight, other, padding_idx=6), bag_embedding(weight, ids))


def test_bag_embedding_without_bags():
    weight, _ = bag_arguments()
    assert bag_embedding(weight, torch.empty(2, 0, 3, dtype=torch.int64)).shape == (2, 0, 5)


@pytest.mark.parametrize(
    ("ids", "message"),
    [
        (torch.tensor([[[7]]]), r"expected ids in \[0, 7\) or -1, got 7"),
        (torch.tensor([[[-2]]]), r"expected ids in \[0, 7\) or -1, got -2"),
        (torch.tensor([[[-1, -1]]]), "expected at least one valid id in every bag"),
        (torch.tensor([[[1]]], dtype=torch.int32), "expected ids of type int64, got torch.int32"),
        (torch.empty(1, 1, 0, dtype=torch.int64), r"expected ids \[..., s\] with s >= 1"),
    ],
)
def test_bag_embedding_refuses(ids, message):
    with pytest.raises(ValueError, match=f"bag_embedding: {message}"):
        bag_embedding(bag_arguments()[0], ids)


def test_bag_embedding_refuses_weights():
    _, ids = bag_arguments()
    with pytest.raises(ValueError, match="expected weight of type float32, bfloat16 or float64, got torch.float16"):
        bag_embedding(random((7, 5), 1, torch.float16), ids)
    with pytest.raises(ValueError, match=r"expected weight \[V, D\], got \[7\]"):
        bag_embedding(random((7,), 1), ids)


# ---- Loss ----


@pytest.mark.parametrize("chunk_rows", [None, 1, 4])
@pytest.mark.parametrize("options", OPTIONS)
@pytest.mark.parametrize("dtype", TYPES)
def test_loss_and_gradients_are_those_of_separate_cross_entropies(dtype, options, chunk_rows):
    hidden, weight, targets, slots = loss_arguments(dtype)
    ours, ours_grads = gradients(
        lambda h, w: multi_hot_linear_cross_entropy(h, w, targets, slots, chunk_rows=chunk_rows, **options)[0],
        hidden, weight,
    )  # fmt: skip
    expected, grads = gradients(
        lambda h, w: slots_loss(h, w, targets, slots, **options), hidden.double(), weight.double()
    )
    assert ours.dtype == (torch.float64 if dtype == torch.float64 else torch.float32)
    # bf16 is exact in f32, which the products are in on CPUs without bf16 products; others round logits.
    rounds = dtype == torch.bfloat16 and torch.ops.mkldnn._is_mkldnn_bf16_supported()
    assert abs(ours.item() - expected.item()) < (0.02 if rounds else 1e-14 if dtype == torch.float64 else 2e-6)
    for got, grad in zip(ours_grads, grads, strict=True):
        assert got.dtype == dtype
        assert_close(got, grad, dtype, 64)


def test_s_1_is_cross_entropy():
    hidden, weight, targets, _ = loss_arguments()
    one = targets[:, :1].contiguous()
    ours, ours_grads = gradients(lambda h, w: multi_hot_linear_cross_entropy(h, w, one)[0], hidden, weight)
    expected, grads = gradients(lambda h, w: F.cross_entropy(F.linear(h, w), one[:, 0]), hidden, weight)
    assert math.isclose(ours.item(), expected.item(), rel_tol=1e-14)
    for got, grad in zip(ours_grads, grads, strict=True):
        assert torch.allclose(got, grad, rtol=1e-13, atol=1e-15)


def test_loss_of_equal_logits_is_the_logarithm_of_the_vocabulary():
    """The three bugs of hand-made versions: ln V / s, labels not bagged, slot 1 weighted 0."""
    hidden, weight = torch.zeros(5, 4), random((50, 4), 1, torch.float32)
    for bag_size in (1, 4, 16):
        loss, _ = multi_hot_linear_cross_entropy(hidden, weight, integers(50, (5, bag_size), 2))
        assert math.isclose(loss.item(), math.log(50), rel_tol=1e-6)


def test_slots_are_averaged_over_their_own_positions():
    hidden, weight, targets, _ = loss_arguments()
    loss, counts = multi_hot_linear_cross_entropy(hidden, weight, targets)
    assert counts.tolist() == [4, 5, 5] == count_targets(targets).tolist()
    pooled = -F.linear(hidden, weight).log_softmax(1).gather(1, targets.clamp_min(0))[targets != -100].mean()
    assert abs(loss.item() - pooled.item()) > 1e-4


def test_weights_are_renormalised_over_slots_with_targets():
    hidden, weight, targets, _ = loss_arguments()
    targets[:, 1] = -100
    ours, _ = multi_hot_linear_cross_entropy(hidden, weight, targets, [1.0, 5.0, 3.0])
    expected, _ = multi_hot_linear_cross_entropy(hidden, weight, targets[:, ::2].contiguous(), [0.25, 0.75])
    assert math.isclose(ours.item(), expected.item(), rel_tol=1e-14)


@pytest.mark.parametrize("rows", [0, 6])
def test_no_valid_target_is_no_loss_and_no_gradient(rows):
    hidden, weight, _, _ = loss_arguments()
    hidden = hidden[:rows].masked_fill(torch.tensor(True), torch.inf)  # their logits are not looked at
    targets = torch.full((rows, 2), -100)
    loss, grads = gradients(lambda h, w: multi_hot_linear_cross_entropy(h, w, targets)[0], hidden, weight)
    assert loss == 0 and not grads[0].any()
    if rows == 0:
        assert not grads[1].any()


def test_padded_vocabulary_rows_take_no_part():
    hidden, weight, targets, slots = loss_arguments()
    ours, grads = gradients(
        lambda h, w: multi_hot_linear_cross_entropy(h, w, targets, slots, num_valid_rows=9)[0], hidden, weight
    )
    cut, cut_grads = gradients(
        lambda h, w: multi_hot_linear_cross_entropy(h, w, targets, slots)[0], hidden, weight[:9].contiguous()
    )
    assert ours == cut and torch.equal(grads[1][:9], cut_grads[1]) and not grads[1][9:].any()


def test_equal_targets_are_each_counted():
    grad = torch.zeros(2, 5)
    index = torch.tensor([[3, 1, 3], [0, 0, 0]])
    composed.subtract_targets(grad, index, torch.tensor([[0.5, 0.25, 0.125], [1.0, 2.0, 0.0]]))
    assert torch.equal(-grad, torch.tensor([[0, 0.25, 0, 0.625, 0], [3.0, 0, 0, 0, 0]]))


@pytest.mark.parametrize("options", OPTIONS)
def test_gradcheck(options):
    hidden, weight, targets, slots = loss_arguments()

    def loss(h, w):
        return multi_hot_linear_cross_entropy(h, w, targets, slots, chunk_rows=4, **options)[0]

    assert torch.autograd.gradcheck(loss, (leaf(hidden), leaf(weight)))


@pytest.mark.parametrize("bag_size", [1, 3, 7])
def test_golden_free_sizes(bag_size):
    """Sizes that are no multiple of anything, chunks that do not divide the rows."""
    hidden, weight = random((37, 19), 1), random((101, 19), 2)
    targets = integers(101, (37, bag_size), 3)
    targets[integers(2, (37, bag_size), 4) == 0] = -100
    options = {"z_loss": 1e-3}
    ours, ours_grads = gradients(
        lambda h, w: multi_hot_linear_cross_entropy(h, w, targets, chunk_rows=10, **options)[0], hidden, weight
    )
    expected, grads = gradients(lambda h, w: slots_loss(h, w, targets, **options), hidden, weight)
    assert math.isclose(ours.item(), expected.item(), rel_tol=1e-13)
    for got, grad in zip(ours_grads, grads, strict=True):
        assert torch.allclose(got, grad, rtol=1e-11, atol=1e-15)


def test_counts_make_parts_of_a_step_add_up():
    hidden, weight, targets, slots = loss_arguments()
    counts = count_targets(targets)
    whole, grads = gradients(lambda h, w: multi_hot_linear_cross_entropy(h, w, targets, slots)[0], hidden, weight)

    def in_parts(h, w):
        parts = [slice(0, 2), slice(2, 6)]
        return sum(multi_hot_linear_cross_entropy(h[p], w, targets[p], slots, counts=counts)[0] for p in parts)

    parts, part_grads = gradients(in_parts, hidden, weight)
    assert math.isclose(whole.item(), parts.item(), rel_tol=1e-14)
    for got, grad in zip(part_grads, grads, strict=True):
        assert torch.allclose(got, grad, rtol=1e-13, atol=1e-16)
    with pytest.raises(ValueError, match="expected counts of the whole step"):
        multi_hot_linear_cross_entropy(hidden, weight, targets, counts=counts - 1)


def test_backward_scales_and_may_be_repeated():
    hidden, weight, targets, _ = loss_arguments()
    _, grads = gradients(lambda h, w: multi_hot_linear_cross_entropy(h, w, targets)[0], hidden, weight)
    h, w = leaf(hidden), leaf(weight)
    loss = multi_hot_linear_cross_entropy(h, w, targets)[0]
    loss.backward(retain_graph=True)
    first = h.grad
    (3 * loss).backward()
    assert torch.allclose(h.grad, 4 * grads[0], rtol=1e-14, atol=0)
    assert torch.allclose(w.grad, 4 * grads[1], rtol=1e-14, atol=0)
    assert first is h.grad


def test_gradient_of_one_input_alone():
    hidden, weight, targets, _ = loss_arguments()
    _, both = gradients(lambda h, w: multi_hot_linear_cross_entropy(h, w, targets)[0], hidden, weight)
    alone = gradients(lambda h: multi_hot_linear_cross_entropy(h, weight, targets)[0], hidden)[1]
    assert torch.equal(alone[0], both[0])
    alone = gradients(lambda w: multi_hot_linear_cross_entropy(hidden, w, targets)[0], weight)[1]
    assert torch.equal(alone[0], both[1])
    with torch.no_grad():
        assert not multi_hot_linear_cross_entropy(leaf(hidden), leaf(weight), targets)[0].requires_grad


def test_second_derivative_is_refused():
    hidden, weight, targets, _ = loss_arguments()
    for index in range(2):
        leaves = [leaf(hidden), leaf(weight)]
        loss = multi_hot_linear_cross_entropy(*leaves, targets)[0]
        (first,) = torch.autograd.grad(loss, leaves[index], create_graph=True)
        with pytest.raises(NotImplementedError, match="has no second derivative"):
            first.square().sum().backward()


def test_logits_exist_for_a_chunk_at_a_time():
    """The largest tensor that the loss makes is a chunk's logits or a gradient."""
    largest = 0

    class Watch(torch.utils._python_dispatch.TorchDispatchMode):
        def __torch_dispatch__(self, function, types, arguments=(), options=None):
            nonlocal largest
            result = function(*arguments, **(options or {}))
            for tensor in result if isinstance(result, (tuple, list)) else [result]:
                largest = max(largest, tensor.numel() if isinstance(tensor, torch.Tensor) else 0)
            return result

    hidden, weight, targets = random((64, 4), 1), random((200, 4), 2), integers(200, (64, 4), 3)
    coefficients = torch.full((4,), 1 / 256, dtype=torch.float64)
    with Watch():
        chunked.multi_hot_forward(hidden, weight, targets, coefficients, 0.0, 0.0, 200, -100, True, True, 8)
    assert largest == 8 * 200 < 64 * 200


NAN, INFINITY = math.nan, math.inf


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"z_loss": -1.0}, r"expected z_loss in \[0, .*\], got -1.0"),
        ({"z_loss": NAN}, "expected z_loss in .*, got nan"),
        ({"logit_soft_cap": INFINITY}, "expected logit_soft_cap 0 .*, got inf"),
        ({"logit_soft_cap": NAN}, "expected logit_soft_cap 0 .*, got nan"),
        ({"logit_soft_cap": 5e-324}, "expected logit_soft_cap 0 "),
        ({"num_valid_rows": 12}, r"expected num_valid_rows in \[1, 11\] or -1, got 12"),
        ({"num_valid_rows": 8}, r"expected targets in \[0, 8\) or -100, got 8"),
        ({"ignore_index": 0}, "expected a negative ignore_index, got 0"),
        ({"chunk_rows": 0}, "expected chunk_rows >= 1, got 0"),
        ({"targets": torch.full((6, 3), 11)}, r"expected targets in \[0, 11\) or -100, got 11"),
        ({"targets": torch.full((6, 3), -1)}, r"expected targets in \[0, 11\) or -100, got -1"),
        ({"targets": torch.zeros(5, 3, dtype=torch.int64)}, r"expected targets \[6, s\] with s >= 1, got \[5, 3\]"),
        ({"targets": torch.zeros(6, 3)}, "expected targets of type int64, got torch.float32"),
        ({"hidden": torch.zeros(2, 3, 4, dtype=torch.float64)}, r"expected hidden \[N, D\], got \[2, 3, 4\]"),
        ({"hidden": torch.zeros(6, 4)}, "expected weight of type torch.float32 like hidden, got torch.float64"),
        ({"weight": torch.zeros(11, 5, dtype=torch.float64)}, r"expected weight \[V, 4\], got \[11, 5\]"),
        ({"slot_weights": [1.0, 2.0]}, r"expected slot_weights \[3\], got \[2\]"),
        ({"slot_weights": [1.0, -0.5, 1.0]}, "expected finite slot_weights >= 0, got -0.5"),
        ({"slot_weights": [1.0, NAN, 1.0]}, "expected finite slot_weights >= 0, got nan"),
        ({"slot_weights": [1e308, 1e308, 1e308]}, "expected slot_weights with a finite sum, got inf"),
        ({"slot_weights": torch.ones(3, requires_grad=True)}, "has no gradient for slot_weights"),
        ({"slot_weights": torch.ones(3, dtype=torch.int64)}, "expected floating point slot_weights"),
        ({"counts": torch.ones(3)}, r"expected counts \[3\] of type int64"),
    ],
)
def test_loss_refuses(change, message):
    hidden, weight, targets, slots = loss_arguments()
    targets[0, 0] = 8
    arguments = {"hidden": hidden, "weight": weight, "targets": targets, "slot_weights": slots, **change}
    with pytest.raises(ValueError, match=f"multi_hot_linear_cross_entropy: {message}"):
        multi_hot_linear_cross_entropy(**arguments)


# ---- fold ----


def test_fold_gives_each_bag_the_next_one():
    inputs, targets = fold(torch.arange(12).view(1, 12), 3)
    assert inputs.tolist() == [[[0, 1, 2], [3, 4, 5], [6, 7, 8]]]
    assert targets.tolist() == [[[3, 4, 5], [6, 7, 8], [9, 10, 11]]]


@pytest.mark.parametrize(("a", "b"), [(1, 1), (1, 3), (3, 1), (2, 5), (5, 2), (4, 4)])
def test_fold_alignment(a, b):
    length = 4
    inputs, targets = fold(torch.arange(2 * (a * length + b)).view(2, -1), a, b)
    assert inputs.shape == (2, length, a) and targets.shape == (2, length, b)
    for row in range(2):
        offset = row * (a * length + b)
        for j in range(length):
            assert inputs[row, j].tolist() == [offset + j * a + i for i in range(a)]
            assert targets[row, j].tolist() == [offset + (j + 1) * a + i for i in range(b)]


def test_fold_drops_padding_and_other_documents():
    raw = torch.tensor([1, 2, 3, -1, 4, 5, 6, 7])
    documents = torch.tensor([0, 0, 0, 0, 1, 1, 1, 2])
    inputs, targets = fold(raw, 2)
    assert inputs.tolist() == [[1, 2], [3, -1], [4, 5]]
    assert targets.tolist() == [[3, -100], [4, 5], [6, 7]]
    _, targets = fold(raw, 2, documents=documents, ignore_index=-7)
    assert targets.tolist() == [[3, -7], [-7, -7], [6, -7]]


def test_fold_takes_the_document_of_a_bags_last_token():
    raw, documents = torch.tensor([1, 2, -1, 3, 4, 5]), torch.tensor([0, 1, 2, 1, 0, 2])
    _, targets = fold(raw, 3, documents=documents)
    assert targets.tolist() == [[3, -100, -100]]


@pytest.mark.parametrize(
    ("width", "a", "b", "message"),
    [(7, 3, 3, r"expected ids \[..., 3 L \+ 3\] with L >= 1, got \[7\]"), (3, 3, 3, "with L >= 1"), (6, 0, 1, ">= 1")],
)
def test_fold_refuses(width, a, b, message):
    with pytest.raises(ValueError, match=f"fold: .*{message}"):
        fold(torch.arange(width), a, b)


def test_everything_public_has_a_docstring():
    for name in superpose.__all__:
        assert getattr(superpose, name).__doc__, name
