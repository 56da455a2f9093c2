"""The operators as a Python program sees them: libsuperpose_ops.so loaded into a plain torch process."""

import os

import pytest
import torch

torch.ops.load_library(os.environ["SUPERPOSE_OPS_LIBRARY"])
bag_embedding = torch.ops.superpose.bag_embedding.default
multi_hot = torch.ops.superpose.multi_hot_linear_cross_entropy.default

TYPES = [torch.float32, torch.bfloat16, torch.float64]


def random(shape, dtype, seed, requires_grad=True):
    generator = torch.Generator().manual_seed(seed)
    values = torch.rand(shape, generator=generator, dtype=torch.float64) * 2 - 1
    return values.to(dtype).requires_grad_(requires_grad)


def integers(high, shape, seed):
    return torch.randint(0, high, shape, generator=torch.Generator().manual_seed(seed))


def bag_arguments(dtype):
    ids = integers(7, (2, 3, 4), 2)
    ids[0, 0, 1] = -1
    return random((7, 5), dtype, 1), ids


def multi_hot_arguments(dtype):
    targets = integers(9, (6, 3), 3)
    targets[1] = -100
    targets[2, 0] = -100
    weights = torch.tensor([0.5, 0.3, 0.2])
    return random((6, 4), dtype, 1), random((11, 4), dtype, 2), targets, weights


OPTIONS = [{}, {"z_loss": 0.01, "logit_soft_cap": 3.0, "num_valid_rows": 9}]


@pytest.mark.parametrize("dtype", TYPES)
def test_opcheck_bag_embedding(dtype):
    torch.library.opcheck(bag_embedding, bag_arguments(dtype))


@pytest.mark.parametrize("options", OPTIONS)
@pytest.mark.parametrize("dtype", TYPES)
def test_opcheck_multi_hot(dtype, options):
    torch.library.opcheck(multi_hot, multi_hot_arguments(dtype), options)


def test_gradcheck_bag_embedding():
    weight, ids = bag_arguments(torch.float64)
    assert torch.autograd.gradcheck(lambda w: bag_embedding(w, ids), (weight,))
    assert torch.autograd.gradgradcheck(lambda w: bag_embedding(w, ids), (weight,))


@pytest.mark.parametrize("options", OPTIONS)
def test_gradcheck_multi_hot(options):
    hidden, weight, targets, slots = multi_hot_arguments(torch.float64)

    def loss(h, w):
        return multi_hot(h, w, targets, slots, **options)[0]

    assert torch.autograd.gradcheck(loss, (hidden, weight))


def test_one_token_a_bag_is_embedding():
    weight = random((20, 13), torch.float32, 1)
    ids = integers(20, (3, 5, 1), 2)
    assert torch.equal(bag_embedding(weight, ids), torch.nn.functional.embedding(ids[..., 0], weight))


def test_uniform_slots_are_the_mean_of_separate_cross_entropies():
    hidden, weight, targets, _ = multi_hot_arguments(torch.float32)
    loss, counts = multi_hot(hidden, weight, targets, torch.ones(3))
    logits = (hidden @ weight.T).double()
    separate = torch.stack([torch.nn.functional.cross_entropy(logits, targets[:, i]) for i in range(3)])
    # A logit is a sum of 4 products below 1 in f32; the loss moves at most twice as far.
    assert abs(loss.item() - separate.mean().item()) < 2 * 4 * 4 * torch.finfo(torch.float32).eps
    assert counts.tolist() == [4, 5, 5]


def test_gradient_of_one_input_alone():
    hidden, weight, targets, slots = multi_hot_arguments(torch.float64)
    both = torch.autograd.grad(multi_hot(hidden, weight, targets, slots)[0], (hidden, weight))
    for index, (h, w) in enumerate([(hidden, weight.detach()), (hidden.detach(), weight)]):
        alone = torch.autograd.grad(multi_hot(h, w, targets, slots)[0], (h, w)[index])[0]
        assert torch.equal(alone, both[index])
    with torch.no_grad():
        assert not multi_hot(hidden, weight, targets, slots)[0].requires_grad
    with torch.inference_mode():
        assert torch.equal(multi_hot(hidden, weight, targets, slots)[1], torch.tensor([4, 5, 5]))


def test_refuses_wrong_values():
    weight, ids = bag_arguments(torch.float32)
    with pytest.raises(ValueError, match=r"bag_embedding.* ids .*\[0, 7\).* 7\b"):
        bag_embedding(weight, torch.full_like(ids, 7))
    hidden, head, targets, slots = multi_hot_arguments(torch.float32)
    with pytest.raises(ValueError, match=r"targets .*\[0, 8\).* 8\b"):
        multi_hot(hidden, head, torch.full_like(targets, 8), slots, num_valid_rows=8)
    with pytest.raises(ValueError, match=r"targets .*\[6, s\].*\[5, 3\]"):
        multi_hot(hidden, head, targets[:5], slots)


def test_second_derivative_of_the_loss_is_refused():
    hidden, weight, targets, slots = multi_hot_arguments(torch.float64)
    loss = multi_hot(hidden, weight, targets, slots)[0]
    with pytest.raises(NotImplementedError, match="second derivative"):
        torch.autograd.grad(loss, hidden, create_graph=True)


def test_meta_device():
    hidden = torch.empty(8, 4, device="meta", requires_grad=True)
    weight = torch.empty(11, 4, device="meta", requires_grad=True)
    targets = torch.empty(8, 3, dtype=torch.int64, device="meta")
    loss, counts = multi_hot(hidden, weight, targets, torch.empty(3, device="meta"))
    loss.backward()
    assert hidden.grad.shape == hidden.shape and weight.grad.shape == weight.shape
    assert counts.shape == (3,)
